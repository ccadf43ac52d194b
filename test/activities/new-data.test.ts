/** What the loop sees of its dataset, and what the gate makes of it. */
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type DecisionRecord, type GateInput, keys, type RunPlan } from '../../src/contracts/index.js';
import { evaluatorOf } from '../../src/domain/decisions/evaluators.js';
import { type S3Server, startS3 } from '../support/s3.js';
import { config, createWorld, day, MODEL, predictions, type World } from './monitor-world.js';

let s3: S3Server;
let world: World;
const priced = { gate: { ...config.gate, dataset: { minNewShare: 0.3 } } };
beforeAll(async () => void (s3 = await startS3()));
afterAll(() => s3.stop());
beforeEach(async () => void (world = await createWorld(s3.options, priced)));
afterEach(() => world.close());

/** Files of ten bytes each, by path and what fills them. */
async function commit(files: Record<string, string>): Promise<string> {
  const local = Object.entries(files).map(async ([path, letter], i) => {
    const localFile = join(tmpdir(), `new-data-${process.pid}-${i}`);
    await writeFile(localFile, letter.repeat(10));
    return { path, localFile };
  });
  return (await world.store.datasets.commitVersion('flights', await Promise.all(local), { by: 'test' })).version;
}
/** Release 1 is live, and its run has learnt from these files of the version. */
async function learnt(version: string, include: string[]): Promise<void> {
  await world.goLive(1);
  const plan = {
    kind: 'run-plan',
    schema: 1,
    dataset: { name: 'flights', version, include, excluded: [] },
  } as Partial<RunPlan>;
  await world.store.json.create(keys.runPlan(MODEL, 1), plan);
}
const ask = (input: Partial<GateInput> = { dataset: true }) =>
  world.gate({
    ...{ model: MODEL, now: day(12), reports: [], request: null, first: false, openRun: null, lastRetrainAt: null },
    standing: { paused: false, pinned: false },
    ...input,
  });
const decisions = async (): Promise<DecisionRecord[]> => {
  const all: DecisionRecord[] = [];
  for await (const record of world.store.records.list<DecisionRecord>(keys.decisions(MODEL))) all.push(record);
  return all;
};

test('content counts, not names: what the champion has learnt is not new under another path', async () => {
  const first = await commit({ 'dt=2001-02-01/a': 'a', 'dt=2001-02-02/b': 'b', 'dt=2001-02-03/c': 'c' });
  await learnt(first, ['dt=2001-02-01/a', 'dt=2001-02-02/b']); // c was of a blocked window
  await commit({ 'dt=2001-02-01/x': 'a', 'dt=2001-02-02/b': 'b', 'dt=2001-02-03/c': 'c', 'dt=2001-02-04/d': 'd' });
  expect(await ask()).toMatchObject([{ seq: 1, action: 'retrain', trigger: 'dataset', window: null }]);
  const [decision] = await decisions();
  expect(decision?.context.newData).toEqual({ newFiles: 2, newBytes: 20, files: 4, bytes: 40 });
  // All that it was taken on stands in its record: it can be taken again.
  const { action, trigger, reason, rules } = decision!;
  const again = evaluatorOf(decision!)(null, decision!.context, { ...config, ...priced });
  expect(again).toMatchObject({ action, trigger, reason, rules, decidedBy: 'dataset' });
});

test('is one decision per version and champion, whatever is asked again', async () => {
  const first = await commit({ 'dt=2001-02-01/a': 'a' });
  await learnt(first, ['dt=2001-02-01/a']);
  const second = await commit({ 'dt=2001-02-01/a': 'a', 'dt=2001-02-04/d': 'd' });
  const [taken] = await ask();
  expect(await ask({ dataset: true, now: day(20) })).toEqual([taken]);
  expect(await ask({ dataset: true, openRun: 1 })).toMatchObject([{ action: 'wait' }]);
  expect((await decisions()).map(({ causeId }) => causeId)).toEqual([
    `dataset/${second}/release-1`,
    `dataset/${second}/release-1/run-1`,
  ]);
});

test('counts only what a run would learn from: the slice, without blocked windows', async () => {
  const first = await commit({ 'dt=2001-02-05/a': 'a' });
  await learnt(first, ['dt=2001-02-05/a']);
  await world.store.watermarks.write('predictions', MODEL, day(6));
  const { reports } = await world.observe(); // window 5 is silent
  await ask({ reports });
  await commit({ 'dt=2001-02-05/a': 'A', 'dt=2001-02-01/b': 'b', 'dt=2001-02-04/c': 'c' });
  await world.applyConfig({ dataset: { ...config.dataset, use: { since: day(3) } } });
  await ask();
  expect((await decisions()).at(-1)?.context.newData).toEqual({ newFiles: 1, newBytes: 10, files: 1, bytes: 10 });
});

test('goes into the decision on a window; a person and a first model ask without it', async () => {
  const first = await commit({ 'dt=2001-02-01/a': 'a' });
  await learnt(first, ['dt=2001-02-01/a']);
  await commit({ 'dt=2001-02-01/a': 'a', 'dt=2001-02-04/d': 'd' });
  await world.log('predictions', 5, predictions(5, 240));
  await world.store.watermarks.write('predictions', MODEL, day(6));
  const { reports } = await world.observe();
  const request = { messageId: 'm', by: 'ann', reason: null, force: false };
  const taken = await ask({ reports, request, first: true, lastRetrainAt: day(11) });
  expect(taken).toMatchObject([
    { trigger: 'person' },
    { action: 'wait', reason: expect.not.stringContaining('held back') },
    { action: 'wait', reason: expect.stringContaining('held back: 50 % of the bytes') },
  ]);
  expect((await decisions()).map(({ context }) => context.newData !== undefined)).toEqual([false, false, true]);
});

test('what cannot be compared is said, and keeps no window from being judged', async () => {
  await commit({ 'dt=2001-02-01/a': 'a' });
  await world.goLive(1); // without a plan
  expect(await ask()).toMatchObject([
    {
      action: 'wait',
      trigger: 'dataset',
      reason: expect.stringContaining("the plan of release 1's run is not in storage"),
    },
  ]);
});

test('a look tells of a version that the champion has not learnt from, and only where a price is named', async () => {
  expect(await world.observe()).not.toHaveProperty('unlearntVersion');
  await world.goLive(1); // its record says that it has learnt from dddd…
  const version = await commit({ 'dt=2001-02-01/a': 'a' });
  expect(await world.observe()).toMatchObject({ datasetVersion: version, unlearntVersion: version });
  await world.applyConfig({ gate: config.gate });
  expect(await world.observe()).not.toHaveProperty('unlearntVersion');
  await world.applyConfig({ dataset: { ...config.dataset, follow: { tag: 'golden' } } });
  expect(await world.observe()).toMatchObject({ datasetVersion: null });
  await world.store.datasets.tag('flights', 'golden', version, 'test');
  expect(await world.observe()).toMatchObject({ datasetVersion: version, unlearntVersion: version });
  // What release 1 says that it has learnt from is no news.
  const learnt = 'd'.repeat(64);
  await world.store.json.create(keys.datasetVersion('flights', learnt), {
    kind: 'dataset-version',
    schema: 1,
    files: [],
  });
  await world.applyConfig({ dataset: { ...config.dataset, follow: { pinned: learnt.slice(0, 12) } } });
  expect(await world.observe()).toMatchObject({ datasetVersion: learnt, unlearntVersion: null });
});
