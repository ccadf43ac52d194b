/** One start of a trainer program, from a clean environment to a result, with nothing of it left running. */
import { mkdir, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { trainerEnvironment } from './environment.js';
import { startGuard } from './guard-handle.js';
import { silenceLimitMs } from './guard-protocol.js';
import { countMemoryKills } from './memory.js';
import { findModel, stampModel } from './model-files.js';
import { createLastLines, openLineLog, parseProgress, readLines } from './output.js';
import { judge } from './outcome.js';
import { sweepAttempt, type Stray } from './sweep.js';
import type { TrainerPlaces } from './environment.js';
import type { Ending, Guard } from './guard-handle.js';
import type { LineLog, TrainerProgress } from './output.js';
import type { TrainerResult } from './outcome.js';

export interface RunTrainerOptions extends TrainerPlaces {
  /** Program and arguments; never a shell string. */
  argv: readonly string[];
  cwd: string;
  /** What the trainer may have of the worker's environment (see `allowedEnvironment`); nothing else is passed. */
  env: Record<string, string>;
  /** Everything that the trainer prints; up to 64 MiB. */
  logFile: string;
  /** Between SIGTERM and SIGKILL. */
  graceMs: number;
  timeoutMs: number;
  /** The activity's; the guard kills after half of it without a sign of the worker. */
  heartbeatTimeoutMs: number;
  /** Cancels: SIGTERM, grace, SIGKILL. */
  signal: AbortSignal;
  /** SIGKILL to the group at once, as it comes from outside; the result is that of a trainer that was killed. */
  killSignal?: AbortSignal;
  onProgress(progress: TrainerProgress): void;
  /** Every line of output that is no progress. */
  onLog?(line: string): void;
  /** How it left, for whoever wants more than the result. */
  onEnd?(end: TrainerEnding): void;
}

export interface TrainerEnding extends Ending {
  /** Processes of it that had left its group and were still there; they have been killed. */
  strays: Stray[];
}

/** After the group is gone, how long output may still arrive: a stranger may hold the pipe. */
const OUTPUT_PATIENCE_MS = 1000;
/** Node's timers hold 31 bits; a longer one would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * Runs a trainer under a guard. Resolves only when nothing of it runs any more: neither its process group nor, on
 * Linux, any process with its SEAWALL_ATTEMPT. Every way in which a trainer can end is a result.
 *
 * @throws Error when this side fails: a folder is missing, the guard cannot be started
 */
export async function runTrainer(options: RunTrainerOptions): Promise<TrainerResult> {
  if (options.signal.aborted) return { kind: 'cancelled' };
  await prepare(options);
  const before = await stampModel(options.modelDir);
  const killsBefore = await countMemoryKills();
  const startedAt = performance.now();
  const last = createLastLines();
  const log = openLineLog(options.logFile);
  const { ending, stopped } = await superviseGuard(options, log, last.add);
  const seconds = (performance.now() - startedAt) / 1000;
  const problem = await log.close();
  if (problem) last.add(problem);
  const memoryKill = ((await countMemoryKills()) ?? 0) > (killsBefore ?? Infinity);
  const model = await findModel(options.modelDir, before);
  return judge({ ...options, ending, stopped, seconds, memoryKill, model, lastLines: last.lines });
}

async function prepare(options: RunTrainerOptions): Promise<void> {
  for (const folder of [options.cwd, options.dataDir]) {
    const found = await stat(folder).catch(() => undefined);
    if (!found?.isDirectory()) throw new Error(`The trainer cannot be started: ${folder} is not a folder.`);
  }
  await mkdir(options.modelDir, { recursive: true });
  await mkdir(options.checkpointDir, { recursive: true });
}

async function superviseGuard(
  options: RunTrainerOptions,
  log: LineLog,
  addLast: (line: string) => void,
): Promise<{ ending: Ending; stopped: 'cancelled' | 'timedOut' | undefined }> {
  const guard = startGuard({ ...options, env: trainerEnvironment(options.env, options) });
  const output = readOutput(guard, options, log, addLast);
  const stop = stopOnDemand(guard, options);
  try {
    const ending = await guard.ended;
    const stopped = stop.reason();
    // Grandchildren that left the group; they may hold the output open, too.
    const strays = await sweepAttempt(options.attemptId);
    options.onEnd?.({ ...ending, strays });
    await Promise.race([output, sleep(OUTPUT_PATIENCE_MS, undefined, { ref: false })]);
    return { ending, stopped };
  } finally {
    stop.dispose();
    guard.stdout.destroy();
    guard.stderr.destroy();
  }
}

function readOutput(
  guard: Guard,
  options: RunTrainerOptions,
  log: LineLog,
  addLast: (line: string) => void,
): Promise<unknown> {
  const onLine = (line: string): void => {
    log.write(line);
    addLast(line);
    tell(() => options.onLog?.(line));
  };
  const onOutput = (line: string): void => {
    const progress = parseProgress(line);
    if (!progress) return onLine(line);
    log.write(line);
    tell(() => options.onProgress(progress));
  };
  /** A listener's error must not end the worker: these are calls from an event of a stream. */
  const tell = (call: () => void): void => {
    try {
      call();
    } catch (error) {
      log.write(`[a listener failed: ${String(error)}]`);
    }
  };
  return Promise.all([readLines(guard.stdout, onOutput), readLines(guard.stderr, onLine)]);
}

/** Stops the trainer on cancellation or when its time is over, whichever comes first. */
function stopOnDemand(
  guard: Guard,
  options: RunTrainerOptions,
): { reason(): 'cancelled' | 'timedOut' | undefined; dispose(): void } {
  let reason: 'cancelled' | 'timedOut' | undefined;
  let last: NodeJS.Timeout | undefined;
  const stop = (why: 'cancelled' | 'timedOut'): void => {
    if (reason) return;
    reason = why;
    guard.stop();
    // A guard that is itself stopped (SIGSTOP) or starved cannot keep the promise; then this side does.
    last = setTimeout(guard.kill, options.graceMs + silenceLimitMs(options.heartbeatTimeoutMs));
  };
  const cancel = (): void => stop('cancelled');
  options.signal.addEventListener('abort', cancel, { once: true });
  options.killSignal?.addEventListener('abort', guard.kill, { once: true });
  const timer = setTimeout(() => stop('timedOut'), Math.min(options.timeoutMs, LONGEST_TIMER_MS));
  // An abort between the first look at the signal and this line would go unheard.
  if (options.signal.aborted) cancel();
  const dispose = (): void => {
    clearTimeout(timer);
    clearTimeout(last);
    options.signal.removeEventListener('abort', cancel);
    options.killSignal?.removeEventListener('abort', guard.kill);
  };
  return { reason: () => reason, dispose };
}
