/**
 * A small world around the ledger's reducer: loops that ask again and again, signals that are lost, doubled and late, runs that
 * start, end, or are ended from outside, a fleet that dies between a step and its storage. What must hold is checked after each step.
 */
import {
  type Budget,
  dayOf,
  type LedgerEntry,
  type LedgerInput,
  type LedgerTable,
  reservationIdOf,
  type ReservationAnswer,
  type RunLook,
  toIso,
} from '../../src/contracts/index.js';
import { holds, type Period, periodOf } from '../../src/domain/reducers/budget-period.js';
import { answerTo, clockMs } from '../../src/domain/reducers/ledger-account.js';
import { apply, applyAll, emptyLedger, leases } from '../../src/domain/reducers/ledger.js';

interface WorldRun {
  id: string;
  model: string;
  n: number;
  gpuMs: number;
  /** Of the model that asks; a feed's clock stands still unless it is moved. */
  clock: 'wall' | 'feed';
  state: 'asking' | 'running' | 'ended';
  /** What it really takes: never more than was reserved, or `overrun` more. */
  usedMs: number;
}

export type Step =
  | { kind: 'decide'; model: number; gpuMs: number; benefit: number; usedShare: number }
  | { kind: 'ask'; model: number; times: number }
  | { kind: 'hear'; model: number }
  | { kind: 'end'; model: number; tell: number }
  | { kind: 'terminate'; model: number }
  | { kind: 'look' }
  | { kind: 'pass'; ms: number }
  | { kind: 'feed'; ms: number }
  | { kind: 'budget'; gpuMs: number; per: number; limited: number; limitMs: number }
  | { kind: 'freeze' }
  | { kind: 'unfreeze' }
  | { kind: 'fleetDies' };

const PER = ['day', 'week', 'month'] as const;
export const FIRST_MS = Date.parse('2026-02-26T20:00:00Z');

export class LedgerWorld {
  table: LedgerTable = emptyLedger();
  /** What is stored: the table, and every input of every stored step. */
  stored: { inputs: LedgerInput[]; table: LedgerTable }[] = [];
  nowMs = FIRST_MS;
  feedMs = Date.parse('2001-02-05T00:00:00Z');
  runs: WorldRun[] = [];
  /** What was booked, by the world's own count: of every run, once, when it was settled. */
  paid = new Map<string, number>();
  inbox: LedgerInput[] = [];
  budgets = 0;
  /** By the world's own count: what is reserved, and what was paid, by the day that pays. */
  private grants = new Map<string, { model: string; day: string; gpuMs: number }>();
  constructor(readonly models = 4) {}

  act(step: Step): void {
    switch (step.kind) {
      case 'decide':
        return this.decide(step);
      case 'ask':
        return this.each(step.model, 'asking', (run) => {
          for (let i = 0; i < step.times; i++) this.ask(run);
        });
      case 'hear':
        return this.each(step.model, 'asking', (run) => this.hear(run));
      case 'end':
        return this.each(step.model, 'running', (run) => {
          run.state = 'ended';
          for (let i = 0; i < step.tell; i++) this.look([run.id]); // the hint is lost, comes once, or twice
        });
      case 'terminate':
        return this.each(step.model, 'running', (run) => {
          run.state = 'ended';
          run.usedMs = Math.floor(run.usedMs / 2);
        });
      case 'look':
        return this.look(leases(this.table, this.nowMs).due);
      case 'pass':
        this.nowMs += step.ms;
        return this.step();
      case 'feed':
        this.feedMs += step.ms;
        return;
      case 'budget': {
        this.budgets += 1;
        const models = step.limited === 0 ? {} : { [this.name(step.limited)]: step.limitMs };
        const budget: Budget = {
          seq: this.budgets,
          gpuMs: step.gpuMs,
          models,
          per: PER[step.per % 3]!,
          collectForMs: 60_000,
        };
        return this.take({ kind: 'budget', budget, atMs: this.nowMs });
      }
      case 'freeze':
        return this.take({
          kind: 'freeze',
          order: { by: 'ada', reason: null, at: toIso(this.nowMs) },
          atMs: this.nowMs,
        });
      case 'unfreeze':
        return this.take({
          kind: 'unfreeze',
          order: { by: 'ada', reason: null, at: toIso(this.nowMs) },
          atMs: this.nowMs,
        });
      case 'fleetDies':
        // The new one reads what was stored, as JSON.
        this.table = JSON.parse(JSON.stringify(this.table)) as LedgerTable;
        return;
    }
  }

  /** Everything ends: loops ask until they are answered, runs end, leases run out, the budget is enough. */
  finish(): void {
    this.take({ kind: 'unfreeze', order: { by: 'ada', reason: null, at: toIso(this.nowMs) }, atMs: this.nowMs });
    const budget: Budget = { seq: 1_000, gpuMs: 1e12, models: {}, per: 'month', collectForMs: 0 };
    this.take({ kind: 'budget', budget, atMs: this.nowMs });
    for (let round = 0; round < 6; round++) {
      for (const run of this.runs.filter(({ state }) => state === 'asking')) this.ask(run);
      this.nowMs += 61_000;
      this.step();
      for (const run of this.runs.filter(({ state }) => state === 'asking')) this.hear(run);
      for (const run of this.runs.filter(({ state }) => state === 'running')) run.state = 'ended';
      this.nowMs += 2 * 3600_000;
      this.look(leases(this.table, this.nowMs).due);
    }
  }

  private decide({ model, gpuMs, benefit, usedShare }: Extract<Step, { kind: 'decide' }>): void {
    const name = this.name(model);
    if (this.runs.some((run) => run.model === name && run.state !== 'ended')) return; // one open run per model
    const n = this.runs.filter((run) => run.model === name).length + 1;
    const id = reservationIdOf(name, n);
    const usedMs = Math.floor(gpuMs * usedShare);
    const clock = model % 4 === 3 ? 'feed' : 'wall';
    this.runs.push({ id, model: name, n, gpuMs, clock, state: 'asking', usedMs });
    this.benefits.set(id, benefit);
  }
  private benefits = new Map<string, number>();

  private ask({ id, model, gpuMs, clock }: WorldRun): void {
    const now = toIso(clock === 'feed' ? this.feedMs : this.nowMs);
    const request = {
      reservationId: id,
      gpuMs,
      benefit: this.benefits.get(id) ?? 0,
      clock,
      now,
      replyTo: `model/${model}`,
    };
    this.take({ kind: 'reserve', request, atMs: this.nowMs });
  }

  /** The loop starts what was granted in time, and nothing else. */
  private hear(run: WorldRun): void {
    const answer: ReservationAnswer = answerTo(this.table, run.id, this.nowMs);
    if (answer.state !== 'granted' || !answer.startUntil || Date.parse(answer.startUntil) - 60_000 <= this.nowMs)
      return;
    run.state = 'running';
  }

  private look(ids: string[]): void {
    const looks = ids.map((id): RunLook => {
      const run = this.runs.find((each) => each.id === id);
      if (run?.state === 'ended') return { id, state: 'ended', usedMs: run.usedMs, text: 'ended' };
      return { id, state: run?.state === 'running' ? 'running' : 'missing', usedMs: 0, text: '' };
    });
    this.take({ kind: 'looked', looks, atMs: this.nowMs });
  }

  private take(input: LedgerInput): void {
    this.inbox.push(input);
    this.step();
  }

  private step(): void {
    const inputs: LedgerInput[] = [...this.inbox, { kind: 'clear', atMs: this.nowMs }];
    this.inbox = [];
    for (const input of inputs) this.watch(input);
    this.stored.push({ inputs, table: this.table });
  }

  /** Checks what one input does. */
  private watch(input: LedgerInput): void {
    const before = this.table;
    const { table, facts } = apply(before, input);
    this.table = table;
    const granted: LedgerEntry[] = [];
    for (const { what, id, gpuMs } of facts) {
      const run = this.runs.find((each) => each.id === id);
      if (!run || id === null) continue;
      const day = dayOf(toIso(run.clock === 'feed' ? this.feedMs : this.nowMs));
      if (what === 'granted') {
        this.grants.set(id, { model: run.model, day: dayOf(entryNow(before, id, this.nowMs)), gpuMs: run.gpuMs });
        granted.push(before.entries.find((each) => each.id === id)!);
      }
      if (what === 'expired') {
        if (run.state === 'running') throw new Error(`${id} runs and has lost its reservation`);
        this.grants.delete(id);
      }
      if (what === 'settled') {
        if (this.paid.has(id)) throw new Error(`${id} is paid twice`);
        this.paid.set(id, gpuMs ?? 0);
        this.grants.set(id, { model: run.model, day: this.grants.get(id)?.day ?? day, gpuMs: gpuMs ?? 0 });
      }
    }
    for (const run of this.runs.filter(({ state }) => state === 'running'))
      if (this.table.entries.find(({ id }) => id === run.id)?.state !== 'reserved')
        throw new Error(`${run.id} runs unreserved`);
    if (granted.length > 0) this.checkGrants(before, granted);
  }

  /** Nothing is granted above a limit, by the world's own count; of two that differ in nothing but rank the better one went. */
  private checkGrants(before: LedgerTable, granted: LedgerEntry[]): void {
    const { budget } = before;
    if (before.frozen) throw new Error('granted while frozen');
    if (!budget) return;
    for (const { id, model } of granted) {
      const period = periodOf(budget.per, Date.parse(`${this.grants.get(id)!.day}T00:00:00Z`));
      const total = this.totalMs(period, undefined);
      if (total > budget.gpuMs) throw new Error(`${total} of ${budget.gpuMs} after ${id} in ${period.from}`);
      const limit = Object.hasOwn(budget.models, model) ? budget.models[model]! : Infinity;
      if (this.totalMs(period, model) > limit) throw new Error(`${model} is above ${limit} after ${id}`);
    }
    const waiting = before.entries.filter(
      ({ state, id }) => state === 'waiting' && !granted.some((each) => each.id === id),
    );
    for (const left of waiting) {
      const limited = Object.hasOwn(budget.models, left.model);
      const passed = granted.find(
        (went) =>
          !limited &&
          went.clock === 'wall' &&
          left.clock === 'wall' &&
          left.gpuMs <= went.gpuMs &&
          left.benefit / left.gpuMs > went.benefit / went.gpuMs,
      );
      if (passed) throw new Error(`${passed.id} passed ${left.id}`);
    }
  }

  private totalMs(period: Period, model: string | undefined): number {
    let total = 0;
    for (const grant of this.grants.values())
      if (holds(period, grant.day) && (model === undefined || grant.model === model)) total += grant.gpuMs;
    return total;
  }

  private each(model: number, state: WorldRun['state'], act: (run: WorldRun) => void): void {
    for (const run of this.runs) if (run.model === this.name(model) && run.state === state) act(run);
  }
  private name = (model: number): string => ['constructor', 'm1', 'm2', 'm3'][model % this.models] ?? 'm0';

  /** The stored inputs, played again from nothing. */
  replayed(): LedgerTable {
    return applyAll(
      emptyLedger(),
      this.stored.flatMap(({ inputs }) => inputs),
    ).table;
  }
}

/** The clock that an entry is paid by. */
function entryNow(table: LedgerTable, id: string, wallMs: number): string {
  const entry = table.entries.find((each) => each.id === id);
  return toIso(entry ? clockMs(entry, wallMs) : wallMs);
}
