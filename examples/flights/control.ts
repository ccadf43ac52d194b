/** The loop, steered as anybody would: by Seawall's commands, and by Temporal's queries and signals. */
import { spawn } from 'node:child_process';
import type { Client } from '@temporalio/client';
import type { SeawallClient } from '../../src/client/index.js';
import { modelLoopId, SeawallError } from '../../src/contracts/index.js';
import { DEMO_USER, type LoopControl, MODEL } from './world.js';

export interface ControlOptions {
  client: SeawallClient;
  temporal: Client;
  /** `bin/seawall.js`. */
  seawall: string;
  /** Environment of the commands: names the stack. */
  env: Readonly<Record<string, string | undefined>>;
  applyConfig: () => Promise<void>;
  signal: AbortSignal;
}

export function createLoopControl(options: ControlOptions): LoopControl {
  const { client, temporal, seawall, env, applyConfig, signal } = options;
  const command = (...args: string[]): Promise<void> => runCommand(seawall, [...args, '--json'], env, signal);
  return {
    applyConfig,
    start: async () => void (await client.startLoop(MODEL)),
    feed: () => temporal.workflow.getHandle(modelLoopId(MODEL)).signal('feed'),
    status: () => client.loopStatus(MODEL),
    runStatus: (n) => client.runStatus(MODEL, n),
    approve: (n, reason) => command('approve', MODEL, '--run', String(n), '--by', DEMO_USER, '--reason', reason),
  };
}

/** Runs `seawall …` to its end; what it reports as its error is thrown. */
function runCommand(seawall: string, args: string[], env: ControlOptions['env'], signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [seawall, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'], signal });
    let output = '';
    let complaints = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => (complaints += chunk));
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve();
      else reject(refusal(args, output, complaints));
    });
  });
}

function refusal(args: string[], output: string, complaints: string): SeawallError {
  const command = `seawall ${args.join(' ')}`;
  try {
    const { error } = JSON.parse(output) as { error: { type: SeawallError['type']; message: string; next: string } };
    return new SeawallError(error.type, `\`${command}\` failed: ${error.message}`, error.next);
  } catch {
    const text = (complaints || output).trim().slice(-500);
    return new SeawallError('Unavailable', `\`${command}\` failed: ${text}`, 'Run it by hand to see more.');
  }
}
