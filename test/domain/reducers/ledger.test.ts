import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Budget,
  budgetOf,
  type LedgerInput,
  type LedgerTable,
  readReserve,
  toIso,
} from '../../../src/contracts/index.js';
import { periodOf } from '../../../src/domain/reducers/budget-period.js';
import { answersOf, answerTo, spentMs, verdicts } from '../../../src/domain/reducers/ledger-account.js';
import { applyAll, emptyLedger, leases, RUN_LEASE_MS, START_LEASE_MS } from '../../../src/domain/reducers/ledger.js';
import { FIRST_MS, LedgerWorld, type Step } from '../../support/ledger-world.js';

const model = fc.nat(3);
const smallMs = fc.integer({ min: 1, max: 40 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('decide' as const),
      model,
      gpuMs: smallMs,
      benefit: fc.nat(20),
      usedShare: fc.nat(150).map((percent) => percent / 100),
    }),
  },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('ask' as const), model, times: fc.nat(2) }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('hear' as const), model }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('end' as const), model, tell: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('terminate' as const), model }) },
  { weight: 3, arbitrary: fc.constant({ kind: 'look' as const }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('pass' as const),
      ms: fc.oneof(
        fc.integer({ min: 1, max: 120_000 }),
        fc.integer({ min: 1, max: 2 * 3600_000 }),
        fc.integer({ min: 1, max: 20 * 864e5 }),
      ),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('feed' as const), ms: fc.integer({ min: 1, max: 8 * 864e5 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('budget' as const),
      gpuMs: fc.nat(120),
      per: fc.nat(2),
      limited: fc.nat(3),
      limitMs: fc.nat(60),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'freeze' as const }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'unfreeze' as const }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'fleetDies' as const }) },
);

describe('the ledger, whatever happens in whatever order', () => {
  it('never grants above a limit, settles everything once, and can be played again', { timeout: 300_000 }, () => {
    const seen = { runs: 0, paid: 0, granted: 0, expired: 0 };
    fc.assert(
      fc.property(fc.array(step, { minLength: 5, maxLength: 60, size: 'max' }), (steps) => {
        const world = new LedgerWorld();
        for (const each of steps) world.act(each);
        world.finish();
        // Every reservation is settled in the end, at what it really used.
        for (const run of world.runs) expect([run.id, world.paid.get(run.id)]).toEqual([run.id, run.usedMs]);
        for (const { state } of world.table.entries) expect(state).toBe('settled');
        expect(world.replayed()).toEqual(JSON.parse(JSON.stringify(world.table)));
        seen.runs += world.runs.length;
        seen.paid += [...world.paid.values()].filter((ms) => ms > 0).length;
        const facts = applyAll(
          emptyLedger(),
          world.stored.flatMap(({ inputs }) => inputs),
        ).facts;
        seen.granted += facts.filter(({ what }) => what === 'granted').length;
        seen.expired += facts.filter(({ what }) => what === 'expired').length;
      }),
      { numRuns: 10_000 },
    );
    // The sequences were not empty ones.
    expect(seen.runs).toBeGreaterThan(20_000);
    expect(seen.paid).toBeGreaterThan(10_000);
    expect(seen.expired).toBeGreaterThan(100);
  });
});

const budget = (gpuMs: number, more: Partial<Budget> = {}): LedgerInput => ({
  kind: 'budget',
  atMs: FIRST_MS,
  budget: { seq: 1, gpuMs, models: {}, per: 'week', collectForMs: 60_000, ...more },
});
const ask = (id: string, gpuMs: number, benefit: number, atMs = FIRST_MS): LedgerInput => ({
  kind: 'reserve',
  atMs,
  request: {
    ...{ reservationId: id, gpuMs, benefit, clock: 'wall', now: toIso(atMs), replyTo: `model/${id.split('/')[0]}` },
  },
});
const clear = (afterMs: number): LedgerInput => ({ kind: 'clear', atMs: FIRST_MS + afterMs });
const reservedIn = (table: LedgerTable) =>
  table.entries.filter(({ state }) => state === 'reserved').map(({ id }) => id);
const ended = (id: string, usedMs: number, atMs: number): LedgerInput => ({
  kind: 'looked',
  atMs,
  looks: [{ id, state: 'ended', usedMs, text: 'run released' }],
});

const missing = (id: string, atMs: number): LedgerInput => ({
  ...{ kind: 'looked', atMs },
  looks: [{ id, state: 'missing', usedMs: 0, text: '' }],
});

describe('who goes first', () => {
  it('is chosen after a while of collecting, best benefit per GPU-hour first; the rest wait and are told why', () => {
    const inputs = [budget(200), ask('a/1', 100, 1), ask('b/1', 100, 3), ask('c/1', 50, 1.1)];
    const early = applyAll(emptyLedger(), [...inputs, clear(59_999)]).table;
    expect(reservedIn(early)).toEqual([]);
    expect(answerTo(early, 'b/1', FIRST_MS + 1).text).toContain('collected until');
    const { table } = applyAll(early, [clear(60_000)]);
    expect(reservedIn(table).toSorted()).toEqual(['b/1', 'c/1']);
    const waits = answerTo(table, 'a/1', FIRST_MS + 60_000);
    expect(waits).toMatchObject({ state: 'waiting', position: 1 });
    expect(waits.text).toContain('it goes when enough of that comes back');
  });

  it('nobody passes whom returning budget would let go; who cannot go in this period holds nobody up', () => {
    const start = applyAll(emptyLedger(), [budget(100), ask('a/1', 60, 9), clear(60_000)]).table;
    const held = applyAll(start, [ask('b/1', 90, 9), ask('c/1', 30, 1), clear(200_000)]).table;
    expect(reservedIn(held)).toEqual(['a/1']);
    expect(verdicts(held, FIRST_MS + 200_000)[1]?.obstacle).toContain('b/1 is before it');
    const tooBig = applyAll(start, [ask('b/1', 101, 9), ask('c/1', 30, 1), clear(200_000)]).table;
    expect(reservedIn(tooBig)).toEqual(['a/1', 'c/1']);
    expect(answerTo(tooBig, 'b/1', FIRST_MS).text).toContain('raise the budget');
  });

  it('budget that returns is given at once', () => {
    const { table } = applyAll(emptyLedger(), [
      ...[budget(100), ask('a/1', 80, 9), ask('b/1', 80, 1), clear(60_000)],
      ...[ended('a/1', 20, FIRST_MS + 90_000), clear(90_000)],
    ]);
    expect(reservedIn(table)).toEqual(['b/1']);
    expect(spentMs(table, periodOf('week', FIRST_MS))).toBe(20);
  });
});

describe('what is paid', () => {
  it('once, whoever says it how often; a request for what has ended is answered so, for ever', () => {
    const inputs = [budget(1000), ask('a/1', 80, 9), clear(60_000), ended('a/1', 70, FIRST_MS + 70_000)];
    const { table } = applyAll(emptyLedger(), [
      ...inputs,
      ended('a/1', 70, FIRST_MS + 80_000),
      ask('a/1', 80, 9),
      clear(200_000),
    ]);
    expect(spentMs(table, periodOf('week', FIRST_MS))).toBe(70);
    expect(answerTo(table, 'a/1', FIRST_MS).state).toBe('settled');
    const forgotten: LedgerTable = { ...table, entries: [] };
    const later = applyAll(forgotten, [ask('a/1', 80, 9), clear(400_000)]).table;
    expect(reservedIn(later)).toEqual([]);
    expect(answerTo(later, 'a/1', FIRST_MS).state).toBe('settled');
  });

  it('in the period that granted it, at what was used, also above what was reserved', () => {
    const nextWeek = FIRST_MS + 7 * 864e5;
    const { table } = applyAll(emptyLedger(), [
      ...[budget(100), ask('a/1', 80, 9), clear(60_000), ended('a/1', 130, nextWeek)],
      ...[ask('b/1', 100, 1, nextWeek), clear(7 * 864e5 + 60_000)],
    ]);
    expect(spentMs(table, periodOf('week', FIRST_MS))).toBe(130);
    expect(reservedIn(table)).toEqual(['b/1']);
  });

  it('a grant that nobody uses comes back after its lease, and may be asked for again', () => {
    const granted = applyAll(emptyLedger(), [budget(100), ask('a/1', 80, 9), clear(60_000)]).table;
    const endMs = FIRST_MS + 60_000 + START_LEASE_MS;
    expect(leases(granted, endMs).due).toEqual([]);
    expect(leases(granted, endMs + 60_000).due).toEqual(['a/1']);
    const expired = applyAll(granted, [missing('a/1', endMs + 60_000)]).table;
    expect(answerTo(expired, 'a/1', endMs).state).toBe('settled');
    const again = applyAll(expired, [ask('a/1', 80, 9, endMs + 70_000), clear(endMs + 140_000 - FIRST_MS)]).table;
    expect(reservedIn(again)).toEqual(['a/1']);
  });

  it('a run that runs keeps its reservation', () => {
    const granted = applyAll(emptyLedger(), [budget(100), ask('a/1', 80, 9), clear(60_000)]).table;
    const atMs = FIRST_MS + 2 * START_LEASE_MS;
    const running: LedgerInput = {
      kind: 'looked',
      atMs,
      looks: [{ id: 'a/1', state: 'running', usedMs: 0, text: '' }],
    };
    const { table } = applyAll(granted, [running]);
    expect(leases(table, atMs).nextMs).toBe(atMs + RUN_LEASE_MS + 60_000);
  });
});

describe('what a ledger can bear', () => {
  it('answers four hundred that wait, with two months of spending, well within a workflow task', () => {
    const models = Array.from({ length: 400 }, (_, i) => `m${i}`);
    const days = Array.from({ length: 60 }, (_, i) => toIso(FIRST_MS - i * 864e5).slice(0, 10));
    const limits = Object.fromEntries(models.map((name) => [name, 1_000]));
    const spent = Object.fromEntries(models.map((name) => [name, Object.fromEntries(days.map((day) => [day, 1]))]));
    const start = applyAll({ ...emptyLedger(), spent }, [budget(1e6, { models: limits, per: 'month' })]).table;
    const asks = models.map((name) => ask(`${name}/1`, 2_000, 1));
    const { table } = applyAll(start, [...asks, clear(60_000)]);
    const startedAt = performance.now();
    const answer = answersOf(table, FIRST_MS + 60_000);
    const positions = models.map((name) => answer(`${name}/1`).position);
    expect(new Set(positions).size).toBe(400);
    expect(performance.now() - startedAt).toBeLessThan(1_000);
  });

  it('one run whose record cannot be read keeps its grant for an hour and says why; the others are booked', () => {
    const granted = applyAll(emptyLedger(), [budget(200), ask('a/1', 80, 9), ask('b/1', 80, 9), clear(60_000)]).table;
    const atMs = FIRST_MS + 60_000 + START_LEASE_MS + 60_000;
    const { table } = applyAll(granted, [
      {
        ...{ kind: 'looked', atMs },
        looks: [
          { id: 'a/1', state: 'unreadable', usedMs: 0, text: 'broken' },
          { id: 'b/1', state: 'ended', usedMs: 5, text: 'run released' },
        ],
      },
    ]);
    expect(table.entries.find(({ id }) => id === 'a/1')).toMatchObject({
      ...{ state: 'reserved', text: 'broken', leaseUntilMs: atMs + RUN_LEASE_MS },
    });
    expect(spentMs(table, periodOf('week', FIRST_MS))).toBe(5);
  });

  it('a broken day far ahead in a feed loses nothing of what is spent by the wall', () => {
    const far: LedgerInput = {
      kind: 'reserve',
      atMs: FIRST_MS,
      request: {
        reservationId: 'a/1',
        gpuMs: 10,
        benefit: 1,
        clock: 'feed',
        now: '2099-01-01T00:00:00Z',
        replyTo: 'model/a',
      },
    };
    const { table } = applyAll(emptyLedger(), [
      ...[budget(100), far, clear(60_000), ended('a/1', 10, FIRST_MS + 70_000)],
      ...[ask('a/2', 30, 1, FIRST_MS + 80_000), clear(140_000), ended('a/2', 30, FIRST_MS + 150_000)],
      ...[ask('a/3', 20, 1, FIRST_MS + 160_000), clear(220_000), ended('a/3', 20, FIRST_MS + 230_000)],
    ]);
    expect(spentMs(table, periodOf('week', FIRST_MS))).toBe(50);
  });

  it('a grant whose lease ends in a frozen pool keeps its rank', () => {
    const order = { by: 'ada', reason: null, at: toIso(FIRST_MS) };
    const overMs = FIRST_MS + 60_000 + START_LEASE_MS + 60_000;
    const { table } = applyAll(emptyLedger(), [
      ...[budget(100), ask('a/1', 80, 9), clear(60_000), { kind: 'freeze', order, atMs: FIRST_MS + 61_000 } as const],
      ...[ask('b/1', 80, 1, FIRST_MS + 70_000), missing('a/1', overMs), clear(overMs - FIRST_MS)],
      ...[{ kind: 'unfreeze', order, atMs: overMs + 1_000 } as const, clear(overMs + 1_000 - FIRST_MS)],
    ]);
    expect(reservedIn(table)).toEqual(['a/1']);
  });

  it('requests are collected again when the only one that waited was taken back', () => {
    const later = FIRST_MS + 3_600_000;
    const { table } = applyAll(emptyLedger(), [
      ...[budget(100), ask('a/1', 80, 9), ended('a/1', 0, FIRST_MS + 10_000), clear(10_000)],
      ...[ask('b/1', 80, 1, later), clear(3_600_000)],
      ...[ask('c/1', 80, 9, later + 1_000), clear(3_660_000)],
    ]);
    expect(reservedIn(table)).toEqual(['c/1']);
  });
});

describe('what is read from outside', () => {
  const request = { gpuMs: 80, benefit: 9, clock: 'feed', replyTo: 'model/a' };
  it.each(['+275760-09-12T00:00:00Z', '-000001-01-01T00:00:00Z', '2026', '2026-13-01T00:00:00Z'])(
    'a request at %s is none: no period could be built on it',
    (now) => {
      expect(readReserve({ reservationId: 'a/1', ...request, now }).ok).toBe(false);
    },
  );

  it('a budget without models limits none of them; one that no date can hold is none', () => {
    const written = { seq: 1, gpuMs: 5, per: 'week', collectForMs: 0 };
    for (const models of [undefined, null])
      expect(budgetOf({ ...written, models })).toEqual({ ...written, models: {} });
    for (const models of ['a', [5], 7, { a: -1 }]) expect(budgetOf({ ...written, models })).toBeUndefined();
    expect(budgetOf({ ...written, collectForMs: 9e15 })).toBeUndefined();
  });
});

describe('a period', () => {
  it.each([
    ['day', '2026-02-26T20:00:00Z', '2026-02-26', '2026-02-27'],
    ['week', '2026-03-01T23:59:59Z', '2026-02-23', '2026-03-02'],
    ['week', '2026-03-02T00:00:00Z', '2026-03-02', '2026-03-09'],
    ['month', '2024-02-29T12:00:00Z', '2024-02-01', '2024-03-01'],
    ['month', '2026-12-31T23:59:59Z', '2026-12-01', '2027-01-01'],
  ] as const)('%s of %s', (per, at, from, to) => {
    expect(periodOf(per, Date.parse(at))).toEqual({ from, to });
  });
});
