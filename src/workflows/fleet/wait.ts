/** Between two steps of the ledger. */
import { condition } from '@temporalio/workflow';
import { leases, nextClearingMs } from '../../domain/reducers/ledger.js';
import { type Fleet, tableOf } from './fleet.js';

const AFTER_FAILURE_MS = 60_000;

/** Waits for a request, a message, a hint, the next clearing or the end of a lease. */
export async function waitForNews(fleet: Fleet): Promise<void> {
  const woken = () => fleet.inbox.length > 0 || fleet.hints.size > 0 || fleet.budgetHinted;
  if (fleet.problem !== null) {
    const summary = `again: ${fleet.problem}`.slice(0, 200);
    const known = fleet.arrived;
    await condition(() => fleet.arrived > known, AFTER_FAILURE_MS, { summary });
    return;
  }
  if (woken()) return;
  const next = nextMoment(fleet);
  if (next === null) return condition(woken);
  await condition(woken, Math.max(1_000, next.ms - Date.now()), { summary: next.why });
}

function nextMoment(fleet: Fleet): { ms: number; why: string } | null {
  const table = tableOf(fleet);
  const nowMs = Date.now();
  const clearing = nextClearingMs(table, nowMs);
  const lease = leases(table, nowMs).nextMs;
  const moments = [
    ...(clearing === null ? [] : [{ ms: clearing, why: 'the next clearing' }]),
    ...(lease === null ? [] : [{ ms: lease, why: 'a lease ends' }]),
  ];
  return moments.length === 0 ? null : moments.reduce((a, b) => (b.ms < a.ms ? b : a));
}
