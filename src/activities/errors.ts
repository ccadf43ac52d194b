/** The one place where errors of the steps become failures of Temporal. */
import { ApplicationFailure, asyncLocalStorage, CancelledFailure } from '@temporalio/activity';
import { failureTypes, SeawallError } from '../contracts/index.js';

/** What travels in a failure's first detail, beside the message. */
export interface FailureDetail {
  /** What the reader can do. */
  next: string;
}

const UNEXPECTED_NEXT = 'This is a defect or an unforeseen state: look at the log of the worker that ran the step.';

/**
 * The failure that Temporal is told. `SeawallError`: its type, final unless `failureTypes` says that a retry can help. Failures
 * of Temporal's own pass through. Everything else is `Unexpected`, and retried: we do not know that it is final.
 */
export function toFailure(error: unknown): Error {
  if (error instanceof ApplicationFailure || error instanceof CancelledFailure) return error;
  if (error instanceof SeawallError) {
    return failure(error.type, error.message, !failureTypes[error.type].retry, error.next, error);
  }
  const cause = error instanceof Error ? error : undefined;
  const message = cause ? `${cause.name}: ${cause.message}` : String(error);
  return failure('Unexpected', message, false, UNEXPECTED_NEXT, cause);
}

/** The failure of an error that a retry cannot help, whatever its type says. */
export function finalFailure(error: SeawallError, message = error.message): Error {
  return failure(error.type, message, true, error.next, error);
}

function failure(type: string, message: string, nonRetryable: boolean, next: string, cause: Error | undefined): Error {
  const detail: FailureDetail = { next };
  return ApplicationFailure.create({ type, message, nonRetryable, details: [detail], cause });
}

/** `fn`, whose errors are failures of Temporal. */
export function classified<Args extends unknown[], R>(
  fn: (...args: Args) => Promise<R>,
): (...args: Args) => Promise<R> {
  return async (...args) => {
    try {
      return await fn(...args);
    } catch (error) {
      throw toFailure(stopped(error) ?? error);
    }
  };
}

type Activities = Record<string, (...args: never[]) => Promise<unknown>>;

/** Every function of a factory's object, classified; names and types stay. */
export function classifyAll<A extends Activities>(activities: A): A {
  const entries = Object.entries(activities).map(([name, fn]) => [
    name,
    classified(fn as (...args: unknown[]) => Promise<unknown>),
  ]);
  return Object.fromEntries(entries) as A;
}

/**
 * Why the activity was told to stop, when `error` is the consequence of that: `AbortError` from whatever took the signal, or the
 * signal's own reason. A worker that shuts down is no cancellation: another worker should go on.
 */
function stopped(error: unknown): Error | undefined {
  const signal = asyncLocalStorage.getStore()?.cancellationSignal;
  if (!signal?.aborted || !comesFromAbort(error)) return undefined;
  const reason: unknown = signal.reason;
  if (reason instanceof Error && reason.message === 'WORKER_SHUTDOWN') {
    return new SeawallError(
      'Unavailable',
      'The worker was shut down in the middle of the step',
      'Nothing, if another worker runs: the step begins again there. Otherwise start a worker.',
    );
  }
  return error instanceof CancelledFailure
    ? error
    : new CancelledFailure(reason instanceof Error ? reason.message : 'CANCELLED');
}

function comesFromAbort(error: unknown): boolean {
  for (let at = error, depth = 0; at instanceof Error && depth < 8; at = at.cause, depth++) {
    if (at.name === 'AbortError' || at instanceof CancelledFailure) return true;
  }
  return false;
}
