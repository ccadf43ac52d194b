import { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createMonitorActivities, type MonitorPorts } from '../../src/activities/monitor.js';
import { createRunActivities } from '../../src/activities/run.js';
import { keys, type Observation, type RunOutcome, type RunPlan, type RunRecord } from '../../src/contracts/index.js';
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
const storePlan = (n: number) => {
  const plan: RunPlan = {
    kind: 'run-plan',
    schema: 1,
    model: MODEL,
    n,
    configDigest: 'c'.repeat(64),
    config,
    dataset: { name: 'flights', version: 'd'.repeat(64), include: [], excluded: [] },
    champion: null,
    expectedEpoch: 0,
    moveId: 'move-1',
    at: day(5),
  };
  return world.store.json.create(keys.runPlan(MODEL, n), plan);
};
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

test('a claim that waits for its pool’s ledger is open, and not abandoned', async () => {
  await world.store.json.create(keys.runReservation(MODEL, 1), { kind: 'run-reservation', at: day(4) });
  const { openRuns, endedRuns } = await world.observe({ openRuns: [run(1)] });
  expect({ openRuns, endedRuns }).toEqual({
    openRuns: [{ ...run(1), progress: { phase: 'awaitingBudget', since: day(4), deadlineAt: null } }],
    endedRuns: [],
  });
});

test('a claim that was never started is closed as abandoned', async () => {
  const outcome = { kind: 'abandoned', text: expect.stringContaining('never started') as unknown };
  expect(await look(3)).toMatchObject([{ n: 3, outcome }]);
  expect(await newest(3)).toMatchObject({ phase: 'ended', outcome });
});

test.each([
  ['terminated in training', 'record', 'closed'],
  ['terminated after it was opened, before its first record', 'plan', 'closed'],
  ['forgotten by Temporal', 'record', 'missing'],
] as const)('%s: its end is recorded, once', async (_, begun, state) => {
  await (begun === 'record' ? record(2, null) : storePlan(2));
  world.workflows.set('train/late/2', state);
  const first = await look(2);
  expect(first).toMatchObject([
    { n: 2, outcome: { kind: 'failed', failure: 'Terminated', text: expect.stringContaining('train/late/2') } },
  ]);
  const last = await newest(2);
  expect(last).toMatchObject({
    phase: 'ended',
    outcome: first[0]!.outcome,
    trainSeconds: begun === 'record' ? 12 : null,
  });
  expect(await look(2)).toEqual(first);
  expect((await newest(2))!.seq).toBe(last!.seq);
});

test('a workflow that was there before and never opened its number: abandoned, and the cause gets another number', async () => {
  const { claimRun } = createRunActivities({ ...world.store, searchAttributes: false });
  world.workflows.set('train/late/1', 'closed'); // started by hand with a wrong input, it failed before it claimed
  const claim = () => claimRun({ model: MODEL, causeId: 'decision/1' });
  expect((await claim()).n).toBe(1);
  expect(await look(1)).toMatchObject([
    { n: 1, outcome: { kind: 'abandoned', text: expect.stringContaining('was there before and never opened it') } },
  ]);
  expect((await claim()).n).toBe(2);
  expect((await claim()).n).toBe(2);
  expect(await look(2)).toMatchObject([{ n: 2, outcome: { kind: 'abandoned' } }]);
  expect((await claim()).n).toBe(3);
});

describe('runs that were started without the loop', () => {
  const claimed = (n: number, at: string) =>
    world.store.json.create(keys.runClaim(MODEL, n), {
      ...{ kind: 'run-claim', schema: 1, model: MODEL, at },
      ...{ ...run(n), causeId: `workflow/train/late/${n}` },
    });
  const by = (n: number) => ({ ...run(n), causeId: `workflow/train/late/${n}` });
  const observe = (...numbers: number[]) => world.observe({ openRuns: numbers.map(run) });

  test('are seen, beside those that the loop has', async () => {
    for (const n of [1, 2, 7]) world.workflows.set(`train/late/${n}`, 'running');
    await claimed(2, day(4));
    await record(7, null); // its record says as much as its claim
    expect(await observe(1)).toMatchObject({
      endedRuns: [],
      openRuns: [run(1), by(2), { n: 7, workflowId: 'train/late/7' }],
    });
  });

  test('are closed when they were terminated, and not heard of when they ended well', async () => {
    await record(1, null);
    world.workflows.set('train/late/1', 'closed');
    await record(2, { kind: 'refused', by: 'evaluation', text: 'no gain' });
    const seen = await observe();
    expect(seen.openRuns).toEqual([]);
    expect(seen.endedRuns).toMatchObject([{ n: 1, outcome: { kind: 'failed', failure: 'Terminated' } }]);
    expect(await newest(1)).toMatchObject({ phase: 'ended' });
    expect((await observe()).endedRuns).toEqual([]);
  });

  test('that were claimed a moment ago may be about to start; claimed long ago, they never will', async () => {
    world.clock.wallMs = Date.parse(day(5, '00:05:00.000'));
    await claimed(3, day(5));
    expect((await observe()).openRuns).toEqual([by(3)]);
    world.clock.wallMs = Date.parse(day(5, '01:00:00.000'));
    expect(await observe()).toMatchObject({ openRuns: [], endedRuns: [{ n: 3, outcome: { kind: 'abandoned' } }] });
  });

  test('that have ended are read once', async () => {
    await record(1, { kind: 'refused', by: 'evaluation', text: 'no gain' });
    await record(2, null);
    world.workflows.set('train/late/2', 'running');
    const read: string[] = [];
    const { json } = world.store;
    const ports = { ...world.ports, json: { ...json, read: (key: string) => (read.push(key), json.read(key)) } };
    const { observe } = createMonitorActivities(ports as MonitorPorts);
    const input = { model: MODEL, monitoredTo: null, openWindows: [], openRuns: [] };
    const again = (): Promise<Observation> => new MockActivityEnvironment().run(observe, input);
    await again();
    const before = read.filter((key) => key.includes('/runs/1/')).length;
    expect(before).toBeGreaterThan(0);
    expect((await again()).openRuns.map(({ n }) => n)).toEqual([2]);
    expect(read.filter((key) => key.includes('/runs/1/'))).toHaveLength(before);
    await record(2, { kind: 'cancelled', text: 'by ann' });
    expect((await again()).openRuns).toEqual([]);
  });
});

test('ended after its release went live: the pointer knows', async () => {
  await record(4, null);
  await world.goLive(1);
  await storePlan(4);
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

test('an open run is told with its phase; one that waits for a person, with the deadline that it has itself', async () => {
  const id = run(1).workflowId;
  world.workflows.set(id, 'running');
  const open = async () => (await world.observe({ openRuns: [run(1)] })).openRuns;
  expect(await open()).toEqual([run(1)]);
  await record(1, null);
  expect(await open()).toEqual([{ ...run(1), progress: { phase: 'training', since: day(5), deadlineAt: null } }]);
  const last = await newest(1);
  await world.store.records.append<RunRecord>(keys.runRecords(MODEL, 1), 'asks', (seq) => ({
    ...last!,
    ...{ seq, causeId: 'asks', phase: 'awaitingApproval', at: day(6) },
  }));
  world.deadlines.set(id, day(9));
  expect(await open()).toEqual([
    { ...run(1), progress: { phase: 'awaitingApproval', since: day(6), deadlineAt: day(9) } },
  ]);
});
