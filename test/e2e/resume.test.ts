/** The flights example is cut off once, hard, and comes to the same end; `npm run proof:resume` does so at many moments. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, expect, it, vi } from 'vitest';
import { createDemoFolder, storyOf } from '../support/demo.js';

vi.setConfig({ testTimeout: 300_000 });

const calm = createDemoFolder();
const stormy = createDemoFolder();
afterAll(() => Promise.all([calm.remove(), stormy.remove()]));

const extent = ['--weeks', '3', '--slice', '0.05'];

it('an example that is killed at a random moment goes on at the next start, and ends with the same decisions', async () => {
  const undisturbed = await calm.start(...extent).ended;
  expect(undisturbed.code, undisturbed.told).toBe(0);
  const story = undisturbed.document!;
  expect(story.weeks.map(({ status }) => status)).toEqual(['final', 'final', 'final']);
  expect(story.weeks.every(({ aucFrozen, aucWeekly }) => aucFrozen !== null && aucWeekly !== null)).toBe(true);

  // From the start of the servers to the last week; where it hit stands in the failure.
  const afterMs = 3_000 + Math.random() * 17_000;
  const cutOff = stormy.start(...extent);
  await Promise.race([cutOff.ended, delay(afterMs)]);
  await cutOff.hit('demo', 'SIGKILL');
  const { told } = await cutOff.ended;
  const where = `killed after ${afterMs.toFixed(0)} ms, when it had told:\n${told}`;
  const resumed = await stormy.start(...extent).ended;
  expect(resumed.code, `${where}\nthen:\n${resumed.told}`).toBe(0);
  expect(resumed.told).toContain('was cut off and goes on from where it stands');
  expect(storyOf(resumed.document!), where).toEqual(storyOf(story));
});
