/** Every challenger ends in exactly one recorded outcome, whatever happened. */
import {
  ActivityFailure,
  allHandlersFinished,
  ApplicationFailure,
  CancellationScope,
  condition,
  getExternalWorkflowHandle,
  log,
  sleep,
} from '@temporalio/workflow';
import { modelLoopId, type RunOutcome } from '../../contracts/index.js';
import { isFailure, outcomeOfError, textOfFailure } from './outcomes.js';
import { enter, type Run } from './run.js';

const AGAIN_MS = 60_000;

/** Runs the steps, records how they ended, tells the loop, and ends the workflow in the way that Temporal shows best. */
export async function concluded(run: Run, steps: () => Promise<RunOutcome>): Promise<RunOutcome> {
  let outcome: RunOutcome;
  let failure: unknown;
  try {
    outcome = await run.scope.run(steps);
  } catch (error) {
    failure = error;
    outcome = outcomeOfError(error, run.cancelledBy);
  }
  await CancellationScope.nonCancellable(async () => {
    if (run.opened) await recordOutcome(run, outcome);
    await tellLoop(run);
    await condition(allHandlersFinished);
  });
  if (outcome.kind === 'failed') throw ApplicationFailure.nonRetryable(outcome.text, outcome.failure);
  if (outcome.kind === 'cancelled' && run.cancelledBy === null) throw failure; // shown as Canceled, as it was asked of Temporal
  return outcome;
}

/** Insists: an outcome that is not recorded is a challenger without an end. Only a number that is somebody else's is let go. */
async function recordOutcome(run: Run, outcome: RunOutcome): Promise<void> {
  for (;;) {
    try {
      return await enter(run, 'ended', { outcome });
    } catch (error) {
      if (!(error instanceof ActivityFailure)) throw error;
      if (isFailure(error, 'RunNumberTaken'))
        return log.error('the run was closed by somebody else', { error: textOfFailure(error) });
      log.error('the outcome could not be recorded', { error: textOfFailure(error) });
      await sleep(AGAIN_MS, { summary: `record the outcome again: ${textOfFailure(error)}`.slice(0, 200) });
    }
  }
}

/** Only a hint: the loop reads the record. By workflow id without run id, since the loop may have continued as new. */
async function tellLoop(run: Run): Promise<void> {
  try {
    await getExternalWorkflowHandle(modelLoopId(run.model)).signal('runEnded', { n: run.n });
  } catch (error) {
    log.info('no loop to tell', { error: String(error) });
  }
}
