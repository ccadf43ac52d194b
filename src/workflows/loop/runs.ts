/** The loop's children: abandoned, so that they outlive it. */
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  ChildWorkflowCancellationType,
  ParentClosePolicy,
  startChild,
  WorkflowIdReusePolicy,
} from '@temporalio/workflow';
import { type OpenRun, type TrainingRunInput, workflowTypes } from '../../contracts/index.js';
import { type PendingRetrain, withOpenRun } from '../../domain/reducers/loop-state.js';
import { withWaitingRun } from '../../domain/reducers/loop-budget.js';
import { claimRun } from '../steps.js';
import { adoptOrphans, pursueBudget } from './budget.js';
import { type Loop, stateOf } from './loop.js';

/** Starts the runs that decisions have bought; returns the number of the last one. */
export async function startPendingRuns(loop: Loop): Promise<number | null> {
  let last: number | null = null;
  adoptOrphans(loop);
  for (const decision of stateOf(loop).pendingRetrains) last = await startRun(loop, decision);
  await pursueBudget(loop, (waiting) => startNow(loop, waiting.run, waiting.decision));
  return last;
}

async function startRun(loop: Loop, decision: PendingRetrain): Promise<number> {
  const { price, ...run } = await claimRun({ model: loop.model, causeId: `decision/${decision.seq}` });
  if (price) loop.state = withWaitingRun(stateOf(loop), run, decision, price, Date.now());
  else await startNow(loop, run, decision);
  loop.show();
  return run.n;
}

async function startNow(loop: Loop, run: OpenRun, decision: PendingRetrain): Promise<void> {
  const started = await startOrAttach(loop.model, run, decision.reason);
  if (!started) loop.hinted = true; // it may have ended long ago, and will tell nobody
  loop.state = withOpenRun(stateOf(loop), run, decision);
}

/** Awaited until started, before anything can continue the parent as new. "Already started" means: attach; then it returns false. */
async function startOrAttach(model: string, run: OpenRun, why: string): Promise<boolean> {
  const input: TrainingRunInput = { model, causeId: run.causeId, why };
  try {
    await startChild(workflowTypes.trainingRun, {
      workflowId: run.workflowId,
      args: [input],
      parentClosePolicy: ParentClosePolicy.ABANDON,
      cancellationType: ChildWorkflowCancellationType.ABANDON, // the loop does it itself, for the children of earlier runs too
      workflowIdReusePolicy: WorkflowIdReusePolicy.REJECT_DUPLICATE,
      staticSummary: `training run ${run.n} of ${model}: ${why}`.slice(0, 200),
    });
    return true;
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return false;
    throw error;
  }
}
