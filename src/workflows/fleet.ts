/**
 * One per GPU pool, for years: its budget ledger, its freeze, and who goes first. Loops start it when they need it; by hand:
 * start it with `{ "pool": "<name>" }` under the id `fleet/<pool>`.
 */
import { continueFleetWhenLong } from './fleet/continue.js';
import { beginFleet, hydrate } from './fleet/fleet.js';
import { step } from './fleet/steps.js';
import { tell } from './fleet/tell.js';
import { waitForNews } from './fleet/wait.js';

export async function fleet(input: unknown): Promise<never> {
  const memory = beginFleet(input); // its handlers stand before the first await
  await hydrate(memory);
  for (;;) {
    if (await step(memory)) await tell(memory); // nobody is told what is not stored
    await continueFleetWhenLong(memory);
    await waitForNews(memory);
  }
}
