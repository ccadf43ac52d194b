/** What a loop remembers of the runs whose start its pool's ledger has a say in. */
import { type OpenRun, type Price, type ReservationAnswer, reservationIdOf, toIso } from '../../contracts/index.js';
import type { LoopState, PendingRetrain } from './loop-state.js';

/** Claimed, and started when the ledger has reserved its cost. */
export interface WaitingRun {
  run: OpenRun;
  decision: PendingRetrain;
  price: Price;
  answer: ReservationAnswer | null;
  /** Times that the ledger was asked since it answered last. */
  tries: number;
  /** Wall clock. */
  askAgainAtMs: number;
}
/** Started or given up; the ledger is told when it has ended. */
export interface ReservedRun {
  n: number;
  pool: string;
}

const FIRST_PAUSE_MS = 15_000;
const LONGEST_PAUSE_MS = 10 * 60_000;
/** Who has an answer is told of the next one; this is for when that is lost, and lets the clock of a feed go on. */
const ANSWERED_PAUSE_MS = 30 * 60_000;

/** The decision is carried out as far as it can be: its run has a number, and waits. */
export function withWaitingRun(
  state: LoopState,
  run: OpenRun,
  decision: PendingRetrain,
  price: Price,
  nowMs: number,
): LoopState {
  const progress = { phase: 'awaitingBudget', since: toIso(nowMs), deadlineAt: null } as const;
  const waiting: WaitingRun = { run, decision, price, answer: null, tries: 0, askAgainAtMs: nowMs };
  return {
    ...state,
    pendingRetrains: state.pendingRetrains.filter(({ seq }) => seq !== decision.seq),
    openRuns: [...state.openRuns.filter(({ n }) => n !== run.n), { ...run, progress }],
    waiting: [...(state.waiting ?? []).filter((other) => other.run.n !== run.n), waiting],
  };
}

/** An answer to what nobody asks any more changes nothing. */
export function withAnswer(state: LoopState, model: string, answer: ReservationAnswer, nowMs: number): LoopState {
  return changed(state, (waiting) =>
    reservationIdOf(model, waiting.run.n) === answer.reservationId
      ? { ...waiting, answer, tries: 0, askAgainAtMs: nowMs + ANSWERED_PAUSE_MS }
      : waiting,
  );
}

export function afterAsking(state: LoopState, n: number, nowMs: number): LoopState {
  return changed(state, (waiting) => {
    if (waiting.run.n !== n) return waiting;
    const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(waiting.tries, 10));
    return { ...waiting, tries: waiting.tries + 1, askAgainAtMs: nowMs + pauseMs };
  });
}

function changed(state: LoopState, change: (waiting: WaitingRun) => WaitingRun): LoopState {
  return { ...state, waiting: (state.waiting ?? []).map(change) };
}

/** It waits no more: it was started, or given up. */
export function withoutWaiting(state: LoopState, { run, price }: WaitingRun, given: 'up' | 'started'): LoopState {
  const others = (state.reserved ?? []).filter(({ n }) => n !== run.n);
  return {
    ...state,
    waiting: (state.waiting ?? []).filter((other) => other.run.n !== run.n),
    reserved: [...others, { n: run.n, pool: price.pool }],
    openRuns: given === 'up' ? state.openRuns.filter(({ n }) => n !== run.n) : state.openRuns,
  };
}

/** Claimed for the ledger by a loop before this one, which knew its decision: it is claimed again, under the same number. */
export function orphans(state: LoopState): PendingRetrain[] {
  const known = new Set((state.waiting ?? []).map(({ run }) => run.n));
  return state.openRuns.flatMap(({ n, causeId, progress }) => {
    const seq = Number(/^decision\/(\d+)$/.exec(causeId)?.[1] ?? 0);
    if (progress?.phase !== 'awaitingBudget' || known.has(n) || seq === 0) return [];
    if (state.pendingRetrains.some((pending) => pending.seq === seq)) return [];
    return [{ seq, reason: `decision ${seq}, which another loop had claimed run ${n} for` }];
  });
}

/** Runs that the ledger should look at: they have ended, as far as the loop knows. */
export function toSettle(state: LoopState): ReservedRun[] {
  const open = new Set(state.openRuns.map(({ n }) => n));
  return (state.reserved ?? []).filter(({ n }) => !open.has(n));
}
