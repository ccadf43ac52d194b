/**
 * Deadlines and retries around minio-js 8.0.7, which has neither: a stalled answer hangs, a reset connection is not retried.
 * Its `transport` option is where an abort signal can reach the socket; the try that a request belongs to is found through
 * AsyncLocalStorage, because minio-js has no argument for it.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { EventEmitter } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import { setTimeout as delay } from 'node:timers/promises';
import type { ClientOptions } from 'minio';
import type { DirectGet } from './direct-get.js';
import { judge, type Place } from './errors.js';

type Transport = NonNullable<ClientOptions['transport']>;

/** One try of one request. */
export interface Attempt {
  /** Aborted by the deadline or by the caller. */
  signal: AbortSignal;
  /** Bytes moved: the deadline begins anew (it is a stall deadline while a body streams). */
  moved(): void;
  /** HTTP status of the answer, once there is one. */
  status: number | undefined;
  /** Set before the request: where its body is wanted. */
  into?: Buffer;
  /** Set with the answer: so many bytes of its body lie there, and nothing is left to be read. */
  received?: number;
}
const currentAttempt = new AsyncLocalStorage<Attempt>();

export interface RequestPolicy {
  /** For the whole of a small request; between two chunks of a streamed one. */
  deadlineMs: number;
  /** Further tries after the first. */
  retries: number;
}
const BACKOFF_BASE_MS = 200;
const BACKOFF_MAX_MS = 5_000;

/** Node's http or https with the current try's abort signal on every request; bodies that are wanted in memory come through `direct`. */
export function createTransport(useSSL: boolean, direct: DirectGet): Transport {
  const base = useSSL ? https : http;
  const request = (options: http.RequestOptions, onResponse: OnResponse) => {
    const attempt = currentAttempt.getStore();
    const plain = (): http.ClientRequest =>
      base.request(attempt ? { ...options, signal: attempt.signal } : options, (response) => {
        if (attempt) attempt.status = response.statusCode;
        onResponse(response);
      });
    return attempt?.into && !useSSL
      ? requestDirectly(direct, options, attempt.into, attempt, onResponse, plain)
      : plain();
  };
  return { request } as Transport;
}

type OnResponse = (response: http.IncomingMessage) => void;

/** What minio-js needs of a request: `on('error')` and `end()`. Of the answer it reads status and headers. */
function requestDirectly(
  direct: DirectGet,
  options: http.RequestOptions,
  into: Buffer,
  attempt: Attempt,
  onResponse: OnResponse,
  plain: () => http.ClientRequest,
): EventEmitter {
  const request = new EventEmitter();
  const fail = (error: unknown): void => void request.emit('error', error);
  const end = async (): Promise<void> => {
    const answer = await direct.get(options, into, attempt);
    if (!answer) return void plain().on('error', fail).end();
    attempt.status = answer.statusCode;
    attempt.received = answer.size;
    onResponse(answer as unknown as http.IncomingMessage);
  };
  return Object.assign(request, { end: () => void end().catch(fail) });
}

export type Requester = <T>(what: string, work: (attempt: Attempt) => Promise<T>, signal?: AbortSignal) => Promise<T>;

/**
 * Runs `work` under the policy. Tries again on resets, timeouts, stalls and 5xx, with full jitter (a random share of a
 * doubling bound, so that clients that failed together do not come back together). Throws SeawallError, or the reason
 * of `signal` when the caller gave up.
 */
export function createRequester(policy: RequestPolicy, place: Place): Requester {
  return async (what, work, signal) => {
    for (let tries = 1; ; tries++) {
      signal?.throwIfAborted();
      const outcome = await tryOnce(policy.deadlineMs, work, signal);
      if ('value' in outcome) return outcome.value;
      signal?.throwIfAborted();
      const { status, timedOut } = outcome;
      const failed = { what, status, timedOutAfterMs: timedOut ? policy.deadlineMs : undefined };
      const failure = judge(outcome.thrown, failed, place, tries);
      if (!failure.again || tries > policy.retries) throw failure.error;
      const bound = Math.min(BACKOFF_MAX_MS, BACKOFF_BASE_MS * 2 ** (tries - 1));
      await delay(Math.random() * bound, undefined, { signal }).catch(() => signal?.throwIfAborted());
    }
  };
}

type Outcome<T> = { value: T } | { thrown: unknown; status: number | undefined; timedOut: boolean };

async function tryOnce<T>(
  deadlineMs: number,
  work: (attempt: Attempt) => Promise<T>,
  callerSignal: AbortSignal | undefined,
): Promise<Outcome<T>> {
  const controller = new AbortController();
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    controller.abort(new Error('deadline'));
  }, deadlineMs);
  const stop = (): void => controller.abort(callerSignal?.reason);
  callerSignal?.addEventListener('abort', stop, { once: true });
  const attempt: Attempt = { signal: controller.signal, moved: () => timer.refresh(), status: undefined };
  try {
    // The race, because a stream that was destroyed at the wrong moment may never settle the work itself.
    const value = await Promise.race([currentAttempt.run(attempt, work, attempt), rejectionOn(controller.signal)]);
    return { value };
  } catch (thrown) {
    // Also frees a socket whose answer nobody reads any more.
    if (!controller.signal.aborted) controller.abort(new Error('given up'));
    return { thrown, status: attempt.status, timedOut };
  } finally {
    clearTimeout(timer);
    callerSignal?.removeEventListener('abort', stop);
  }
}

function rejectionOn(signal: AbortSignal): Promise<never> {
  const rejection = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
  // Nobody may listen any more when it comes.
  rejection.catch(() => undefined);
  return rejection;
}
