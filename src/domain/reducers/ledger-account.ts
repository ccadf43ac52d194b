/** What a ledger's table means: who goes first, who may go now, and why the others wait. */
import {
  type Budget,
  type LedgerEntry,
  type LedgerTable,
  MS_PER_GPU_HOUR,
  type ReservationAnswer,
  toIso,
} from '../../contracts/index.js';
import { holds, type Period, periodOf } from './budget-period.js';

/** The clock that pays for the entry: the fleet's, or that of the model's feed. */
export const clockMs = ({ clock, now }: Pick<LedgerEntry, 'clock' | 'now'>, wallMs: number): number =>
  clock === 'feed' ? Date.parse(now) : wallMs;

/** Really used in the period, by one model or by all. */
export function spentMs(table: LedgerTable, period: Period, model?: string): number {
  let sum = 0;
  for (const [name, byDay] of Object.entries(table.spent)) {
    if (model !== undefined && name !== model) continue;
    for (const [day, ms] of Object.entries(byDay)) if (holds(period, day)) sum += ms;
  }
  return sum;
}

/** Promised to runs that have not ended, in the period in which they were granted. */
export function reservedMs(table: LedgerTable, period: Period, model?: string): number {
  return table.entries
    .filter((entry) => entry.state === 'reserved' && (model === undefined || entry.model === model))
    .filter(({ day }) => day !== null && holds(period, day))
    .reduce((sum, { gpuMs }) => sum + gpuMs, 0);
}

/** Those that wait: highest expected benefit per GPU-hour first; of equal ones who came first, then by name. */
export function ranked(table: LedgerTable): LedgerEntry[] {
  return table.entries
    .filter(({ state }) => state === 'waiting')
    .sort(
      (a, b) =>
        b.benefit / b.gpuMs - a.benefit / a.gpuMs ||
        a.askedAtMs - b.askedAtMs ||
        (a.id < b.id ? -1 : a.id > b.id ? 1 : 0),
    );
}

export interface Verdict {
  entry: LedgerEntry;
  position: number;
  /** null: it may go now. */
  obstacle: string | null;
}

/**
 * One clearing, in the order of rank. Who does not fit now but would if what is reserved came back keeps their place: nobody after
 * them passes (of the same account). Who cannot fit in this period whatever comes back holds nobody up.
 */
export function verdicts(table: LedgerTable, wallMs: number): Verdict[] {
  const books = new Map<string, Book>();
  const stands = standing(table, wallMs);
  return ranked(table).map((entry, i) => {
    const obstacle = stands ?? accountObstacle(table, books, entry, wallMs);
    return { entry, position: i + 1, obstacle };
  });
}

/** One account during a clearing: summed up once, however many ask for it. */
interface Book {
  model: string | undefined;
  limitMs: number;
  spentMs: number;
  /** Also what was granted a moment ago in the same clearing. */
  reservedMs: number;
  /** Who waits for what is reserved to come back. */
  ahead: string | null;
}

/** What keeps everybody from going. */
function standing({ frozen, collectUntilMs }: LedgerTable, wallMs: number): string | null {
  if (frozen)
    return `the pool is frozen by ${frozen.by} since ${frozen.at}${frozen.reason ? `: ${frozen.reason}` : ''}`;
  if (collectUntilMs !== null && wallMs < collectUntilMs)
    return `requests are collected until ${toIso(collectUntilMs)}; then the best go first`;
  return null;
}

/** null: the entry fits, and its cost is taken down. */
function accountObstacle(
  table: LedgerTable,
  books: Map<string, Book>,
  entry: LedgerEntry,
  wallMs: number,
): string | null {
  const { budget } = table;
  if (!budget) return null;
  const period = periodOf(budget.per, clockMs(entry, wallMs));
  const touched = [entry.model, undefined].flatMap((model) => bookOf(table, budget, books, period, model));
  for (const book of touched) {
    const { model, limitMs, spentMs: spent, reservedMs: reserved, ahead } = book;
    if (ahead !== null) return `${ahead} is before it and waits for what is reserved to come back`;
    if (spent + reserved + entry.gpuMs <= limitMs) continue;
    const couldFit = spent + entry.gpuMs <= limitMs;
    if (couldFit) book.ahead = entry.id;
    const whose = model === undefined ? 'the budget' : `the limit of ${model}`;
    const when = couldFit
      ? 'it goes when enough of that comes back'
      : entry.gpuMs > limitMs
        ? 'raise the budget'
        : nextPeriod(budget, period, entry);
    return `it needs ${hours(entry.gpuMs)}; of ${whose} of ${hours(limitMs)} a ${budget.per}, ${hours(spent)} are spent and ${hours(reserved)} reserved: ${when}`;
  }
  for (const book of touched) book.reservedMs += entry.gpuMs;
  return null;
}

/** Empty: the account has no limit. */
function bookOf(
  table: LedgerTable,
  budget: Budget,
  books: Map<string, Book>,
  period: Period,
  model: string | undefined,
): Book[] {
  const limitMs = limitOf(budget, model);
  if (limitMs === undefined) return [];
  const account = `${period.from}/${model ?? ''}`;
  const known = books.get(account);
  if (known) return [known];
  const sums = { spentMs: spentMs(table, period, model), reservedMs: reservedMs(table, period, model) };
  const book: Book = { model, limitMs, ...sums, ahead: null };
  books.set(account, book);
  return [book];
}

const nextPeriod = ({ per }: Budget, { to }: Period, { clock }: LedgerEntry): string =>
  `the next ${per} begins ${to}${clock === 'feed' ? " in the feed's time" : ''}`;

/** undefined: no limit. Own properties only: a model may be called "constructor". */
function limitOf(budget: Budget, model: string | undefined): number | undefined {
  if (model === undefined) return budget.gpuMs;
  return Object.hasOwn(budget.models, model) ? budget.models[model] : undefined;
}

/** What whoever asks for this reservation is told now. */
export const answerTo = (table: LedgerTable, id: string, wallMs: number): ReservationAnswer =>
  answersOf(table, wallMs)(id);

/** Answers to many: one clearing serves them all. */
export function answersOf(table: LedgerTable, wallMs: number): (id: string) => ReservationAnswer {
  const entries = new Map(table.entries.map((entry) => [entry.id, entry]));
  const ranks = new Map(verdicts(table, wallMs).map((verdict) => [verdict.entry.id, verdict]));
  const frozen = standing({ ...table, collectUntilMs: null }, wallMs);
  return (id) => {
    const entry = entries.get(id);
    const answer = { reservationId: id, position: null, startUntil: null };
    if (entry?.state === 'waiting') {
      const verdict = ranks.get(id);
      const text = verdict?.obstacle ?? 'it is chosen at the next clearing';
      return { ...answer, state: 'waiting', text, position: verdict?.position ?? null };
    }
    if (entry?.state === 'reserved' && entry.leaseUntilMs !== null) {
      if (frozen) return { ...answer, state: 'waiting', text: frozen };
      const text = `${hours(entry.gpuMs)} of ${entry.day} are reserved`;
      return { ...answer, state: 'granted', text, startUntil: toIso(entry.leaseUntilMs) };
    }
    return { ...answer, state: 'settled', text: entry?.text ?? 'it was settled long ago' };
  };
}

/** For a person: three digits that count. */
export const hours = (gpuMs: number): string => `${Number((gpuMs / MS_PER_GPU_HOUR).toPrecision(3))} GPU-hours`;
