/** How a loop ends: because a person says so or Temporal does, and never because a step failed. */
import {
  ActivityFailure,
  allHandlersFinished,
  CancellationScope,
  condition,
  ContinueAsNew,
  getExternalWorkflowHandle,
  isCancellation,
  log,
} from '@temporalio/workflow';
import { giveUpWaiting } from './budget.js';
import type { Loop } from './loop.js';
import { textOfFailure } from '../run/outcomes.js';

/** A loop that is cancelled cancels its open runs, answers who still waits, and then is cancelled. */
export async function untilEnded(loop: Loop, body: () => Promise<string>): Promise<string> {
  try {
    return await body();
  } catch (error) {
    if (error instanceof ContinueAsNew) throw error;
    await CancellationScope.nonCancellable(async () => {
      if (isCancellation(error)) await cancelOpenRuns(loop);
      await dismissWaiting(loop, 'the loop was ended before it could be carried out');
    });
    throw error;
  }
}

/** Ends the loop as a person asked; models keep serving, and runs that are not cancelled go on. */
export async function endLoop(loop: Loop, stop: { by: string; cancelRuns: boolean }): Promise<string> {
  if (stop.cancelRuns) {
    await giveUpWaiting(loop, `the loop was stopped by ${stop.by} while the run waited for budget`);
    await cancelOpenRuns(loop);
  }
  loop.show();
  await dismissWaiting(loop, 'the loop was stopped before it could be carried out');
  return `stopped by ${stop.by}`;
}

/**
 * Runs a cycle. A step that fails for good (a key that has expired, a configuration that cannot be read) is shown and tried again
 * later: a loop that died of it would leave its model unwatched until somebody noticed.
 */
export async function undisturbed<T>(loop: Loop, cycle: () => Promise<T>): Promise<T | null> {
  try {
    const result = await cycle();
    if (loop.problem !== null) loop.problem = null;
    loop.show();
    return result;
  } catch (error) {
    if (isCancellation(error) || !(error instanceof ActivityFailure)) throw error;
    loop.problem = textOfFailure(error);
    log.error('a step failed for good; it is tried again', { problem: loop.problem });
    loop.show();
    return null;
  }
}

/** Other workflows are told from outside: a cancellation of a parent that has continued as new reaches no child. */
async function cancelOpenRuns(loop: Loop): Promise<void> {
  for (const run of loop.state?.openRuns ?? []) {
    try {
      await getExternalWorkflowHandle(run.workflowId).cancel();
    } catch (error) {
      log.info('an open run could not be cancelled: it has ended', { run: run.n, error: String(error) });
    }
  }
}

async function dismissWaiting(loop: Loop, text: string): Promise<void> {
  loop.ended = true;
  for (const request of loop.requests) request.answer ??= { accepted: false, text };
  await condition(allHandlersFinished);
}
