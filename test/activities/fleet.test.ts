import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createFleetActivities } from '../../src/activities/fleet/fleet.js';
import { median, severityOf } from '../../src/activities/fleet/price.js';
import { beginUse, endUse, usedMs } from '../../src/activities/fleet/use.js';
import { createRunActivities } from '../../src/activities/run.js';
import { storeBudget } from '../../src/cli/budget.js';
import {
  blankRun,
  type DecisionRecord,
  keys,
  type RunOutcome,
  type RunReservation,
  sequenceKey,
} from '../../src/contracts/index.js';
import { emptyLedger } from '../../src/domain/reducers/ledger.js';
import { act, applyConfig, configOf, MODEL, startSteps, type Steps, type StepsServer } from '../support/steps.js';

let server: StepsServer;
let steps: Steps;
let workflows: Record<string, 'running' | 'closed'>;
beforeAll(async () => {
  server = await startSteps();
});
afterAll(() => server?.stop());
beforeEach(async () => {
  steps = await server.fresh();
  workflows = {};
});

const runs = () => createRunActivities({ ...steps.store, searchAttributes: false });
const fleet = () =>
  createFleetActivities({
    ...steps.store,
    inspector: { state: async (id) => workflows[id] ?? 'missing', deadlineOf: async () => null },
    searchAttributes: false,
    wallNow: () => Date.now(),
  });
const weekly = { gpuMs: 3_600_000, models: {}, per: 'week', collectForMs: 60_000 } as const;
const who = { by: 'ada', reason: null };

async function record(
  n: number,
  seq: number,
  change: { outcome?: RunOutcome | null; trainSeconds?: number | null; at?: string },
) {
  const blank = blankRun({
    model: MODEL,
    n,
    workflowId: `train/${MODEL}/${n}`,
    causeId: `decision/${n}`,
    at: new Date().toISOString(),
  });
  const phase = change.outcome ? 'ended' : 'training';
  await steps.store.json.create(sequenceKey(keys.runRecords(MODEL, n), seq), {
    kind: 'run',
    schema: 1,
    ...blank,
    seq,
    phase,
    ...change,
  });
}
const decide = (trigger: DecisionRecord['trigger'], rules: Partial<DecisionRecord['rules'][number]>[] = []) =>
  steps.store.records.append<DecisionRecord>(keys.decisions(MODEL), `test/${trigger}`, (seq) => ({
    ...({
      kind: 'decision',
      schema: 1,
      seq,
      causeId: `test/${trigger}`,
      model: MODEL,
      action: 'retrain',
      trigger,
    } as DecisionRecord),
    rules: rules as DecisionRecord['rules'],
  }));
const released: RunOutcome = { kind: 'released', release: 1, text: '' };

describe('the price of a run', () => {
  const claim = (seq: number) => act(runs().claimRun, { model: MODEL, causeId: `decision/${seq}` });

  it('is asked for only where the pool has a ledger', async () => {
    await applyConfig(steps);
    await decide('performance');
    expect(await claim(1)).toEqual({ n: 1, workflowId: `train/${MODEL}/1`, causeId: 'decision/1' });
    await storeBudget(steps.store, 'default', weekly, who);
    expect((await claim(1)).price).toMatchObject({ pool: 'default', clock: 'feed' });
  });

  it('of the first run is what the configuration says; later it is learnt; and it is fixed once', async () => {
    const base = configOf();
    await applyConfig(steps, configOf({ trainer: { ...base.trainer, budget: { firstRunMs: 90_000, value: 3 } } }));
    await storeBudget(steps.store, 'default', weekly, who);
    await decide('drift', [
      { rule: 'featurePsi', fired: true, action: 'retrain', value: 0.75, threshold: 0.25 },
      { rule: 'cooldown', fired: true, action: 'wait', value: 90, threshold: 1 },
    ]);
    const first = await claim(1);
    expect(first.price).toMatchObject({ gpuMs: 90_000, benefit: 9 });
    for (const [i, trainSeconds] of [500, 10, 30, 20].entries())
      await record(10 + i, 1, { outcome: released, trainSeconds });
    await record(20, 1, { outcome: { kind: 'cancelled', text: '' }, trainSeconds: null });
    await decide('firstModel');
    const later = await claim(2);
    expect(later.price).toMatchObject({ gpuMs: 20_000, benefit: 30 });
    await applyConfig(steps, configOf());
    expect((await claim(1)).price).toEqual(first.price);
    const stored = await steps.store.json.read<RunReservation>(keys.runReservation(MODEL, first.n));
    expect(stored?.value.text).toContain('trainer.budget.firstRun');
  });

  it('knows severity in times of the limit, at most 100', () => {
    const rule = { rule: 'x', fired: true, action: 'retrain', value: 1e9, threshold: 0.1, text: '' } as const;
    expect(severityOf({ trigger: 'drift', rules: [rule] }).times).toBe(100);
    expect(severityOf({ trigger: 'person', rules: [{ ...rule, fired: false }] }).times).toBe(1);
    expect(severityOf(undefined).times).toBe(1);
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
  });
});

describe('what a run has used', () => {
  const attempt = (n: number, number: number) => ({ model: MODEL, n, attempt: number, device: 'cpu' });

  it('is the sum of its attempts; one whose host died counts up to the next record', async () => {
    const { json } = steps.store;
    await endUse(json, await beginUse(json, attempt(1, 1)), 12.5);
    await endUse(json, await beginUse(json, attempt(1, 1)), 2); // a workflow that was reset counts from 1 again
    expect(await usedMs(steps.store, MODEL, 1, Date.now())).toBe(14_500);
    await beginUse(json, attempt(1, 2));
    const diedMs = Date.now();
    await record(1, 1, { at: new Date(diedMs - 60_000).toISOString() });
    await record(1, 2, { at: new Date(diedMs + 30_000).toISOString() });
    await record(1, 3, { at: new Date(diedMs + 90_000).toISOString() });
    const used = await usedMs(steps.store, MODEL, 1, diedMs + 1e6);
    expect(used).toBeGreaterThanOrEqual(44_500);
    expect(used).toBeLessThan(50_000);
  });

  it('a run that never trained has used nothing', async () => {
    expect(await usedMs(steps.store, MODEL, 7, Date.now())).toBe(0);
  });
});

describe('how runs stand', () => {
  const look = async (n: number) => (await act(fleet().lookAtReservations, { ids: [`${MODEL}/${n}`] }))[0];

  it('missing, running, ended, and ended from outside', async () => {
    expect(await look(1)).toMatchObject({ state: 'missing' });
    workflows[`train/${MODEL}/1`] = 'running';
    expect(await look(1)).toMatchObject({ state: 'running' });
    await record(1, 1, {});
    const { json } = steps.store;
    await endUse(json, await beginUse(json, { model: MODEL, n: 1, attempt: 1, device: 'cpu' }), 3);
    workflows[`train/${MODEL}/1`] = 'closed'; // terminated: it has recorded nothing
    expect(await look(1)).toMatchObject({ state: 'ended', usedMs: 3_000 });
    await record(1, 2, { outcome: { kind: 'cancelled', text: 'by ada' } });
    expect(await look(1)).toMatchObject({ state: 'ended', usedMs: 3_000, text: 'run cancelled' });
  });

  it('one whose record is broken is unreadable, and stops no other', async () => {
    workflows[`train/${MODEL}/2`] = 'running';
    await steps.store.json.create(sequenceKey(keys.runRecords(MODEL, 1), 1), { outcome: 'not one of ours' } as never);
    const looks = await act(fleet().lookAtReservations, { ids: [`${MODEL}/1`, `${MODEL}/2`] });
    expect(looks.map(({ state }) => state)).toEqual(['unreadable', 'running']);
  });
});

describe('the ledger in storage', () => {
  it('is found again by a new fleet; the same step is stored once', async () => {
    expect(await act(fleet().hydrateFleet, { pool: 'default' })).toMatchObject({ seq: 0, table: null, budget: null });
    await storeBudget(steps.store, 'default', weekly, who);
    expect(await storeBudget(steps.store, 'default', weekly, who)).toMatchObject({ changed: false });
    const table = { ...emptyLedger(), lastN: { a: 3 } };
    const step = { pool: 'default', previous: 0, inputs: [], facts: [], table, causeId: 'run/1', atMs: Date.now() };
    expect(await act(fleet().saveLedger, step)).toEqual({ seq: 1 });
    expect(await act(fleet().saveLedger, step)).toEqual({ seq: 1 });
    const seed = await act(fleet().hydrateFleet, { pool: 'default' });
    expect(seed).toMatchObject({ seq: 1, table, budget: { seq: 1, ...weekly } });
  });

  it('a budget that is none is refused with what to do', async () => {
    await steps.store.json.create(sequenceKey(keys.budgets('default'), 1), {
      kind: 'pool-budget',
      seq: 1,
      gpuMs: 'much',
    });
    await expect(act(fleet().readBudget, { pool: 'default' })).rejects.toThrow('is not a budget');
  });
});
