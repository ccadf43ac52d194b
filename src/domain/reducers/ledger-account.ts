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
  const promised: LedgerEntry[] = [];
  const closed = new Map<string, string>();
  return ranked(table).map((entry, i) => {
    const obstacle = standing(table, wallMs) ?? accountObstacle(table, promised, closed, entry, wallMs);
    if (obstacle === null) promised.push(entry);
    return { entry, position: i + 1, obstacle };
  });
}

/** What keeps everybody from going. */
function standing({ frozen, collectUntilMs }: LedgerTable, wallMs: number): string | null {
  if (frozen)
    return `the pool is frozen by ${frozen.by} since ${frozen.at}${frozen.reason ? `: ${frozen.reason}` : ''}`;
  if (collectUntilMs !== null && wallMs < collectUntilMs)
    return `requests are collected until ${toIso(collectUntilMs)}; then the best go first`;
  return null;
}

function accountObstacle(
  table: LedgerTable,
  promised: readonly LedgerEntry[],
  closed: Map<string, string>,
  entry: LedgerEntry,
  wallMs: number,
): string | null {
  const { budget } = table;
  if (!budget) return null;
  const period = periodOf(budget.per, clockMs(entry, wallMs));
  for (const model of [entry.model, undefined]) {
    const limit = limitOf(budget, model);
    if (limit === undefined) continue;
    const account = `${period.from}/${model ?? ''}`;
    const ahead = closed.get(account);
    if (ahead !== undefined) return `${ahead} is before it and waits for what is reserved to come back`;
    const spent = spentMs(table, period, model);
    const reserved = reservedMs(table, period, model) + promisedMs(promised, budget, period, model, wallMs);
    if (spent + reserved + entry.gpuMs <= limit) continue;
    const couldFit = spent + entry.gpuMs <= limit;
    if (couldFit) closed.set(account, entry.id);
    const whose = model === undefined ? 'the budget' : `the limit of ${model}`;
    const when = couldFit
      ? 'it goes when enough of that comes back'
      : entry.gpuMs > limit
        ? 'raise the budget'
        : nextPeriod(budget, period, entry);
    return `it needs ${hours(entry.gpuMs)}; of ${whose} of ${hours(limit)} a ${budget.per}, ${hours(spent)} are spent and ${hours(reserved)} reserved: ${when}`;
  }
  return null;
}

/** Granted a moment ago in the same clearing. */
function promisedMs(
  promised: readonly LedgerEntry[],
  budget: Budget,
  period: Period,
  model: string | undefined,
  wallMs: number,
): number {
  return promised
    .filter((entry) => model === undefined || entry.model === model)
    .filter((entry) => periodOf(budget.per, clockMs(entry, wallMs)).from === period.from)
    .reduce((sum, { gpuMs }) => sum + gpuMs, 0);
}

const nextPeriod = ({ per }: Budget, { to }: Period, { clock }: LedgerEntry): string =>
  `the next ${per} begins ${to}${clock === 'feed' ? " in the feed's time" : ''}`;

/** undefined: no limit. Own properties only: a model may be called "constructor". */
function limitOf(budget: Budget, model: string | undefined): number | undefined {
  if (model === undefined) return budget.gpuMs;
  return Object.hasOwn(budget.models, model) ? budget.models[model] : undefined;
}

/** What whoever asks for this reservation is told now. */
export function answerTo(table: LedgerTable, id: string, wallMs: number): ReservationAnswer {
  const entry = table.entries.find((each) => each.id === id);
  const answer = { reservationId: id, position: null, startUntil: null };
  if (entry?.state === 'waiting') {
    const verdict = verdicts(table, wallMs).find((each) => each.entry.id === id);
    const text = verdict?.obstacle ?? 'it is chosen at the next clearing';
    return { ...answer, state: 'waiting', text, position: verdict?.position ?? null };
  }
  if (entry?.state === 'reserved' && entry.leaseUntilMs !== null) {
    const frozen = standing({ ...table, collectUntilMs: null }, wallMs);
    if (frozen) return { ...answer, state: 'waiting', text: frozen };
    const text = `${hours(entry.gpuMs)} of ${entry.day} are reserved`;
    return { ...answer, state: 'granted', text, startUntil: toIso(entry.leaseUntilMs) };
  }
  return { ...answer, state: 'settled', text: entry?.text ?? 'it was settled long ago' };
}

/** For a person: three digits that count. */
export const hours = (gpuMs: number): string => `${Number((gpuMs / MS_PER_GPU_HOUR).toPrecision(3))} GPU-hours`;
