import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { keys, type RunOutcome, type RunPlan, type RunRecord } from '../../src/contracts/index.js';
import { type S3Server, startS3 } from '../support/s3.js';
import { config, createWorld, day, MODEL, type World } from './monitor-world.js';

let s3: S3Server;
let world: World;
beforeAll(async () => void (s3 = await startS3()));
afterAll(() => s3.stop());
beforeEach(async () => void (world = await createWorld(s3.options)));
afterEach(() => world.close());

const run = (n: number) => ({ n, workflowId: `train/${MODEL}/${n}`, causeId: `decision/${n}` });
const record = (n: number, outcome: RunOutcome | null) =>
  world.store.records.append<RunRecord>(
    keys.runRecords(MODEL, n),
    `phase/${outcome ? 'ended' : 'training'}`,
    (seq) => ({
      kind: 'run',
      schema: 1,
      model: MODEL,
      n,
      seq,
      causeId: `phase/${outcome ? 'ended' : 'training'}`,
      workflowId: run(n).workflowId,
      phase: outcome ? 'ended' : 'training',
      outcome,
      configDigest: 'c'.repeat(64),
      dataset: { name: 'flights', version: 'd'.repeat(64) },
      champion: null,
      attempts: [],
      challenger: null,
      trainSeconds: 12,
      device: 'cpu',
      evidence: null,
      evaluation: null,
      approval: null,
      at: day(5),
    }),
  );
const newest = (n: number) => world.store.records.newest<RunRecord>(keys.runRecords(MODEL, n));
const look = async (...numbers: number[]) => (await world.observe({ openRuns: numbers.map(run) })).endedRuns;

test('the record says that a run has ended; nobody is asked then', async () => {
  const outcome: RunOutcome = { kind: 'refused', by: 'evaluation', text: 'no gain' };
  await record(1, null);
  await record(1, outcome);
  expect(await look(1)).toEqual([{ n: 1, outcome }]);
});

test('a run whose workflow runs is open', async () => {
  await record(1, null);
  world.workflows.set('train/late/1', 'running').set('train/late/2', 'running');
  expect(await look(1, 2)).toEqual([]);
});

test('a claim that was never started is closed as abandoned', async () => {
  const outcome = { kind: 'abandoned', text: expect.stringContaining('never started') as unknown };
  expect(await look(3)).toMatchObject([{ n: 3, outcome }]);
  expect(await newest(3)).toMatchObject({ phase: 'ended', outcome });
});

test.each([
  ['terminated in training', true, 'closed'],
  ['terminated before its first record', false, 'closed'],
  ['forgotten by Temporal', true, 'missing'],
] as const)('%s: its end is recorded, once', async (_, begun, state) => {
  if (begun) await record(2, null);
  world.workflows.set('train/late/2', state);
  const first = await look(2);
  expect(first).toMatchObject([
    { n: 2, outcome: { kind: 'failed', failure: 'Terminated', text: expect.stringContaining('train/late/2') } },
  ]);
  const last = await newest(2);
  expect(last).toMatchObject({ phase: 'ended', outcome: first[0]!.outcome, trainSeconds: begun ? 12 : null });
  expect(await look(2)).toEqual(first);
  expect((await newest(2))!.seq).toBe(last!.seq);
});

test('ended after its release went live: the pointer knows', async () => {
  await record(4, null);
  await world.goLive(1);
  const plan: RunPlan = {
    kind: 'run-plan',
    schema: 1,
    model: MODEL,
    n: 4,
    configDigest: 'c'.repeat(64),
    config,
    dataset: { name: 'flights', version: 'd'.repeat(64), include: [], excluded: [] },
    champion: null,
    expectedEpoch: 0,
    moveId: 'move-1',
    at: day(5),
  };
  await world.store.json.create(keys.runPlan(MODEL, 4), plan);
  world.workflows.set('train/late/4', 'closed');
  expect(await look(4)).toMatchObject([{ n: 4, outcome: { kind: 'released', release: 1 } }]);
});

test('a record that is written while we ask Temporal counts', async () => {
  const outcome: RunOutcome = { kind: 'cancelled', text: 'by ann' };
  await record(5, null);
  world.ports.inspector.state = async () => {
    await record(5, outcome);
    return 'closed';
  };
  expect(await look(5)).toEqual([{ n: 5, outcome }]);
});
