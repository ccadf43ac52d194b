/** One supervised process: started, watched until it is ready, started again with backoff when it dies, stopped in order. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { SeawallError } from '../contracts/index.js';
import type { StackEvent } from './events.js';
import { identityOf, signalGroup } from './process-identity.js';
import type { ProcessIdentity } from './process-identity.js';

export interface ChildSpec {
  name: string;
  command: string;
  args: string[];
  env: NodeJS.ProcessEnv;
  cwd?: string;
  logFile: string;
  /** How it says that it can be used: it answers a probe, or prints a JSON line with `"ready": true`. */
  readiness: { kind: 'probe'; check: () => Promise<boolean> } | { kind: 'line' };
  readyWithinMs: number;
  stopGraceMs: number;
}

export interface ChildHooks {
  onEvent: (event: StackEvent) => void;
  /** Called whenever the set of processes changed. */
  onIdentity: (identity: ProcessIdentity | undefined) => void;
}

export interface SupervisedChild {
  name: string;
  /** Settles once: when first ready, or when it died or dawdled before that. */
  firstReady: Promise<void>;
  /** SIGTERM to the group, SIGKILL after the grace period; no restart any more. */
  stop(): Promise<void>;
}

const BACKOFF_MIN_MS = 500;
const BACKOFF_MAX_MS = 30_000;
/** A child that was ready for so long gets the short delay again. */
const HEALTHY_AFTER_MS = 30_000;

/** How long to wait before the next start. */
export function nextBackoffMs(previousMs: number, readyForMs: number): number {
  if (previousMs === 0 || readyForMs >= HEALTHY_AFTER_MS) return BACKOFF_MIN_MS;
  return Math.min(previousMs * 2, BACKOFF_MAX_MS);
}

/** Starts a child and keeps it running until `stop`. A child that dies before it was ever ready is not started again. */
export function supervise(spec: ChildSpec, hooks: ChildHooks): SupervisedChild {
  const stopping = new AbortController();
  const first = settleOnce();
  let current: ChildProcess | undefined;

  const running = (async () => {
    let backoffMs = 0;
    let wasReady = false;
    while (!stopping.signal.aborted) {
      const run = launch(spec, hooks);
      current = run.child;
      const readyAt = await run.ready;
      if (readyAt !== undefined) {
        wasReady = true;
        first.resolve();
      }
      const reason = await run.ended;
      current = undefined;
      hooks.onIdentity(undefined);
      if (stopping.signal.aborted) break;
      if (!wasReady) {
        first.reject(neverReady(spec, reason));
        return;
      }
      backoffMs = nextBackoffMs(backoffMs, readyAt === undefined ? 0 : Date.now() - readyAt);
      hooks.onEvent({ kind: 'died', name: spec.name, reason, restartInMs: backoffMs });
      await delay(backoffMs, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
    first.reject(new SeawallError('Unavailable', `${spec.name} was stopped before it was ready`, 'Start it again.'));
  })();

  return {
    name: spec.name,
    firstReady: first.promise,
    async stop() {
      stopping.abort();
      const child = current;
      let killed = false;
      if (child?.pid !== undefined) {
        const { pid } = child;
        signalGroup(pid, 'SIGTERM');
        const force = setTimeout(() => (killed = signalGroup(pid, 'SIGKILL')), spec.stopGraceMs);
        await running;
        clearTimeout(force);
        hooks.onEvent({ kind: 'stopped', name: spec.name, killed });
      }
      await running;
    },
  };
}

function settleOnce() {
  let resolve = (): void => undefined;
  let reject = (_error: Error): void => undefined;
  const promise = new Promise<void>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  // Whoever waits sees the rejection; nobody has to wait.
  promise.catch(() => undefined);
  return { promise, resolve: () => resolve(), reject: (error: Error) => reject(error) };
}

interface Run {
  child: ChildProcess;
  /** When it became ready (ms since the epoch); undefined when it ended before. */
  ready: Promise<number | undefined>;
  /** Why it ended. */
  ended: Promise<string>;
}

function launch(spec: ChildSpec, { onEvent, onIdentity }: ChildHooks): Run {
  const startedAt = Date.now();
  const log = openSync(spec.logFile, 'a', 0o600);
  writeSync(log, `--- ${new Date().toISOString()} starting ${spec.name}\n`);
  const byLine = spec.readiness.kind === 'line';
  const child = spawn(spec.command, spec.args, {
    env: spec.env,
    cwd: spec.cwd,
    // An own group: a Ctrl-C in the terminal reaches the supervisor only, which stops the children in order.
    detached: true,
    // The channel closes when the supervisor dies, however it dies: app processes watch it.
    stdio: byLine ? ['ignore', 'pipe', log, 'ipc'] : ['ignore', log, log],
  });
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(signal ? `signal ${signal}` : `exit code ${code}`));
  });
  // Later than 'exit': the last lines may still be in the pipe.
  child.once('close', () => closeSync(log));
  if (child.pid !== undefined) {
    onIdentity(identityOf(child.pid));
    onEvent({ kind: 'started', name: spec.name, pid: child.pid });
  }
  const said = byLine && child.stdout ? readyLine(child, log) : undefined;
  const ready = awaitReady(spec, said, ended).then((isReady) => {
    if (isReady === 'ready') {
      onEvent({ kind: 'ready', name: spec.name, afterMs: Date.now() - startedAt });
      return Date.now();
    }
    if (isReady === 'late' && child.pid !== undefined) {
      onEvent({ kind: 'notReady', name: spec.name, withinMs: spec.readyWithinMs });
      writeSync(log, `--- not ready within ${spec.readyWithinMs / 1000} s\n`);
      signalGroup(child.pid, 'SIGKILL');
    }
    return undefined;
  });
  return { child, ready, ended };
}

/** Copies standard output to the log, and resolves at the line that says ready. */
function readyLine(child: ChildProcess, log: number): Promise<void> {
  return new Promise((resolve) => {
    const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
    lines.on('line', (line) => {
      writeSync(log, `${line}\n`);
      if (saysReady(line)) resolve();
    });
  });
}

function saysReady(line: string): boolean {
  if (!line.includes('"ready"')) return false;
  try {
    return (JSON.parse(line) as { ready?: unknown }).ready === true;
  } catch {
    return false;
  }
}

async function awaitReady(
  spec: ChildSpec,
  said: Promise<void> | undefined,
  ended: Promise<string>,
): Promise<'ready' | 'late' | 'ended'> {
  const over = new AbortController();
  const late = delay(spec.readyWithinMs, 'late' as const, { signal: over.signal }).catch(() => 'late' as const);
  const gone = ended.then(() => 'ended' as const);
  const probed = said
    ? said.then(() => 'ready' as const)
    : answers(spec.readiness, over.signal).then(() => 'ready' as const);
  const outcome = await Promise.race([probed, gone, late]);
  over.abort();
  return outcome;
}

async function answers(readiness: ChildSpec['readiness'], signal: AbortSignal): Promise<void> {
  while (!signal.aborted && readiness.kind === 'probe') {
    if (await readiness.check()) return;
    await delay(100, undefined, { signal }).catch(() => undefined);
  }
}

function neverReady(spec: ChildSpec, reason: string): SeawallError {
  return new SeawallError(
    'Unavailable',
    `${spec.name} did not start (${reason}). The end of its log:\n${tailOf(spec.logFile)}`,
    `Look at ${spec.logFile}, then try again.`,
  );
}

/** The last lines of a log since its last start. */
export function tailOf(file: string, lines = 10): string {
  try {
    const text = readFileSync(file, 'utf8');
    const sinceStart = text.slice(Math.max(0, text.lastIndexOf('\n--- ') + 1));
    return sinceStart.trimEnd().split('\n').slice(-lines).join('\n');
  } catch {
    return '(no log)';
  }
}
