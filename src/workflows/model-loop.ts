/**
 * One per model, for years: looks, monitors, decides, starts training runs, and does what people ask.
 * Start it with `{ "model": "<name>" }` under the id `model/<name>`.
 */
import { continueWhenLong } from './loop/continue.js';
import { endLoop, undisturbed, untilEnded } from './loop/end.js';
import { beginLoop, hydrate } from './loop/loop.js';
import { carryOut } from './loop/requests.js';
import { startPendingRuns } from './loop/runs.js';
import { decideDataset, decideFirstModel, decidePending, learnFromLogs, look } from './loop/steps.js';
import { waitForNext } from './loop/wait.js';

export async function modelLoop(input: unknown): Promise<string> {
  const loop = beginLoop(input); // its handlers stand before the first await
  return untilEnded(loop, async () => {
    await hydrate(loop);
    while (!loop.stop) {
      // At most two activities when nothing is wrong: one that looks and monitors, one that decides.
      const next = await undisturbed(loop, async () => {
        await carryOut(loop, 'rollback'); // first of all: it may be an emergency
        const seen = await look(loop);
        await decidePending(loop);
        const failure = await learnFromLogs(loop);
        await decideFirstModel(loop);
        await decideDataset(loop);
        await startPendingRuns(loop);
        await carryOut(loop, 'retrain'); // after the look: the gate needs today's clock and today's open runs
        if (failure) throw failure;
        return seen;
      });
      await continueWhenLong(loop);
      await waitForNext(loop, next);
    }
    return endLoop(loop, loop.stop);
  });
}
