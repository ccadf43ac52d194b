/** From how a trainer ended to what that means: which failure, whether trying again can help, and what to do. */
import type { Ending } from './guard-handle.js';
import type { ModelFiles } from './model-files.js';
import { speaksOfMemory } from './memory.js';

export type TrainerFailureKind =
  'badData' | 'badParameters' | 'temporary' | 'outOfMemory' | 'killed' | 'timedOut' | 'noModel' | 'crashed';

export interface TrainerFailure {
  kind: 'failed';
  failure: TrainerFailureKind;
  exitCode: number | null;
  signal: NodeJS.Signals | null;
  /** The newest lines of the trainer's output, oldest first. */
  lastLines: string[];
  /** What happened; the output is in `lastLines` and in the log. */
  message: string;
  /** What to do. */
  next: string;
}

export type TrainerResult =
  | ({ kind: 'done'; /** Wall time from start to end. */ seconds: number } & ModelFiles)
  | TrainerFailure
  | { kind: 'cancelled' };

/** What is known when nothing of the trainer runs any more. */
export interface Evidence {
  argv: readonly string[];
  cwd: string;
  logFile: string;
  ending: Ending;
  /** Why this side asked the trainer to stop, if it did. */
  stopped: 'cancelled' | 'timedOut' | undefined;
  timeoutMs: number;
  heartbeatTimeoutMs: number;
  seconds: number;
  lastLines: string[];
  /** The kernel killed some process for lack of memory meanwhile. */
  memoryKill: boolean;
  model: ModelFiles | { problem: string };
}

/** A shell reports "killed by signal n" as 128 + n. */
const SHELL_SIGNALS: Record<number, NodeJS.Signals> = { 130: 'SIGINT', 137: 'SIGKILL', 143: 'SIGTERM' };
/** Sent by people and machines from outside; the others (SIGSEGV, SIGABRT, …) come from a program's own defects. */
const OUTSIDE_SIGNALS: readonly NodeJS.Signals[] = ['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'];

/** The result of a start. What this side asked for comes first: a trainer that leaves on request may exit with any code. */
export function judge(evidence: Evidence): TrainerResult {
  const { ending, stopped, model } = evidence;
  if (stopped === 'cancelled') return { kind: 'cancelled' };
  if (stopped === 'timedOut') {
    const limit = `it did not end within ${evidence.timeoutMs / 1000} s`;
    return fail(evidence, 'timedOut', limit, 'Raise trainer.timeout, or give it less to do.');
  }
  if (ending.notStarted) return notStarted(evidence, ending.notStarted);
  if (!ending.exit) return guardEnded(evidence);
  if (ending.exit.code !== 0) return failedExit(evidence, ending.exit);
  if ('problem' in model) {
    const next = 'Let it write the model to $SEAWALL_MODEL_DIR/model.onnx, or exit with a code other than 0.';
    return fail(evidence, 'noModel', `it exited with code 0, but ${model.problem}`, next);
  }
  return { kind: 'done', seconds: evidence.seconds, ...model };
}

function notStarted(evidence: Evidence, problem: { code: string; message: string }): TrainerFailure {
  const program = evidence.argv[0];
  const what =
    problem.code === 'ENOENT'
      ? `the program "${program}" was not found (folder ${evidence.cwd})`
      : `the program "${program}" could not be started: ${problem.message}`;
  const next = 'Correct trainer.run.command, or install the program on this host and its PATH.';
  return fail(evidence, problem.code === 'EAGAIN' ? 'temporary' : 'badParameters', what, next);
}

function guardEnded(evidence: Evidence): TrainerFailure {
  if (evidence.memoryKill) return memoryFailure(evidence, 'the kernel killed it for lack of memory');
  const what =
    evidence.ending.killing === undefined
      ? 'its guard process was killed from outside, and the trainer with it'
      : `its guard killed it, because the worker was silent for ${evidence.heartbeatTimeoutMs / 2000} s`;
  return fail(evidence, 'killed', what, 'It can be started again; look for what stopped or overloaded the worker.');
}

function failedExit(evidence: Evidence, exit: { code: number | null; signal: NodeJS.Signals | null }): TrainerFailure {
  const signal = exit.signal ?? SHELL_SIGNALS[exit.code as number];
  if (signal === 'SIGKILL' && evidence.memoryKill) {
    return memoryFailure(evidence, 'the kernel killed it for lack of memory');
  }
  switch (exit.code) {
    case 64:
      return fail(evidence, 'badParameters', 'it says that its parameters are bad (64)', 'Correct trainer.params.');
    case 65:
      return fail(
        evidence,
        'badData',
        'it says that its data are bad (65)',
        'Correct the dataset and commit a version.',
      );
    case 75:
      return fail(evidence, 'temporary', 'it asks to be started again (75)', 'It can be started again as it is.');
    default:
    // Any other code says nothing by itself; the signal and the output may.
  }
  if (signal && OUTSIDE_SIGNALS.includes(signal)) {
    const next = 'It can be started again; look for who sent the signal (an operator, a service manager, the kernel).';
    return fail(evidence, 'killed', `it was killed from outside by ${signal}`, next);
  }
  if (speaksOfMemory(evidence.lastLines)) return memoryFailure(evidence, 'it ran out of memory');
  const how = exit.signal ? `it was killed by ${exit.signal}` : `it exited with code ${exit.code}`;
  return fail(evidence, 'crashed', how, 'Read its output, and correct the trainer.');
}

function memoryFailure(evidence: Evidence, what: string): TrainerFailure {
  const next = 'Give the worker more memory, or the trainer less data, fewer threads or a smaller model.';
  return fail(evidence, 'outOfMemory', what, next);
}

function fail(evidence: Evidence, failure: TrainerFailureKind, what: string, next: string): TrainerFailure {
  return {
    kind: 'failed',
    failure,
    exitCode: evidence.ending.exit?.code ?? null,
    signal: evidence.ending.exit?.signal ?? null,
    lastLines: evidence.lastLines,
    message: `The trainer ${evidence.argv.join(' ')} failed: ${what}.`,
    next,
  };
}
