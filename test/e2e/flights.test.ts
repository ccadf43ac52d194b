/**
 * The flights example on a slice: cut off hard once, it comes to the same end (`npm run proof:resume` does so at many moments); and
 * when people interfere from another terminal, it copes and says what happened. One file, since each takes the usual ports.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, expect, it, vi } from 'vitest';
import { createDemoFolder, type Demo, storyOf } from '../support/demo.js';
import { until } from '../support/system.js';

vi.setConfig({ testTimeout: 300_000 });

const calm = createDemoFolder();
const stormy = createDemoFolder();
const another = createDemoFolder();
afterAll(() => Promise.all([calm, stormy, another].map((folder) => folder.remove())));

const extent = ['--weeks', '3', '--slice', '0.05'];

it('an example that is killed at a random moment goes on at the next start, and ends with the same decisions', async () => {
  const startedAt = Date.now();
  const undisturbed = await calm.start(...extent).ended;
  const tookMs = Date.now() - startedAt;
  expect(undisturbed.code, undisturbed.told).toBe(0);
  const story = undisturbed.document!;
  expect(story.weeks.map(({ status }) => status)).toEqual(['final', 'final', 'final']);
  expect(story.weeks.every(({ aucFrozen, aucWeekly }) => aucFrozen !== null && aucWeekly !== null)).toBe(true);

  // Anywhere from the start of the servers on; where it hit stands in the failure.
  const cutOff = stormy.start(...extent);
  await until('the run has begun', async () => stormy.begun());
  const afterMs = Math.random() * 0.6 * tookMs;
  await Promise.race([cutOff.ended, delay(afterMs)]);
  await cutOff.hit('demo', 'SIGKILL');
  const { code, told: toldBefore } = await cutOff.ended;
  const where = `killed ${afterMs.toFixed(0)} ms after it had begun, when it had told:\n${toldBefore}`;
  expect(code, where).toBe(null);
  const resumed = await stormy.start(...extent).ended;
  expect(resumed.code, `${where}\nthen:\n${resumed.told}`).toBe(0);
  expect(resumed.told).toContain('was cut off and goes on from where it stands');
  expect(storyOf(resumed.document!), where).toEqual(storyOf(story));
});

const told = (demo: Demo, what: RegExp): Promise<boolean> =>
  until(`the example says ${what}`, async () => what.test(demo.told()), 120_000);

async function asAda(...args: string[]): Promise<void> {
  const { code, stdout, stderr } = await another.seawall(...args, '--by', 'ada', '--json');
  expect(code, `seawall ${args.join(' ')}: ${stdout}${stderr}`).toBe(0);
}

const waitingRun = (): Promise<number> =>
  until(
    'a run waits for a person',
    async () => {
      const { stdout } = await another.seawall('status', 'flights', '--json');
      const found = /"command": "npx seawall approve flights --run (\d+)"/.exec(stdout);
      return found ? Number(found[1]) : undefined;
    },
    120_000,
  );

it('pauses, refuses, retrains and rolls back as it is told', async () => {
  const demo = another.start('--weeks', '6', '--slice', '0.1', '--approve-after', '25');
  await told(demo, /release 1: /).catch((e: unknown) => {
    throw new Error(demo.told(), { cause: e });
  });
  const yaml = await readFile('examples/flights/model.yaml', 'utf8');
  const personal = yaml.replace(/^approval: .*$/m, 'approval: { mode: person, deadline: 1d }');
  await writeFile(join(another.path, 'personal.yaml'), personal);
  await asAda('model', 'apply', 'personal.yaml');
  await asAda('pause', 'flights');
  await asAda('resume', 'flights');

  const refused = await waitingRun();
  await asAda('reject', 'flights', '--run', String(refused), '--reason', 'not on a Monday');
  await told(demo, new RegExp(`run ${refused} refused: .*ada`));

  await asAda('retrain', 'flights', '--force', '--reason', 'it is Tuesday');
  await told(demo, /approved by that command/);
  await told(demo, /release 2: /);
  await asAda('rollback', 'flights', '--reason', 'it was better before');

  const { code, document, told: all } = await demo.ended;
  expect(code, all).toBe(0);
  for (const act of ['pause', 'resume', 'reject', 'retrain', 'rollback'])
    expect(all).toMatch(new RegExp(`ada: ${act}( \\(“.+”\\))?: `));
  expect(document?.acts.map(({ by, message, accepted }) => [by, message, accepted])).toEqual([
    ['ada', 'pause', true],
    ['ada', 'resume', true],
    ['ada', 'reject', true],
    ['ada', 'retrain', true],
    ['demo', 'approve', true],
    ['ada', 'rollback', true],
  ]);
  expect(document?.weeks.every(({ status }) => status === 'final')).toBe(true);
});
