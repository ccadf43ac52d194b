/** `seawall up`: the embedded stack, in the foreground or detached. */
import { spawn } from 'node:child_process';
import { mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { SeawallError } from '../contracts/index.js';
import { tailOf } from '../stack/child.js';
import { describeEvent } from '../stack/events.js';
import { startStack } from '../stack/stack.js';
import type { Stack } from '../stack/stack.js';
import { readLiveState, type StackState } from '../stack/state.js';
import { packageRoot } from '../workers/package-root.js';
import type { CommandContext, CommandHandler } from './command.js';
import { untilSignalled } from './lifetime.js';
import { stackOptionsFor } from './servers.js';

export const up: CommandHandler = (context) =>
  context.options['detach'] === true ? upDetached(context) : upForeground(context);

/** What `up` prints: where everything answers. */
interface UpDocument {
  temporal: string;
  ui?: string;
  s3: string;
  serving?: string;
  namespace: string;
  prefix: string;
  bucket: string;
  stateFile: string;
}

async function upForeground(context: CommandContext): Promise<number> {
  const { output, env, cwd, options } = context;
  const { homeDir } = context.localConfig();
  const ended = untilSignalled();
  const request = {
    env,
    cwd,
    stateFile: 'stack.json' as const,
    namespace: String(options['namespace']),
    prefix: String(options['prefix']),
    apps: options['apps'] !== false,
    onEvent: (event: Parameters<typeof describeEvent>[0]) => output.progress(describeEvent(event)),
    signal: ended.signal,
  };
  let stack: Stack;
  try {
    stack = await startStack(await stackOptionsFor(request));
  } catch (error) {
    if (ended.signal.aborted) return 130; // Ctrl-C while it starts: everything is ended again, nothing went wrong
    throw error;
  }
  const document = describeStack(stack, homeDir);
  output.print(document, () => [...addressLines(document), 'Ctrl-C (or `seawall down`) stops it; the data stay.']);
  process.send?.({ kind: 'stack-ready', document });
  await aborted(ended.signal);
  output.progress('stopping …');
  await stack.stop();
  return 0;
}

/** Starts the same command without a terminal, and waits until it says that it is ready or ends. */
async function upDetached({ output, options, localConfig }: CommandContext): Promise<void> {
  const { homeDir } = localConfig();
  const running = readLiveState(homeDir, 'stack.json');
  if (running?.ready) return reuse(running, homeDir, { output, options });
  mkdirSync(join(homeDir, 'logs'), { recursive: true });
  const logFile = join(homeDir, 'logs', 'supervisor.log');
  const log = openSync(logFile, 'w', 0o600);
  const flags = ['--namespace', String(options['namespace']), '--prefix', String(options['prefix'])];
  if (options['apps'] === false) flags.push('--no-apps');
  const child = spawn(process.execPath, [join(packageRoot, 'bin', 'seawall.js'), 'up', ...flags], {
    detached: true,
    stdio: ['ignore', log, log, 'ipc'],
  });
  const document = await new Promise<UpDocument>((resolve, reject) => {
    child.on('message', (message: { kind?: string; document: UpDocument }) => {
      if (message.kind === 'stack-ready') resolve(message.document);
    });
    child.once('error', reject);
    child.once('exit', () => reject(didNotComeUp(logFile)));
    const interrupted = () => child.kill('SIGTERM');
    process.once('SIGINT', interrupted).once('SIGTERM', interrupted);
  });
  child.disconnect();
  child.unref();
  output.print(document, () => [...addressLines(document), '`seawall down` stops it; the data stay.']);
}

/** Already up is as good as brought up, for the same workspace. */
function reuse(
  state: StackState,
  homeDir: string,
  { output, options }: Pick<CommandContext, 'output' | 'options'>,
): void {
  const { addresses, namespace, prefix, bucket, supervisor } = state;
  if (namespace !== options['namespace'] || prefix !== options['prefix']) {
    throw new SeawallError(
      'Conflict',
      `a stack for namespace ${namespace} and prefix ${prefix} runs in this folder already (pid ${supervisor.pid})`,
      'End it with `seawall down`, or use another folder.',
    );
  }
  const document = { ...addresses, namespace, prefix, bucket, stateFile: join(homeDir, 'stack.json') };
  output.progress(`already up (pid ${supervisor.pid})`);
  output.print(document, () => addressLines(document));
}

function didNotComeUp(logFile: string): SeawallError {
  return new SeawallError(
    'Unavailable',
    `the stack did not come up. The end of its log:\n${tailOf(logFile, 15)}`,
    `The whole log: ${logFile}`,
  );
}

function describeStack({ addresses, namespace, prefix, bucket }: Stack, homeDir: string): UpDocument {
  return { ...addresses, namespace, prefix, bucket, stateFile: join(homeDir, 'stack.json') };
}

function addressLines(document: UpDocument): string[] {
  return [
    `Temporal   ${document.temporal}   namespace ${document.namespace}`,
    ...(document.ui ? [`Web UI     ${document.ui}/namespaces/${document.namespace}/workflows`] : []),
    `S3         ${document.s3}   bucket ${document.bucket}, prefix ${document.prefix}`,
    ...(document.serving ? [`Serving    ${document.serving}`] : []),
  ];
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
