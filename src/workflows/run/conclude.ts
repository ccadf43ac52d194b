/** Every challenger ends in exactly one recorded outcome, whatever happened. */
import {
  allHandlersFinished,
  ApplicationFailure,
  CancellationScope,
  condition,
  getExternalWorkflowHandle,
  log,
} from '@temporalio/workflow';
import { modelLoopId, type RunOutcome } from '../../contracts/index.js';
import { outcomeOfError } from './outcomes.js';
import { enter, type Run } from './run.js';

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
    if (run.opened) await enter(run, 'ended', { outcome });
    await tellLoop(run);
    await condition(allHandlersFinished);
  });
  if (outcome.kind === 'failed') throw ApplicationFailure.nonRetryable(outcome.text, outcome.failure);
  if (outcome.kind === 'cancelled' && run.cancelledBy === null) throw failure; // shown as Canceled, as it was asked of Temporal
  return outcome;
}

/** Only a hint: the loop reads the record. By workflow id without run id, since the loop may have continued as new. */
async function tellLoop(run: Run): Promise<void> {
  try {
    await getExternalWorkflowHandle(modelLoopId(run.model)).signal('runEnded', { n: run.n });
  } catch (error) {
    log.info('no loop to tell', { error: String(error) });
  }
}
