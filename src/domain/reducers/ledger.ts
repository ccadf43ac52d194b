/**
 * The budget ledger as a state machine: reserve, clear, lease, settle, expire. One input at a time, from the table alone: what is
 * stored can be played again and gives the same table.
 *
 * What holds: nothing is granted above the budget; a run is booked once, at what it really used, in the period that granted it.
 */
import {
  dayOf,
  type LedgerEntry,
  type LedgerFact,
  type LedgerInput,
  type LedgerTable,
  parseReservationId,
  type ReserveRequest,
  type RunLook,
  toIso,
} from '../../contracts/index.js';
import { periodOf, startMs } from './budget-period.js';
import { clockMs, hours, verdicts } from './ledger-account.js';

/** A loop starts what was granted within seconds; one that is dead must not hold budget for long. */
export const START_LEASE_MS = 15 * 60_000;
/** Between the last moment for a start and the look whether it happened. */
export const LEASE_GRACE_MS = 60_000;
/** The end of a run is told by its loop; this is for when it is not. */
export const RUN_LEASE_MS = 60 * 60_000;
/** Ended entries that are kept. Those before are known by `lastN`: nothing is paid twice. */
const TOMBSTONES = 200;
/** The longest period, twice. */
const SPENT_DAYS = 62;

export const emptyLedger = (): LedgerTable => ({
  budget: null,
  frozen: null,
  entries: [],
  lastN: {},
  spent: {},
  collectUntilMs: null,
});

export interface Applied {
  table: LedgerTable;
  facts: LedgerFact[];
}

export function applyAll(table: LedgerTable, inputs: readonly LedgerInput[]): Applied {
  const facts: LedgerFact[] = [];
  let now = table;
  for (const input of inputs) {
    const applied = apply(now, input);
    now = applied.table;
    facts.push(...applied.facts);
  }
  return { table: now, facts };
}

export function apply(table: LedgerTable, input: LedgerInput): Applied {
  const at = toIso(input.atMs);
  const fact = (what: LedgerFact['what'], text: string): LedgerFact => ({ at, what, id: null, gpuMs: null, text });
  switch (input.kind) {
    case 'reserve':
      return reserve(table, input.request, input.atMs);
    case 'looked':
      return looked(table, input.looks, input.atMs);
    case 'clear':
      return clear(table, input.atMs);
    case 'budget': {
      const { budget } = input;
      const text = budget ? `budget ${budget.seq}: ${hours(budget.gpuMs)} a ${budget.per}` : 'no budget';
      return { table: { ...table, budget }, facts: [fact('budget', text)] };
    }
    case 'freeze': {
      const { by, reason } = input.order;
      return {
        table: { ...table, frozen: input.order },
        facts: [fact('frozen', `by ${by}${reason ? `: ${reason}` : ''}`)],
      };
    }
    case 'unfreeze':
      return { table: { ...table, frozen: null }, facts: [fact('unfrozen', `by ${input.order.by}`)] };
  }
}

/** When a clearing is due by itself; null: only what happens can change anything. Wall clock. */
export function nextClearingMs(table: LedgerTable, wallMs: number): number | null {
  const waiting = table.entries.filter(({ state }) => state === 'waiting');
  if (waiting.length === 0 || table.frozen) return null;
  if (table.collectUntilMs !== null) return table.collectUntilMs;
  const byWall = waiting.some(({ clock }) => clock === 'wall');
  return table.budget && byWall ? startMs(periodOf(table.budget.per, wallMs).to) : null;
}

/** When a run should be looked at although nothing is heard of it: the first such moment, and whose are due. */
export function leases(table: LedgerTable, wallMs: number): { nextMs: number | null; due: string[] } {
  const ends = table.entries.flatMap(({ id, state, leaseUntilMs }) =>
    state === 'reserved' && leaseUntilMs !== null ? [{ id, ms: leaseUntilMs + LEASE_GRACE_MS }] : [],
  );
  const due = ends.filter(({ ms }) => ms <= wallMs).map(({ id }) => id);
  return { nextMs: ends.length === 0 ? null : Math.min(...ends.map(({ ms }) => ms)), due };
}

// ── Reserve ─────────────────────────────────────────────────────────────────────────────────────────────────────────

function reserve(table: LedgerTable, request: ReserveRequest, atMs: number): Applied {
  const { reservationId: id, gpuMs, benefit, clock, now, replyTo } = request;
  const { model, n } = parseReservationId(id) ?? { model: '', n: 0 };
  const known = table.entries.find((entry) => entry.id === id);
  if (known && known.state !== 'expired')
    return unchanged(known.state === 'waiting' ? withNow(table, known, now) : table);
  // Numbers are claimed upwards: what is not in the table and not above the last has ended, and its tombstone is gone.
  if (!known && n <= (own(table.lastN, model) ?? 0)) return unchanged(table);
  const entry: LedgerEntry = {
    ...{ id, model, n, gpuMs, benefit, clock, now, replyTo },
    askedAtMs: atMs,
    state: 'waiting',
    day: null,
    leaseUntilMs: null,
    usedMs: null,
    text: null,
  };
  // A moment that nobody has waited for is over: who comes now is the first.
  const collecting = table.entries.some(({ state }) => state === 'waiting') ? table.collectUntilMs : null;
  const collectUntilMs = collecting ?? atMs + (table.budget?.collectForMs ?? 0);
  return {
    table: {
      ...table,
      collectUntilMs,
      entries: [...table.entries.filter((each) => each.id !== id), entry],
      lastN: { ...table.lastN, [model]: Math.max(n, own(table.lastN, model) ?? 0) },
    },
    facts: [{ at: toIso(atMs), what: 'asked', id, gpuMs, text: `benefit ${benefit}` }],
  };
}

/** A feed's clock goes on while its model waits; it never goes back. */
function withNow(table: LedgerTable, entry: LedgerEntry, now: string): LedgerTable {
  if (Date.parse(now) <= Date.parse(entry.now)) return table;
  return replaced(table, { ...entry, now });
}

// ── Clear ───────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Grants what the budget is for, best first. Harmless at any time: what is not due is not granted. */
function clear(table: LedgerTable, atMs: number): Applied {
  const granted = verdicts(table, atMs).filter(({ obstacle }) => obstacle === null);
  const open = !table.frozen && table.collectUntilMs !== null && atMs >= table.collectUntilMs;
  let next: LedgerTable = open ? { ...table, collectUntilMs: null } : table;
  const facts: LedgerFact[] = [];
  for (const { entry, position } of granted) {
    const day = dayOf(toIso(clockMs(entry, atMs)));
    next = replaced(next, { ...entry, state: 'reserved', day, leaseUntilMs: atMs + START_LEASE_MS });
    const text = `place ${position} of those that waited`;
    facts.push({ at: toIso(atMs), what: 'granted', id: entry.id, gpuMs: entry.gpuMs, text });
  }
  return { table: next, facts };
}

// ── Settle and expire ───────────────────────────────────────────────────────────────────────────────────────────────

function looked(table: LedgerTable, looks: readonly RunLook[], atMs: number): Applied {
  let next = table;
  const facts: LedgerFact[] = [];
  for (const look of looks) {
    const entry = next.entries.find(({ id }) => id === look.id);
    if (!entry || entry.state === 'settled') continue; // booked already
    const step = afterLook(entry, look, atMs, table.frozen !== null);
    if (!step) continue;
    next = replaced(next, step.entry);
    if (step.fact) facts.push({ at: toIso(atMs), id: entry.id, ...step.fact });
    if (step.entry.state === 'settled') next = booked(next, step.entry, atMs);
  }
  return { table: withoutOldTombstones(next), facts };
}

type Step = { entry: LedgerEntry; fact?: Pick<LedgerFact, 'what' | 'gpuMs' | 'text'> };

function afterLook(
  entry: LedgerEntry,
  { state, usedMs, text }: RunLook,
  atMs: number,
  frozen: boolean,
): Step | undefined {
  switch (state) {
    case 'ended': {
      const day = entry.day ?? dayOf(toIso(clockMs(entry, atMs)));
      const settled: LedgerEntry = { ...entry, state: 'settled', day, leaseUntilMs: null, usedMs, text };
      return {
        entry: settled,
        fact: { what: 'settled', gpuMs: usedMs, text: `${hours(entry.gpuMs)} were ${entry.state}; ${text}` },
      };
    }
    case 'running': {
      const day = entry.day ?? dayOf(toIso(clockMs(entry, atMs)));
      const renewed: LedgerEntry = { ...entry, state: 'reserved', day, leaseUntilMs: atMs + RUN_LEASE_MS, text: null };
      // Somebody started it without a grant: it costs what it costs, and must be accounted for.
      const fact = { what: 'granted', gpuMs: entry.gpuMs, text: 'it runs already' } as const;
      return entry.state === 'reserved' ? { entry: renewed } : { entry: renewed, fact };
    }
    case 'unreadable':
      // Looked at again later: it must not stop the others, and what it holds is not given away.
      return entry.state === 'reserved' ? { entry: { ...entry, leaseUntilMs: atMs + RUN_LEASE_MS, text } } : undefined;
    case 'missing': {
      const over = entry.leaseUntilMs !== null && atMs >= entry.leaseUntilMs + LEASE_GRACE_MS;
      if (entry.state !== 'reserved' || !over) return undefined;
      if (frozen) {
        // It was not allowed to start: that must not cost its place.
        const back: LedgerEntry = { ...entry, state: 'waiting', day: null, leaseUntilMs: null };
        return {
          entry: back,
          fact: { what: 'expired', gpuMs: 0, text: 'not started in a frozen pool: it waits again' },
        };
      }
      const expired: LedgerEntry = {
        ...entry,
        state: 'expired',
        day: null,
        leaseUntilMs: null,
        usedMs: 0,
        text: NEVER_STARTED,
      };
      return { entry: expired, fact: { what: 'expired', gpuMs: 0, text: NEVER_STARTED } };
    }
  }
}
const NEVER_STARTED = 'granted, and never started: its loop may ask again';

/** Once per entry: only the step to `settled` comes here. */
function booked(table: LedgerTable, { model, day, usedMs }: LedgerEntry, atMs: number): LedgerTable {
  if (day === null || !usedMs) return table;
  const byDay = own(table.spent, model) ?? {};
  const next = { ...byDay, [day]: (byDay[day] ?? 0) + usedMs };
  // Days of either clock: the wall's lie around now, a feed's around what is booked; a broken feed's newest day may lie far ahead.
  const near = [startMs(day), atMs, Math.max(...Object.keys(next).map(startMs))];
  const kept = Object.entries(next).filter(([each]) =>
    near.some((ms) => Math.abs(startMs(each) - ms) < SPENT_DAYS * 864e5),
  );
  return { ...table, spent: { ...table.spent, [model]: Object.fromEntries(kept) } };
}

function withoutOldTombstones(table: LedgerTable): LedgerTable {
  const ended = table.entries.filter(({ state }) => state === 'settled' || state === 'expired');
  const dropped = new Set(ended.slice(0, Math.max(0, ended.length - TOMBSTONES)));
  return dropped.size === 0 ? table : { ...table, entries: table.entries.filter((entry) => !dropped.has(entry)) };
}

/** Moved to the end when it has ended, so that the oldest tombstone is the first. */
function replaced(table: LedgerTable, entry: LedgerEntry): LedgerTable {
  const ended = entry.state === 'settled' || entry.state === 'expired';
  const entries = ended
    ? [...table.entries.filter(({ id }) => id !== entry.id), entry]
    : table.entries.map((each) => (each.id === entry.id ? entry : each));
  return { ...table, entries };
}

const unchanged = (table: LedgerTable): Applied => ({ table, facts: [] });
/** A model may be called "constructor". */
const own = <T>(record: Record<string, T>, name: string): T | undefined =>
  Object.hasOwn(record, name) ? record[name] : undefined;
