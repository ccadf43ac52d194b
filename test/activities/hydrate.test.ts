import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { createAuditActivities } from '../../src/activities/audit.js';
import { createHydrateActivities } from '../../src/activities/hydrate.js';
import { createRunActivities } from '../../src/activities/run.js';
import { type Action, type AuditInput, keys, sequenceKey } from '../../src/contracts/index.js';
import { act, applyConfig, MODEL, startSteps, type Steps, type StepsServer } from '../support/steps.js';

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
    seenMessageIds: [],
    openRuns: [],
    monitoredTo: null,
    openWindows: [],
    lastRetrainAt: null,
    champion: null,
    lastDecision: null,
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
    const content = { kind: 'monitor-report', window, revision: rev, status, labelObjects: rev * 2 };
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
