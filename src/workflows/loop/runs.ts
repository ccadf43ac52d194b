/** The loop's children: abandoned, so that they outlive it, and told of a cancellation from outside, which else reaches no child. */
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  allHandlersFinished,
  CancellationScope,
  ChildWorkflowCancellationType,
  condition,
  getExternalWorkflowHandle,
  isCancellation,
  log,
  ParentClosePolicy,
  startChild,
  WorkflowIdReusePolicy,
} from '@temporalio/workflow';
import { type DecisionSummary, type OpenRun, type TrainingRunInput, workflowTypes } from '../../contracts/index.js';
import { withOpenRun } from '../../domain/reducers/loop-state.js';
import { claimRun } from '../steps.js';
import { type Loop, stateOf } from './loop.js';

/** Starts the run that a decision asks for; returns its number, or null when the decision is another one. */
export async function startRunFor(loop: Loop, decision: DecisionSummary): Promise<number | null> {
  if (decision.action !== 'retrain') return null;
  const run = await claimRun({ model: loop.model, causeId: `decision/${decision.seq}` });
  const started = await startOrAttach(loop.model, run, decision.reason);
  if (!started) loop.hinted = true; // it may have ended long ago, and will tell nobody
  loop.state = withOpenRun(stateOf(loop), run);
  loop.show();
  return run.n;
}

/** Awaited until started, before anything can continue the parent as new. "Already started" means: attach; then it returns false. */
async function startOrAttach(model: string, run: OpenRun, why: string): Promise<boolean> {
  const input: TrainingRunInput = { model, causeId: run.causeId };
  try {
    await startChild(workflowTypes.trainingRun, {
      workflowId: run.workflowId,
      args: [input],
      parentClosePolicy: ParentClosePolicy.ABANDON,
      cancellationType: ChildWorkflowCancellationType.ABANDON, // `cancelOpenRuns` does it, for the children of earlier runs too
      workflowIdReusePolicy: WorkflowIdReusePolicy.REJECT_DUPLICATE,
      staticSummary: `training run ${run.n} of ${model}: ${why}`.slice(0, 200),
    });
    return true;
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return false;
    throw error;
  }
}

/** A loop that is cancelled cancels its open runs, and then is cancelled. */
export async function cancelRunsOnCancellation(loop: Loop, body: () => Promise<string>): Promise<string> {
  try {
    return await body();
  } catch (error) {
    if (isCancellation(error)) await CancellationScope.nonCancellable(() => cancelOpenRuns(loop));
    throw error;
  }
}

/** Ends the loop as a person asked; models keep serving, and runs that are not cancelled go on. */
export async function endLoop(loop: Loop, stop: { by: string; cancelRuns: boolean }): Promise<string> {
  if (stop.cancelRuns) await cancelOpenRuns(loop);
  loop.show();
  await condition(allHandlersFinished);
  return `stopped by ${stop.by}`;
}

async function cancelOpenRuns(loop: Loop): Promise<void> {
  for (const run of loop.state?.openRuns ?? []) {
    try {
      await getExternalWorkflowHandle(run.workflowId).cancel();
    } catch (error) {
      log.info('an open run could not be cancelled: it has ended', { run: run.n, error: String(error) });
    }
  }
}
