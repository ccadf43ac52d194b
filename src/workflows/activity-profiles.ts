/** Every timeout and every retry, with its reason. `summary` is what the Web UI shows. */
import { ActivityCancellationType, type ActivityOptions, type RetryPolicy } from '@temporalio/workflow';
import { taskQueues } from '../contracts/index.js';

/** An outage of storage is waited out: giving up would lose what is already paid for. Final failures are marked as such. */
const UNTIL_IT_ANSWERS: RetryPolicy = { initialInterval: '500ms', backoffCoefficient: 2, maximumInterval: '30s' };

/** Reads and writes a few small objects. */
export const BRIEF: ActivityOptions = { startToCloseTimeout: '1m', retry: UNTIL_IT_ANSWERS };

/** The same for the loop: after a quarter of an hour it shows what is wrong, does what people ask, and tries again. */
export const LOOP: ActivityOptions = { ...BRIEF, scheduleToCloseTimeout: '15m' };

/** The same for opening a run: nothing is paid for yet, so an outage of an hour, or damage at rest, may end it. */
export const OPEN: ActivityOptions = { ...BRIEF, scheduleToCloseTimeout: '1h' };

/** Reads windows of the logs: minutes when a loop catches up. It beats, so a dead worker is noticed in half a minute. */
export const MONITOR: ActivityOptions = {
  startToCloseTimeout: '30m',
  scheduleToCloseTimeout: '1h',
  heartbeatTimeout: '30s',
  retry: UNTIL_IT_ANSWERS,
};

/**
 * Scores two models in a child process; outages of storage are waited out inside. Ten tries: workers may be replaced meanwhile, but
 * what fails in a way that nobody foresaw must not loop for ever.
 */
export const EVALUATE: ActivityOptions = {
  startToCloseTimeout: '1h',
  heartbeatTimeout: '30s',
  retry: { ...UNTIL_IT_ANSWERS, maximumAttempts: 10 },
};

/** Compares the bytes a last time and moves the pointer. Every retry is fenced by the move's id and the expected epoch, so retrying is harmless. */
export const DEPLOY: ActivityOptions = {
  startToCloseTimeout: '10m',
  heartbeatTimeout: '30s',
  retry: UNTIL_IT_ANSWERS,
};

const FETCH_LIMIT_MS = 2 * 3600_000;

/** Downloads what the host lacks; a retry goes on with what is in its cache. */
export const fetchOn = (pool: string): ActivityOptions => ({
  taskQueue: taskQueues.gpuPool(pool),
  startToCloseTimeout: FETCH_LIMIT_MS,
  heartbeatTimeout: '20s',
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  retry: UNTIL_IT_ANSWERS,
});

/**
 * One attempt on one host: the workflow itself chooses again and counts attempts, so Temporal must not. Cancelled means that the
 * processes are gone, hence the waiting. No schedule-to-start limit: on the pool's queue a run waits, visibly, for a free GPU.
 */
export const trainOn = (pool: string, timeoutMs: number, graceMs: number): ActivityOptions => ({
  taskQueue: taskQueues.gpuPool(pool),
  startToCloseTimeout: timeoutMs + graceMs + FETCH_LIMIT_MS, // on another host than fetch had, train fetches by itself
  heartbeatTimeout: '10s',
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  retry: { maximumAttempts: 1 },
});
