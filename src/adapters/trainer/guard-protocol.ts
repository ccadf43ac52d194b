/**
 * How a worker and the guard of a trainer talk: one word per line downwards (fd 3), one JSON document per line
 * upwards (fd 4). Kept apart because both ends import it.
 */

/** Guard's file descriptors, beside the trainer's stdin, stdout and stderr. */
export const GUARD_FDS = { fromWorker: 3, toWorker: 4 } as const;

export const guardWords = { beat: 'beat\n', stop: 'stop\n' } as const;

/** The worker beats this often… */
export const beatIntervalMs = (heartbeatTimeoutMs: number): number => Math.max(10, heartbeatTimeoutMs / 10);
/** …and the guard ends everything after this much silence: before Temporal starts the retry elsewhere. */
export const silenceLimitMs = (heartbeatTimeoutMs: number): number => heartbeatTimeoutMs / 2;

export type GuardReport =
  | { event: 'started'; pid: number }
  /** The trainer's program could not be started. */
  | { event: 'notStarted'; code: string; message: string }
  /** The trainer ended; exactly one of both is set. */
  | { event: 'exited'; code: number | null; signal: NodeJS.Signals | null }
  /** The guard is about to kill the group, itself included. */
  | { event: 'killing'; why: 'silence' | 'workerGone' | 'graceOver' };
