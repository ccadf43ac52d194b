/** Continue-as-new: keeps the history short, and lets a weekly loop take new code. */
import { allHandlersFinished, condition, continueAsNew, workflowInfo } from '@temporalio/workflow';
import type { modelLoop } from '../model-loop.js';
import { type CarriedLoop, type Loop, stateOf } from './loop.js';

const MAX_WINDOWS = 50;
const MAX_AGE_MS = 7 * 24 * 3600_000;
/** A handler that waits for the audit log's store must not hold up the loop: the next cycle asks again. */
const PATIENCE_MS = 60_000;

/** Continues as new when the server suggests it, and anyway after 50 windows or 7 days. Nothing that was sent is lost. */
export async function continueWhenLong(loop: Loop): Promise<void> {
  // What was sent is carried out first, by the next cycle: an update's answer cannot be carried over.
  if (!isLong(loop) || loop.requests.length > 0) return;
  const settled = () => allHandlersFinished() || loop.requests.length > 0 || loop.stop !== null;
  await condition(settled, PATIENCE_MS);
  if (!allHandlersFinished() || loop.requests.length > 0 || loop.stop) return;
  const carried: CarriedLoop = { state: stateOf(loop) };
  await continueAsNew<typeof modelLoop>({ model: loop.model, carried });
}

function isLong(loop: Loop): boolean {
  if (workflowInfo().continueAsNewSuggested) return true;
  return loop.windows >= MAX_WINDOWS || Date.now() - loop.startedAtMs >= MAX_AGE_MS;
}
