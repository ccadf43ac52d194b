/** Continue-as-new: keeps the history short, and lets a weekly loop take new code. */
import { allHandlersFinished, condition, continueAsNew, workflowInfo } from '@temporalio/workflow';
import type { modelLoop } from '../model-loop.js';
import { type CarriedLoop, type Loop, stateOf } from './loop.js';
import { carryOutRequests } from './requests.js';

const MAX_WINDOWS = 50;
const MAX_AGE_MS = 7 * 24 * 3600_000;

/** Continues as new when the server suggests it, and anyway after 50 windows or 7 days. Nothing that was sent is lost. */
export async function continueWhenLong(loop: Loop): Promise<void> {
  if (!isLong(loop)) return;
  while (loop.requests.length > 0 || !allHandlersFinished()) {
    if (loop.stop) return;
    await carryOutRequests(loop);
    await condition(() => loop.requests.length > 0 || allHandlersFinished() || loop.stop !== null);
  }
  if (loop.stop) return;
  const carried: CarriedLoop = { state: stateOf(loop) };
  await continueAsNew<typeof modelLoop>({ model: loop.model, carried });
}

function isLong(loop: Loop): boolean {
  if (workflowInfo().continueAsNewSuggested) return true;
  return loop.windows >= MAX_WINDOWS || Date.now() - loop.startedAtMs >= MAX_AGE_MS;
}
