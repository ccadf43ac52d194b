/** How a ledger stands, for whoever looks: the Web UI, the command line, a query. */
import type { Account, FleetStatus, LedgerTable, Waiting } from '../../contracts/index.js';
import { periodOf, startMs } from './budget-period.js';
import { clockMs, reservedMs, spentMs, verdicts } from './ledger-account.js';

export function fleetStatus(
  pool: string,
  ledger: LedgerTable | null,
  { seq, problem, wallMs }: { seq: number; problem: string | null; wallMs: number },
): FleetStatus {
  const waiting = ledger ? waitingOf(ledger, wallMs) : [];
  const running = (ledger?.entries ?? [])
    .filter(({ state }) => state === 'reserved')
    .map(({ id, gpuMs, day, leaseUntilMs, text }) => ({ id, gpuMs, day, leaseUntilMs, text }));
  const state =
    problem !== null
      ? 'blocked'
      : !ledger
        ? 'starting'
        : ledger.frozen
          ? 'frozen'
          : waiting.length > 0
            ? 'short'
            : 'open';
  return {
    ...{ pool, state, problem, seq, running, waiting },
    frozen: ledger?.frozen ?? null,
    budget: ledger?.budget ?? null,
    accounts: ledger ? accountsOf(ledger, wallMs) : [],
  };
}

export function waitingOf(table: LedgerTable, wallMs: number): Waiting[] {
  return verdicts(table, wallMs).map(({ entry, position, obstacle }) => {
    const { id, model, n, gpuMs, benefit, askedAtMs } = entry;
    return { id, model, n, gpuMs, benefit, askedAtMs, position, text: obstacle ?? 'it is chosen at the next clearing' };
  });
}

/** The account of today in the fleet's clock, and those of other periods in which somebody runs or waits. */
export function accountsOf(table: LedgerTable, wallMs: number): Account[] {
  const per = table.budget?.per ?? 'day';
  const times = table.entries.flatMap((entry) => {
    if (entry.state === 'waiting') return [clockMs(entry, wallMs)];
    return entry.state === 'reserved' && entry.day !== null ? [startMs(entry.day)] : [];
  });
  const periods = new Map([wallMs, ...times].map((ms) => periodOf(per, ms)).map((period) => [period.from, period]));
  return [...periods.values()].map((period) => ({
    ...period,
    limitMs: table.budget?.gpuMs ?? null,
    spentMs: spentMs(table, period),
    reservedMs: reservedMs(table, period),
  }));
}
