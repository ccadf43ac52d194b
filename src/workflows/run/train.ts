/** Training: the workflow itself counts attempts, because each one may meet another host. */
import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  isCancellation,
  sleep,
  TimeoutFailure,
} from '@temporalio/workflow';
import type { OpenedRun, TrainAttempt, TrainedModel } from '../../contracts/index.js';
import { trainModel } from '../steps.js';
import { textOfFailure } from './outcomes.js';
import { enter, type Run } from './run.js';

const PAUSE_MS = 1_000;
/** Also attempts that do not count come to an end. */
const MAX_TRIES = 30;
/** All attempts stand in every later record. */
const MAX_TEXT = 500;

/** Trains until an attempt ends by itself; attempts whose host was lost are followed by another, at most `maxAttempts`. */
export async function trainChallenger(run: Run, plan: OpenedRun): Promise<TrainedModel> {
  await enter(run, 'training');
  let failures = 0;
  for (;;) {
    run.attempt += 1;
    run.show();
    try {
      const trained = await attempt(run, plan);
      noteAttempt(run, {
        workerId: trained.workerId,
        result: 'done',
        text: `trained in ${trained.trainSeconds.toFixed(1)} s`,
      });
      run.record = {
        ...run.record,
        challenger: trained.model,
        trainSeconds: trained.trainSeconds,
        device: trained.device,
      };
      return trained;
    } catch (error) {
      const lost = reasonToTryAgain(error);
      if (lost?.counts) failures += 1;
      noteAttempt(run, {
        workerId: null,
        result: lost ? 'lost' : cancelledOr('failed'),
        text: lost?.text ?? textOf(error),
      });
      if (!lost || failures >= plan.maxAttempts || run.attempt >= MAX_TRIES) throw error;
      await enter(run, 'training');
      await sleep(PAUSE_MS * Math.min(run.attempt, 30), {
        summary: `before attempt ${run.attempt + 1}: ${lost.text}`.slice(0, 200),
      });
    }
  }
}

function attempt(run: Run, plan: OpenedRun): Promise<TrainedModel> {
  const train = trainModel(plan.pool, plan.timeoutMs, plan.graceMs, run.attempt);
  return train({ model: run.model, n: run.n, attempt: run.attempt });
}

/** Why another attempt can help, and whether this one counts; undefined when it cannot. */
function reasonToTryAgain(error: unknown): { text: string; counts: boolean } | undefined {
  if (CancellationScope.current().consideredCancelled) return undefined; // cancel beats retry
  if (isCancellation(error)) return { text: 'the worker was shut down', counts: false };
  if (!(error instanceof ActivityFailure)) return undefined;
  const { cause } = error;
  if (cause instanceof TimeoutFailure) {
    return cause.timeoutType === 'HEARTBEAT' ? { text: 'its worker stopped answering', counts: true } : undefined;
  }
  if (cause instanceof ApplicationFailure && !cause.nonRetryable) {
    // A worker that was replaced, or a store that was away, says nothing about the run.
    return { text: `${cause.type}: ${cause.message}`.slice(0, MAX_TEXT), counts: cause.type !== 'Unavailable' };
  }
  return undefined;
}

const textOf = (error: unknown): string =>
  (error instanceof ActivityFailure ? textOfFailure(error) : String(error)).slice(0, MAX_TEXT);

const cancelledOr = (result: 'failed'): TrainAttempt['result'] =>
  CancellationScope.current().consideredCancelled ? 'cancelled' : result;

function noteAttempt(run: Run, how: Omit<TrainAttempt, 'attempt'>): void {
  run.record = { ...run.record, attempts: [...run.record.attempts, { attempt: run.attempt, ...how }] };
}
