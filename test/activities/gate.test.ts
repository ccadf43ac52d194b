import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createGateActivities } from '../../src/activities/gate.js';
import { type DecisionRecord, type GateInput, keys } from '../../src/contracts/index.js';
import { type S3Server, startS3 } from '../support/s3.js';
import { createWorld, day, labels, MODEL, predictions, type World } from './monitor-world.js';

let s3: S3Server;
let world: World;
beforeAll(async () => void (s3 = await startS3()));
afterAll(() => s3.stop());
beforeEach(async () => void (world = await createWorld(s3.options)));
afterEach(() => world.close());

const ask = (input: Partial<GateInput>) =>
  world.gate({
    model: MODEL,
    now: day(12),
    reports: [],
    request: null,
    first: false,
    openRun: null,
    standing: { paused: false, pinned: false },
    lastRetrainAt: null,
    ...input,
  });
const decisions = async (): Promise<DecisionRecord[]> => {
  const all: DecisionRecord[] = [];
  for await (const record of world.store.records.list<DecisionRecord>(keys.decisions(MODEL))) all.push(record);
  return all;
};
async function commit(content: string): Promise<string> {
  const localFile = join(tmpdir(), `gate-${process.pid}.txt`);
  await writeFile(localFile, content);
  return (await world.store.datasets.commitVersion('flights', [{ path: 'a.parquet', localFile }], { by: 'test' }))
    .version;
}
/** Windows 5 and 6: drift; window 7: silence; window 8: quiet. */
async function monitored(): Promise<{ key: string }[]> {
  await world.goLive(1);
  await world.log('predictions', 5, predictions(5, 240, { hour: (i) => i % 6 }));
  await world.log('predictions', 6, predictions(6, 240, { hour: (i) => i % 6 }));
  await world.log('predictions', 8, predictions(8, 240));
  await world.store.watermarks.write('predictions', MODEL, day(9));
  return (await world.observe()).reports.map(({ key }) => ({ key }));
}

test('each report is decided in order, and one call starts at most one run', async () => {
  const reports = await monitored();
  const version = await commit('one');
  const taken = await ask({ reports });
  expect(taken).toMatchObject([
    { seq: 1, action: 'retrain', trigger: 'drift', window: { from: day(5) }, revision: 1, at: day(12) },
    { seq: 2, action: 'wait', reason: expect.stringContaining('a training run is about to start') },
    { seq: 3, action: 'block', reason: expect.stringContaining('the feed is silent') },
    { seq: 4, action: 'wait', reason: expect.stringContaining('a training run is about to start') },
  ]);
  const [first, second] = await decisions();
  expect(first).toMatchObject({
    kind: 'decision',
    causeId: `window/${day(5)}_${day(6)}/rev-1`,
    report: reports[0]!.key,
    evaluator: 'gate/2',
    configDigest: '1'.padStart(64, '0'),
    context: { championRelease: 1, datasetVersion: version, openRun: null },
  });
  expect(second!.context).toMatchObject({ openRun: 0, lastRetrainAt: day(12) });
});

test('a call that is repeated returns what was decided, whatever the thresholds and the world say now', async () => {
  const reports = await monitored();
  await commit('one');
  const taken = await ask({ reports });
  await commit('two');
  await world.applyConfig({
    gate: {
      performance: { aucDrop: 9, logLossRise: 9, accuracyDrop: 9, rmseRise: 9, minLabelled: 1, minMaturity: 0.5 },
      drift: { warnPsi: 9, featurePsi: 9, predictionPsi: 9, falseAlarms: 0.05 },
      cooldownMs: 0,
    },
  });
  expect(await ask({ reports, now: day(20), standing: { paused: true, pinned: false } })).toEqual(taken);
  expect(await decisions()).toHaveLength(4);
});

test('after a crash in mid-batch the rest is decided as it would have been', async () => {
  const reports = await monitored();
  await commit('one');
  const [first] = await ask({ reports: reports.slice(0, 1) });
  const all = await ask({ reports });
  expect(all[0]).toEqual(first);
  expect(all[1]).toMatchObject({ action: 'wait', reason: expect.stringContaining('a training run is about to start') });
});

test('late labels: a revision is decided for itself', async () => {
  await monitored();
  await commit('one');
  await world.log('labels', 8, labels(8, 0, 240, true));
  const seen = await world.observe({
    monitoredTo: day(9),
    openWindows: [{ from: day(8), to: day(9), revision: 1, labelObjects: 0 }],
  });
  expect(await ask({ reports: seen.reports })).toMatchObject([
    { action: 'retrain', trigger: 'performance', revision: 2, reason: expect.stringContaining('AUC drop 1.000') },
  ]);
});

test('a hint spares older decisions, and leaves the cause of a request where it is', async () => {
  const reports = await monitored();
  await commit('one');
  const request = { messageId: 'm-1', by: 'ann', reason: null, force: false };
  await ask({ request });
  const taken = await ask({ reports, decidedUpTo: 1 });
  expect(taken.map(({ seq }) => seq)).toEqual([2, 3, 4, 5]);
  const hints: (number | undefined)[] = [];
  const { records } = world.store;
  const { gate } = createGateActivities({
    ...world.store,
    records: {
      ...records,
      append: (folder, causeId, make, after) => (hints.push(after), records.append(folder, causeId, make, after)),
    },
  });
  const input = { model: MODEL, now: day(12), first: false, openRun: null, lastRetrainAt: null };
  const standing = { paused: false, pinned: false };
  expect(await gate({ ...input, standing, reports, request, decidedUpTo: 1 })).toMatchObject([{ seq: 1 }, ...taken]);
  expect(hints).toEqual([0, 1, 1, 1, 1]);
});

test('no cooldown begins with the first model, not even in the same call', async () => {
  const reports = await monitored();
  await commit('one');
  const records = world.store.records;
  const version = (await world.store.datasets.head('flights'))!.version;
  // Asked for before the champion was there, and asked again in the same call as the reports.
  await records.append<DecisionRecord>(
    keys.decisions(MODEL),
    `first/${version}/release-1`,
    (seq) =>
      ({
        ...{ kind: 'decision', schema: 1, seq, causeId: `first/${version}/release-1`, model: MODEL, action: 'retrain' },
        ...{
          trigger: 'firstModel',
          reason: 'r',
          decidedBy: null,
          rules: [],
          window: null,
          revision: null,
          report: null,
        },
        ...{ configDigest: '', evaluator: 'gate/2', at: day(11) },
        context: {} as DecisionRecord['context'],
      }) as DecisionRecord,
  );
  await ask({ reports: reports.slice(0, 1), first: true });
  expect((await decisions())[1]!.context).toMatchObject({ openRun: 0, lastRetrainAt: null });
});

describe('the first model', () => {
  test('waits for data, is asked for once per dataset version, and not any more when one is live', async () => {
    expect(await ask({ first: true })).toMatchObject([{ seq: 1, action: 'wait', trigger: 'firstModel' }]);
    expect(await ask({ first: true })).toMatchObject([{ seq: 1 }]);
    const version = await commit('one');
    expect(await ask({ first: true })).toMatchObject([{ seq: 2, action: 'retrain', trigger: 'firstModel' }]);
    expect(await ask({ first: true, now: day(20) })).toMatchObject([{ seq: 2, at: day(12) }]);
    await commit('two');
    expect(await ask({ first: true })).toMatchObject([{ seq: 3, action: 'retrain' }]);
    await world.goLive(1);
    expect(await ask({ first: true })).toMatchObject([
      { seq: 4, action: 'wait', reason: 'release 1 is live: a first model is not needed' },
    ]);
    expect((await decisions()).map(({ causeId }) => causeId).slice(0, 2)).toEqual(['first/none', `first/${version}`]);
  });

  test('a pause is no answer for ever', async () => {
    await commit('one');
    expect(await ask({ first: true, standing: { paused: true, pinned: false } })).toMatchObject([{ action: 'wait' }]);
    expect(await ask({ first: true, openRun: 3 })).toMatchObject([{ action: 'wait' }]);
    expect(await ask({ first: true })).toMatchObject([{ action: 'retrain' }]);
    expect(await decisions()).toHaveLength(3);
  });
});

test("a person's request is one decision per message", async () => {
  await world.goLive(1);
  await commit('one');
  const request = { messageId: 'm-1', by: 'ann', reason: 'new airport', force: false };
  const [taken] = await ask({ request });
  expect(taken).toMatchObject({ seq: 1, action: 'retrain', trigger: 'person', window: null, revision: null });
  expect(await ask({ request, openRun: 1 })).toEqual([taken]);
  expect(await ask({ request: { ...request, messageId: 'm-2' }, openRun: 1 })).toMatchObject([
    { seq: 2, action: 'wait', trigger: 'person' },
  ]);
  expect((await decisions())[0]).toMatchObject({
    causeId: 'message/m-1',
    context: { request: { by: 'ann', reason: 'new airport', force: false } },
  });
});

test('a report that is gone is an error that says which', async () => {
  const key = keys.report(MODEL, day(5), day(6), 1);
  await expect(ask({ reports: [{ key }] })).rejects.toMatchObject({
    type: 'NotFound',
    message: expect.stringContaining(key),
  });
  await expect(ask({ model: 'nobody' })).rejects.toMatchObject({ type: 'NotFound' });
});

describe('a data incident', () => {
  /** Windows 5 and 6 quiet, 7 and 8 silent, 9 quiet. */
  async function brokenDays(): Promise<{ key: string }[]> {
    await world.goLive(1);
    for (const n of [5, 6, 9]) await world.log('predictions', n, predictions(n, 240));
    await world.store.watermarks.write('predictions', MODEL, day(10));
    const first = await world.observe();
    const rest = await world.observe({ monitoredTo: first.monitoredTo, openWindows: first.openWindows });
    return [...first.reports, ...rest.reports].map(({ key }) => ({ key }));
  }
  const open = (to: number, windows: number) => ({ since: day(7), to: day(to), windows });

  test('is told with each decision: it begins, grows and ends', async () => {
    const taken = await ask({ reports: await brokenDays(), incident: null });
    expect(taken.map(({ action }) => action)).toEqual(['wait', 'wait', 'block', 'block', 'wait']);
    expect(taken.map(({ incident }) => incident)).toMatchObject([null, null, open(8, 1), open(9, 2), null]);
    expect(taken[2]!.incident?.text).toContain('the feed is silent');
  });

  test('goes on from what the loop knows; a loop that knows nothing of it gets it from the decisions', async () => {
    const reports = await brokenDays();
    await ask({ reports: reports.slice(0, 3) });
    expect(await ask({ reports: [reports[3]!] })).toMatchObject([{ action: 'block', incident: open(9, 2) }]);
    // Asked again, as after a crash: the same answer, since it depends on what was before that decision.
    expect(await ask({ reports: [reports[3]!] })).toMatchObject([{ action: 'block', incident: open(9, 2) }]);
    const known = { since: day(1), to: day(8), windows: 7, text: 'long' };
    expect(await ask({ reports: [reports[3]!], incident: known })).toMatchObject([
      { incident: { since: day(1), to: day(9), windows: 8 } },
    ]);
  });
});
