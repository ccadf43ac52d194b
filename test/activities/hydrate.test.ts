import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createAuditActivities } from '../../src/activities/audit.js';
import { createHydrateActivities } from '../../src/activities/hydrate.js';
import { createRunActivities } from '../../src/activities/run.js';
import type { JsonStore, RecordStore } from '../../src/activities/ports.js';
import { mapSome } from '../../src/activities/sequences.js';
import {
  type Action,
  type AuditInput,
  type DecisionRecord,
  keys,
  type RunOutcome,
  sequenceKey,
} from '../../src/contracts/index.js';
import { act, applyConfig, configOf, MODEL, startSteps, type Steps, type StepsServer } from '../support/steps.js';

let server: StepsServer;
let steps: Steps;
beforeAll(async () => {
  server = await startSteps();
});
afterAll(() => server.stop());
beforeEach(async () => {
  steps = await server.fresh();
});

const hydrate = () =>
  act(createHydrateActivities({ ...steps.store, searchAttributes: true }).hydrateLoop, { model: MODEL });

/** What every report says besides. */
const quiet = {
  ...{ kind: 'monitor-report', schema: 2, rows: 9, labelMaturity: 0.5, performance: null, referencePerformance: null },
  ...{ servedBy: [], checks: [], drift: { columns: [], outputs: [] }, seen: 's', closed: false },
};

it('says how to begin where there is nothing', async () => {
  await expect(hydrate()).rejects.toMatchObject({
    type: 'NotFound',
    next: expect.stringContaining('model apply') as string,
  });
});

it('begins empty', async () => {
  await applyConfig(steps);
  const { digest, seq } = await applyConfig(steps);
  expect(await hydrate()).toEqual({
    configSeq: seq,
    configDigest: digest,
    standing: { paused: false, pinned: false },
    orders: { paused: null, pinned: null },
    seenMessageIds: [],
    openRuns: [],
    monitoredTo: null,
    openWindows: [],
    lastRetrainAt: null,
    pendingReports: [],
    pendingRetrains: [],
    champion: null,
    lastDecision: null,
    lastReport: null,
    incident: null,
    searchAttributes: true,
  });
});

it('finds claims without a record and runs without an outcome', async () => {
  await applyConfig(steps);
  const runs = createRunActivities({ ...steps.store, searchAttributes: true });
  for (const causeId of ['decision/1', 'decision/2', 'decision/3']) await act(runs.claimRun, { model: MODEL, causeId });
  const record = { kind: 'run', schema: 1, model: MODEL, outcome: null };
  const write = (n: number, seq: number, change: object = {}) =>
    steps.store.json.create(sequenceKey(keys.runRecords(MODEL, n), seq), {
      ...record,
      n,
      seq,
      workflowId: `train/flights/${n}`,
      causeId: `decision/${n}`,
      ...change,
    });
  await write(1, 1);
  await write(1, 2, { outcome: { kind: 'cancelled', text: 'enough' } });
  await write(2, 1);
  await steps.store.json.create(`${keys.run(MODEL, 2)}plan.json`, { kind: 'run-plan' });
  expect((await hydrate()).openRuns).toEqual([
    { n: 2, workflowId: 'train/flights/2', causeId: 'decision/2' },
    { n: 3, workflowId: 'train/flights/3', causeId: 'decision/3' },
  ]);
});

it('takes the newest revision of every window', async () => {
  await applyConfig(steps);
  const report = (day: number, rev: number, status: string) => {
    const window = { from: `2001-02-0${day}T00:00:00.000Z`, to: `2001-02-0${day + 1}T00:00:00.000Z` };
    const content = { ...quiet, window, revision: rev, status, labelObjects: rev * 2, closed: status === 'final' };
    return steps.store.json.create(keys.report(MODEL, window.from, window.to, rev), content);
  };
  await report(1, 1, 'provisional');
  await report(1, 2, 'final');
  await report(2, 1, 'provisional');
  for (let rev = 1; rev <= 10; rev++) await report(3, rev, 'provisional'); // rev-10 sorts before rev-2
  expect(await hydrate()).toMatchObject({
    monitoredTo: '2001-02-04T00:00:00.000Z',
    openWindows: [
      { from: '2001-02-02T00:00:00.000Z', revision: 1, labelObjects: 2 },
      { from: '2001-02-03T00:00:00.000Z', revision: 10, labelObjects: 20 },
    ],
  });
});

it('finds the last retrain behind many decisions, and the champion', async () => {
  await applyConfig(steps);
  const actions: Action[] = ['retrain', ...Array.from({ length: 40 }, (): Action => 'wait'), 'block'];
  for (const [i, action] of actions.entries()) {
    const at = new Date(Date.UTC(2001, 0, i + 1)).toISOString();
    await steps.store.records.append(keys.decisions(MODEL), `d/${i}`, (seq) => ({
      kind: 'decision',
      schema: 1,
      seq,
      causeId: `d/${i}`,
      action,
      trigger: 'none',
      reason: `r${i}`,
      window: null,
      revision: null,
      at,
      rules: [],
    }));
  }
  const sha256 = 'a'.repeat(64);
  await steps.store.pointers.move(MODEL, {
    moveId: 'm',
    release: 3,
    sha256,
    expectedEpoch: 0,
    by: 'x',
    reason: 'y',
    at: '2001-01-01T00:00:00.000Z',
  });
  expect(await hydrate()).toMatchObject({
    lastRetrainAt: '2001-01-01T00:00:00.000Z',
    lastDecision: { seq: 42, action: 'block', reason: 'r41' },
    champion: { release: 3, sha256, epoch: 1 },
  });
});

/** A decision as the gate writes it; `about` a window's revision, or a request. */
const decide = (change: Partial<DecisionRecord> & { causeId: string }) =>
  steps.store.records.append(keys.decisions(MODEL), change.causeId, (seq) => ({
    ...{ kind: 'decision', schema: 1, action: 'wait', trigger: 'none', reason: 'r', window: null, revision: null },
    ...{ at: '2001-01-01T00:00:00.000Z', context: { lastRetrainAt: null } },
    ...change,
    seq,
  }));
const windowOf = (i: number) => ({
  from: new Date(Date.UTC(2001, 1, 5, i)).toISOString(),
  to: new Date(Date.UTC(2001, 1, 5, i + 1)).toISOString(),
});
const causeOf = (i: number, rev: number) => `window/${windowOf(i).from}_${windowOf(i).to}/rev-${rev}`;
async function reported(i: number, ...revisions: number[]): Promise<void> {
  for (const revision of revisions) {
    const { from, to } = windowOf(i);
    const report = { ...quiet, window: { from, to }, revision, status: 'provisional', labelObjects: 0 };
    await steps.store.json.create(keys.report(MODEL, from, to, revision), report);
  }
}
const keyOf = (i: number, rev: number) => ({ key: keys.report(MODEL, windowOf(i).from, windowOf(i).to, rev) });

it('refuses reports of another version in words', async () => {
  await applyConfig(steps);
  const { from, to } = windowOf(0);
  await steps.store.json.create(keys.report(MODEL, from, to, 1), { ...quiet, schema: 1, window: { from, to } });
  await expect(hydrate()).rejects.toMatchObject({
    type: 'NotFound',
    message: expect.stringContaining('has schema 1') as string,
  });
});

it('finds the reports that nobody has decided on, in order of window and revision', async () => {
  await applyConfig(steps);
  await reported(0, 1);
  await reported(1, 1, 2, 3);
  await reported(2, 1, 2);
  await reported(3, 1, 2, 3);
  await reported(4, 1);
  for (const [i, rev] of [
    [0, 1],
    [1, 1],
    [1, 2],
    [2, 2],
  ] as const)
    await decide({ causeId: causeOf(i, rev) });
  await decide({ causeId: 'message/m' });
  const seed = await hydrate();
  expect(seed.monitoredTo).toBe(windowOf(4).to);
  expect(seed.pendingReports).toEqual([keyOf(1, 3), keyOf(2, 1), keyOf(3, 1), keyOf(3, 3), keyOf(4, 1)]);
  for (const [i, rev] of [
    [1, 3],
    [2, 1],
    [3, 1],
    [3, 3],
    [4, 1],
  ] as const)
    await decide({ causeId: causeOf(i, rev) });
  expect((await hydrate()).pendingReports).toEqual([]);
});

it('reads the reports of the newest 400 windows, and of older ones whose labels may still come', async () => {
  const counted = async (labelDeadlineMs: number) => {
    steps = await server.fresh();
    await applyConfig(steps, configOf({ label: { column: 'late', maturity: 0.9, deadlineMs: labelDeadlineMs } }));
    await mapSome(
      Array.from({ length: 450 }, (_, i) => i),
      (i) => reported(i, 1),
    );
    let reads = 0;
    const json: JsonStore = {
      ...steps.store.json,
      read: (key) => {
        if (key.startsWith(keys.windows(MODEL))) reads += 1;
        return steps.store.json.read(key);
      },
    };
    const ports = { ...steps.store, json, searchAttributes: true };
    const seed = await act(createHydrateActivities(ports).hydrateLoop, { model: MODEL });
    expect(seed.monitoredTo).toBe(windowOf(449).to);
    expect(seed.openWindows).toHaveLength(reads);
    return reads;
  };
  expect(await counted(3_600_000)).toBe(400);
  expect(await counted(430 * 3_600_000)).toBe(430);
});

describe('a decision to retrain whose run never began', () => {
  const runs = () => createRunActivities({ ...steps.store, searchAttributes: true });
  const claim = (seq: number) => act(runs().claimRun, { model: MODEL, causeId: `decision/${seq}` });
  const record = (n: number, outcome: RunOutcome | null, causeId = 'decision/2') =>
    steps.store.records.append(keys.runRecords(MODEL, n), causeId, (seq) => ({
      ...{ kind: 'run', schema: 1, model: MODEL, n, workflowId: `train/flights/${n}`, outcome },
      seq,
      causeId,
    }));
  const pending = async () => (await hydrate()).pendingRetrains.map(({ seq }) => seq);

  beforeEach(async () => {
    await applyConfig(steps);
    await decide({ causeId: 'a', action: 'retrain', trigger: 'drift' });
    await decide({ causeId: 'b', action: 'retrain', trigger: 'firstModel' });
    await decide({ causeId: 'c' });
  });

  it('is started: only the newest', async () => {
    const seed = await hydrate();
    expect(seed.pendingRetrains).toEqual([
      {
        ...{ seq: 2, action: 'retrain', trigger: 'firstModel', reason: 'r', window: null, revision: null },
        at: '2001-01-01T00:00:00.000Z',
      },
    ]);
    await claim(1);
    expect(await pending()).toEqual([2]);
  });

  it('is started when it was claimed and nothing was recorded, and not once it was', async () => {
    await claim(2);
    expect(await pending()).toEqual([2]);
    await record(1, null);
    expect(await pending()).toEqual([]);
  });

  it('is started again when its run was abandoned, until another of its runs began', async () => {
    await claim(2);
    await record(1, { kind: 'abandoned', text: 'never started' }, 'closed/train/flights/1');
    expect(await pending()).toEqual([2]);
    expect((await claim(2)).n).toBe(2);
    expect(await pending()).toEqual([2]);
    await record(2, { kind: 'failed', failure: 'BadData', text: 'bad' });
    expect(await pending()).toEqual([]);
  });

  it('is not started again when its run was terminated: that was somebody’s will', async () => {
    await claim(2);
    await record(1, { kind: 'failed', failure: 'Terminated', text: 't' }, 'closed/train/flights/1');
    expect(await pending()).toEqual([]);
  });
});

it('knows when the last retrain was from the newest decisions, without reading all', async () => {
  await applyConfig(steps);
  const at = '2001-01-07T00:00:00.000Z';
  const write = (seq: number, change: Partial<DecisionRecord>) =>
    steps.store.json.create(sequenceKey(keys.decisions(MODEL), seq), {
      ...{ kind: 'decision', schema: 1, seq, causeId: `c${seq}`, action: 'wait', trigger: 'none', reason: 'r' },
      ...{ window: null, revision: null, at, context: { lastRetrainAt: seq > 1 ? at : null } },
      ...change,
    });
  await write(1, { action: 'retrain', trigger: 'person' });
  await mapSome(
    Array.from({ length: 599 }, (_, i) => i + 2),
    (seq) => write(seq, {}),
  );
  let reads = 0;
  const records: RecordStore = {
    ...steps.store.records,
    read: (folder, seq) => {
      reads += 1;
      return steps.store.records.read(folder, seq);
    },
  };
  const ports = { ...steps.store, records, searchAttributes: true };
  const seed = await act(createHydrateActivities(ports).hydrateLoop, { model: MODEL });
  expect(seed).toMatchObject({ lastRetrainAt: at, lastDecision: { seq: 600 }, pendingRetrains: [] });
  expect(reads).toBeLessThan(450);
});

it('keeps standing orders however many messages came later, and the newest ids', async () => {
  await applyConfig(steps);
  const { audit } = createAuditActivities(steps.store);
  const act1 = (messageId: string, change: Partial<AuditInput> = {}) =>
    act(audit, {
      model: MODEL,
      to: 'model/flights',
      message: 'retrain',
      messageId,
      by: 'kim',
      reason: null,
      accepted: true,
      result: '',
      standing: null,
      at: '2026-01-01T00:00:00.000Z',
      ...change,
    });
  await act1('pause', { message: 'pause', standing: { paused: true, pinned: true } });
  for (let i = 0; i < 210; i++) await act1(`m${i}`);
  await act1('refused', { accepted: false });
  await act1('elsewhere', { to: 'train/flights/1' });
  const seed = await hydrate();
  expect(seed.standing).toEqual({ paused: true, pinned: true });
  expect(seed.seenMessageIds).toHaveLength(198);
  expect(seed.seenMessageIds.at(-1)).toBe('m209');
  expect(seed.seenMessageIds).not.toContain('refused');
});

describe('a data incident', () => {
  const judged = (i: number, revision: number, action: Action) =>
    decide({ causeId: causeOf(i, revision), window: windowOf(i), revision, action, reason: `${action} ${i}` });
  const incident = async () => (await hydrate()).incident;

  it('is open while the newest windows are blocked, whatever people ask meanwhile', async () => {
    await applyConfig(steps);
    await judged(0, 1, 'block');
    await judged(1, 1, 'wait');
    expect(await incident()).toBeNull();
    await judged(2, 1, 'block');
    await decide({ causeId: 'message/m', trigger: 'person' });
    await judged(3, 1, 'block');
    const open = { since: windowOf(2).from, to: windowOf(3).to, windows: 2, text: 'block 3' };
    expect(await incident()).toEqual(open);
    await judged(1, 2, 'wait'); // late labels of a window before it end nothing
    expect(await incident()).toEqual(open);
    await judged(4, 1, 'retrain');
    expect(await incident()).toBeNull();
  });

  it('that has ended is not opened by the final revision of one of its windows', async () => {
    await applyConfig(steps);
    await judged(0, 1, 'block');
    await judged(1, 1, 'wait');
    await judged(0, 2, 'block');
    expect(await incident()).toBeNull();
  });
});

it('knows who gave the orders that stand, behind hundreds of other messages', async () => {
  await applyConfig(steps);
  const { audit } = createAuditActivities(steps.store);
  const standing = { paused: true, pinned: false };
  const send = (i: number, change: Partial<AuditInput>) =>
    act(audit, {
      ...{ model: MODEL, to: `model/${MODEL}`, message: 'retrain', messageId: `m-${i}`, by: 'bob', reason: null },
      ...{ accepted: true, result: 'done', standing, at: '2001-02-05T00:00:00.000Z' },
      ...change,
    });
  await send(0, { message: 'pin', by: 'eve', standing: { paused: false, pinned: true } });
  await send(1, { message: 'unpin', standing: { paused: false, pinned: false } });
  await send(2, { message: 'pause', by: 'ada', reason: 'holiday', at: '2001-02-06T00:00:00.000Z' });
  for (let i = 3; i < 230; i++) await send(i, i % 2 ? {} : { message: 'pause', accepted: false, by: 'eve' });
  expect((await hydrate()).orders).toEqual({
    paused: { by: 'ada', reason: 'holiday', at: '2001-02-06T00:00:00.000Z' },
    pinned: null,
  });
});
