/** The worker's end of the guard: starting it, beating, asking for a stop, and learning how it all ended. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { ChildProcess } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { entryPoint } from '../entry-point.js';
import { GUARD_FDS, beatIntervalMs, guardWords } from './guard-protocol.js';
import type { GuardReport } from './guard-protocol.js';
import { sendSignal, waitUntilGroupIsGone } from './processes.js';

export interface GuardOptions {
  argv: readonly string[];
  cwd: string;
  env: Record<string, string>;
  heartbeatTimeoutMs: number;
  graceMs: number;
}

/** How a trainer ended, as far as the guard could say. */
export interface Ending {
  /** undefined: the guard died, or killed the group, before the trainer ended. */
  exit: { code: number | null; signal: NodeJS.Signals | null } | undefined;
  /** The trainer's program could not be started. */
  notStarted: { code: string; message: string } | undefined;
  /** Why the guard killed the group, if it did. */
  killing: 'silence' | 'workerGone' | 'graceOver' | undefined;
}

export interface Guard {
  stdout: Readable;
  stderr: Readable;
  /** SIGTERM to the trainer; SIGKILL to the group after the grace period. */
  stop(): void;
  /** SIGKILL to the group, now. */
  kill(): void;
  /** Resolves when no process of the group runs any more. Rejects when the guard itself could not be started. */
  ended: Promise<Ending>;
}

/** Starts a trainer under a guard in a process group of its own. Beats until the guard has ended. */
export function startGuard(options: GuardOptions): Guard {
  const script = entryPoint(import.meta.url, './guard.js');
  const numbers = [String(options.heartbeatTimeoutMs), String(options.graceMs)];
  const child = spawn(process.execPath, [script, ...numbers, ...options.argv], {
    cwd: options.cwd,
    env: options.env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe'],
  });
  const toGuard = child.stdio[GUARD_FDS.fromWorker] as Writable;
  const fromGuard = child.stdio[GUARD_FDS.toWorker] as Readable;
  // The guard may end between two beats.
  toGuard.on('error', () => undefined);
  const say = (word: string): void => void (toGuard.writable && toGuard.write(word));
  const beating = setInterval(() => say(guardWords.beat), beatIntervalMs(options.heartbeatTimeoutMs));
  const kill = (): void => void (child.pid !== undefined && sendSignal(-child.pid, 'SIGKILL'));
  const ended = waitForEnd(child, fromGuard).finally(() => {
    clearInterval(beating);
    toGuard.destroy();
  });
  return {
    stdout: child.stdout as Readable,
    stderr: child.stderr as Readable,
    stop: () => say(guardWords.stop),
    kill,
    ended,
  };
}

async function waitForEnd(child: ChildProcess, fromGuard: Readable): Promise<Ending> {
  const ending: Ending = { exit: undefined, notStarted: undefined, killing: undefined };
  const reports = createInterface({ input: fromGuard });
  reports.on('line', (line) => note(ending, parseReport(line)));
  const reportsEnded = new Promise<void>((resolve) => reports.on('close', resolve));
  fromGuard.on('error', () => undefined);
  await new Promise<void>((resolve, reject) => {
    child.on('exit', () => resolve());
    child.on('error', (error) => child.pid === undefined && reject(error));
  });
  const group = child.pid as number;
  // Somebody may have killed the guard alone; its trainer must not go on unguarded.
  sendSignal(-group, 'SIGKILL');
  await reportsEnded;
  await waitUntilGroupIsGone(group);
  return ending;
}

/** undefined for a line that a dying guard did not finish. */
function parseReport(line: string): GuardReport | undefined {
  try {
    return JSON.parse(line) as GuardReport;
  } catch {
    return undefined;
  }
}

function note(ending: Ending, report: GuardReport | undefined): void {
  switch (report?.event) {
    case undefined:
    case 'started':
      return;
    case 'notStarted':
      ending.notStarted = { code: report.code, message: report.message };
      return;
    case 'exited':
      ending.exit = { code: report.code, signal: report.signal };
      return;
    case 'killing':
      ending.killing = report.why;
  }
}
