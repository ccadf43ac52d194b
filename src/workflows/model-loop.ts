/**
 * One per model, for years: looks, monitors, decides, starts training runs, and does what people ask.
 * Start it with `{ "model": "<name>" }` under the id `model/<name>`.
 */
import type { Observation } from '../contracts/index.js';
import { continueWhenLong } from './loop/continue.js';
import { carryOutRequests } from './loop/requests.js';
import { cancelRunsOnCancellation, endLoop, startRunFor } from './loop/runs.js';
import { beginLoop, hydrate, type Loop } from './loop/loop.js';
import { decide, decideFirstModel, look } from './loop/steps.js';
import { waitForNext } from './loop/wait.js';

export async function modelLoop(input: unknown): Promise<string> {
  const loop = beginLoop(input); // its handlers stand before the first await
  return cancelRunsOnCancellation(loop, async () => {
    await hydrate(loop);
    for (;;) {
      await carryOutRequests(loop);
      if (loop.stop) return endLoop(loop, loop.stop);
      const seen = await cycle(loop);
      await continueWhenLong(loop);
      await waitForNext(loop, seen);
    }
  });
}

/** At most two activities when nothing is wrong: one that looks and monitors, one that decides. */
async function cycle(loop: Loop): Promise<Observation> {
  const seen = await look(loop);
  for (const decision of await decide(loop, seen.reports)) await startRunFor(loop, decision);
  for (const decision of await decideFirstModel(loop)) await startRunFor(loop, decision);
  return seen;
}
