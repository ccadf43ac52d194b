/**
 * The ledger of a GPU pool: what loops ask for, what the fleet answers, and what is stored. Device time is counted in whole
 * milliseconds of one device (`gpuMs`), so that sums are exact.
 */
import { isName, parseTrainingRunId, trainingRunId } from './names.js';
import type { Sequenced } from './records.js';
import type { Order } from './steps.js';

export const budgetPeriods = ['day', 'week', 'month'] as const;
export type BudgetPeriod = (typeof budgetPeriods)[number];
export const MS_PER_GPU_HOUR = 3_600_000;

/** What a pool may spend per period; the newest revision counts. Create-once, with who and when. */
export interface BudgetRevision extends Sequenced, Budget {
  kind: 'pool-budget';
  schema: 1;
  pool: string;
  by: string;
  reason: string | null;
  at: string;
}
export interface Budget {
  seq: number;
  /** In total, and of single models, which may not spend more than that of it. */
  gpuMs: number;
  models: Record<string, number>;
  /** UTC: midnight, Monday, the first. */
  per: BudgetPeriod;
  /** How long requests are collected before the best of them are chosen. */
  collectForMs: number;
}

/** What a run is expected to cost and to bring; fixed when its number is claimed (`runs/<n>/reservation.json`). */
export interface Price {
  pool: string;
  gpuMs: number;
  /** Expected benefit, comparable between the models of a pool; see docs/budget.md. */
  benefit: number;
  /** Which clock its budget period goes by. */
  clock: 'wall' | 'feed';
  /** How cost and benefit came about, for a person. */
  text: string;
}
export interface RunReservation extends Price {
  kind: 'run-reservation';
  schema: 1;
  model: string;
  n: number;
  at: string;
}

/** The signals between loop and fleet. `settle` is a hint: the fleet looks at the run's record. */
export const fleetSignals = { reserve: 'reserve', settle: 'settle', budget: 'budget' } as const;
/** The fleet's answer to a loop. */
export const reservationSignal = 'reservation';

export interface ReserveRequest {
  /** `<model>/<n>` */
  reservationId: string;
  gpuMs: number;
  benefit: number;
  clock: 'wall' | 'feed';
  /** The model's clock. */
  now: string;
  /** Workflow that is answered. */
  replyTo: string;
}
export interface ReservationAnswer {
  reservationId: string;
  /** `settled`: its end is booked, or it was given up: nothing may be started on it. */
  state: 'granted' | 'waiting' | 'settled';
  text: string;
  /** Place among those that wait, from 1. */
  position: number | null;
  /** Until when a run that was granted may be started; wall clock. */
  startUntil: string | null;
}

export const reservationIdOf = (model: string, n: number): string => `${model}/${n}`;
/** The inverse; undefined when it is not one. */
export const parseReservationId = (id: unknown): { model: string; n: number } | undefined =>
  typeof id === 'string' ? parseTrainingRunId(`train/${id}`) : undefined;
export const runOfReservation = (id: string): string => {
  const { model, n } = parseReservationId(id) ?? { model: '', n: 0 };
  return trainingRunId(model, n);
};

// ── What is stored ──────────────────────────────────────────────────────────────────────────────────────────────────

export interface LedgerEntry {
  id: string;
  model: string;
  n: number;
  gpuMs: number;
  benefit: number;
  clock: 'wall' | 'feed';
  /** The model's clock when it asked last. */
  now: string;
  replyTo: string;
  /** Wall clock. */
  askedAtMs: number;
  /** `expired`: granted, and never started; it may be asked for again. */
  state: 'waiting' | 'reserved' | 'settled' | 'expired';
  /** The day, in its clock, whose period pays; null: not granted yet. */
  day: string | null;
  /** When somebody looks at the run if nothing is heard of it; wall clock. */
  leaseUntilMs: number | null;
  /** What it really used, once that is known. */
  usedMs: number | null;
  /** How it ended. */
  text: string | null;
}

/** The whole memory of a ledger: everything that an answer depends on. */
export interface LedgerTable {
  budget: Budget | null;
  frozen: Order | null;
  /** Those that wait and run, and the newest of those that have ended. */
  entries: LedgerEntry[];
  /** The highest run number that was asked for, per model: what is not above it and not in the table has ended long ago. */
  lastN: Record<string, number>;
  /** What was really used, per model and day. */
  spent: Record<string, Record<string, number>>;
  /** Nothing is granted before; null: nobody new has asked since the last clearing. Wall clock. */
  collectUntilMs: number | null;
}

/** How a run stands, as its records and Temporal say. */
export interface RunLook {
  id: string;
  /** `unreadable`: what is stored of it is broken. */
  state: 'missing' | 'running' | 'ended' | 'unreadable';
  usedMs: number;
  text: string;
}

/** Everything that changes a ledger. `atMs`: wall clock. */
export type LedgerInput = { atMs: number } & (
  | { kind: 'reserve'; request: ReserveRequest }
  | { kind: 'looked'; looks: RunLook[] }
  | { kind: 'budget'; budget: Budget | null }
  | { kind: 'freeze'; order: Order }
  | { kind: 'unfreeze'; order: Order }
  | { kind: 'clear' }
);

/** What an input did, for a person. */
export interface LedgerFact {
  at: string;
  what: 'asked' | 'granted' | 'settled' | 'expired' | 'budget' | 'frozen' | 'unfrozen';
  id: string | null;
  gpuMs: number | null;
  text: string;
}

/** `fleet/<pool>/ledger/<seq>.json`: the table, and how it came from that of record `previous` (0: from nothing). */
export interface LedgerRecord extends Sequenced {
  kind: 'ledger';
  schema: 1;
  pool: string;
  previous: number;
  inputs: LedgerInput[];
  facts: LedgerFact[];
  table: LedgerTable;
  at: string;
}

/** One attempt of a trainer on a device: `started` before the process is, `ended` when it is gone. */
export interface GpuUse {
  kind: 'gpu-use';
  schema: 1;
  model: string;
  n: number;
  attempt: number;
  devices: number;
  device: string;
  /** Of the process; null: it has just begun. */
  seconds: number | null;
  at: string;
}

// ── Steps and status ────────────────────────────────────────────────────────────────────────────────────────────────

export interface FleetSeed {
  /** 0: there is no record yet. */
  seq: number;
  table: LedgerTable | null;
  budget: Budget | null;
  seenMessageIds: string[];
  searchAttributes: boolean;
}
export interface SaveLedgerInput extends Pick<
  LedgerRecord,
  'pool' | 'previous' | 'inputs' | 'facts' | 'table' | 'causeId'
> {
  atMs: number;
}
export interface FleetInput {
  pool: string;
}

export interface FleetStatus {
  pool: string;
  /** `short`: somebody waits for budget. */
  state: 'starting' | 'open' | 'short' | 'frozen' | 'blocked';
  problem: string | null;
  frozen: Order | null;
  /** The number of the newest stored record. */
  seq: number;
  budget: Budget | null;
  accounts: Account[];
  running: Pick<LedgerEntry, 'id' | 'gpuMs' | 'day' | 'leaseUntilMs' | 'text'>[];
  waiting: Waiting[];
}
/** One period's account. */
export interface Account {
  /** First day and the day after the last. */
  from: string;
  to: string;
  limitMs: number | null;
  spentMs: number;
  reservedMs: number;
}
export interface Waiting extends Pick<LedgerEntry, 'id' | 'model' | 'n' | 'gpuMs' | 'benefit' | 'askedAtMs'> {
  position: number;
  text: string;
}

// ── Reading payloads of unknown origin ──────────────────────────────────────────────────────────────────────────────

type Read<T> = { ok: true; value: T } | { ok: false; problem: string };

/** A hundred thousand hours is no estimate. */
const MAX_GPU_MS = 1e5 * MS_PER_GPU_HOUR;

export function readReserve(payload: unknown): Read<ReserveRequest> {
  const fields = fieldsOf(payload);
  const id = parseReservationId(fields['reservationId']);
  if (!id) return no('reservationId must be <model>/<n>');
  const { gpuMs, benefit, clock, now, replyTo } = fields;
  if (!isAmount(gpuMs) || !Number.isSafeInteger(gpuMs) || gpuMs < 1 || gpuMs > MAX_GPU_MS)
    return no('gpuMs must be a whole number of milliseconds, 1 or more');
  if (!isAmount(benefit) || benefit < 0) return no('benefit must be a number, 0 or more');
  if (clock !== 'wall' && clock !== 'feed') return no('clock must be wall or feed');
  if (!isTime(now)) return no('now must be a time');
  if (replyTo !== `model/${id.model}`) return no(`replyTo must be model/${id.model}`);
  const reservationId = reservationIdOf(id.model, id.n);
  return { ok: true, value: { reservationId, gpuMs, benefit, clock, now, replyTo } };
}

export function readSettle(payload: unknown): Read<{ reservationId: string }> {
  const id = parseReservationId(fieldsOf(payload)['reservationId']);
  return id ? { ok: true, value: { reservationId: reservationIdOf(id.model, id.n) } } : no('reservationId is missing');
}

export function readAnswer(payload: unknown): Read<ReservationAnswer> {
  const { reservationId, state, text, position, startUntil } = fieldsOf(payload);
  const id = parseReservationId(reservationId);
  if (!id) return no('reservationId must be <model>/<n>');
  if (state !== 'granted' && state !== 'waiting' && state !== 'settled') return no('state is unknown');
  if (state === 'granted' && !isTime(startUntil)) return no('startUntil is missing');
  const value: ReservationAnswer = {
    reservationId: reservationIdOf(id.model, id.n),
    state,
    text: typeof text === 'string' ? text.slice(0, 1000) : '',
    position: isAmount(position) ? position : null,
    startUntil: isTime(startUntil) ? startUntil : null,
  };
  return { ok: true, value };
}

/** A budget as an ops script may have written it, `models` left out for instance; undefined when it is none. */
export function budgetOf(value: unknown): Budget | undefined {
  const { seq, gpuMs, models, per, collectForMs } = fieldsOf(value);
  const limits = models ?? {};
  if (typeof limits !== 'object' || Array.isArray(limits)) return undefined;
  const sound =
    isCount(seq) &&
    isCount(gpuMs) &&
    isCount(collectForMs) &&
    (collectForMs as number) <= MAX_COLLECT_MS &&
    budgetPeriods.includes(per as BudgetPeriod) &&
    Object.entries(limits).every(([model, limit]) => isName(model) && isCount(limit));
  return sound ? ({ seq, gpuMs, models: limits, per, collectForMs } as Budget) : undefined;
}
/** A year: a larger one leads out of what a date can hold. */
const MAX_COLLECT_MS = 366 * 864e5;

const no = (problem: string): { ok: false; problem: string } => ({ ok: false, problem });
const fieldsOf = (payload: unknown): Record<string, unknown> =>
  (typeof payload === 'object' && payload !== null ? payload : {}) as Record<string, unknown>;
const isAmount = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);
const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;
const isTime = (value: unknown): value is string =>
  typeof value === 'string' && FOUR_DIGIT_YEAR.test(value) && Number.isFinite(Date.parse(value));
/** Others lead out of what a date can hold once a period is added to them. */
const FOUR_DIGIT_YEAR = /^\d{4}-\d\d-\d\dT[\d:.]{1,16}Z$/;
