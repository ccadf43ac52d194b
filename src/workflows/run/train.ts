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
import { enter, type Run } from './run.js';

const PAUSE_MS = 1_000;

/** Trains until an attempt ends by itself; attempts whose host was lost are followed by another, at most `maxAttempts`. */
export async function trainChallenger(run: Run, plan: OpenedRun): Promise<TrainedModel> {
  await enter(run, 'training');
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
      noteAttempt(run, { workerId: null, result: lost ? 'lost' : cancelledOr('failed'), text: lost ?? String(error) });
      if (!lost || run.attempt >= plan.maxAttempts) throw error;
      await enter(run, 'training');
      await sleep(PAUSE_MS * run.attempt, { summary: `before attempt ${run.attempt + 1}: ${lost}` });
    }
  }
}

function attempt(run: Run, plan: OpenedRun): Promise<TrainedModel> {
  const train = trainModel(plan.pool, plan.timeoutMs, plan.graceMs, run.attempt);
  return train({ model: run.model, n: run.n, attempt: run.attempt });
}

/** In words, why another attempt can help; undefined when it cannot. */
function reasonToTryAgain(error: unknown): string | undefined {
  if (CancellationScope.current().consideredCancelled) return undefined; // cancel beats retry
  if (isCancellation(error)) return 'the worker was shut down';
  if (!(error instanceof ActivityFailure)) return undefined;
  const { cause } = error;
  if (cause instanceof TimeoutFailure) {
    return cause.timeoutType === 'HEARTBEAT' ? 'its worker stopped answering' : undefined;
  }
  if (cause instanceof ApplicationFailure && !cause.nonRetryable) return `${cause.type}: ${cause.message}`;
  return undefined;
}

const cancelledOr = (result: 'failed'): TrainAttempt['result'] =>
  CancellationScope.current().consideredCancelled ? 'cancelled' : result;

function noteAttempt(run: Run, how: Omit<TrainAttempt, 'attempt'>): void {
  run.record = { ...run.record, attempts: [...run.record.attempts, { attempt: run.attempt, ...how }] };
}
