/** Continue-as-new of the fleet: keeps the history short, and lets it take new code. */
import { allHandlersFinished, condition, continueAsNew, workflowInfo } from '@temporalio/workflow';
import type { fleet as fleetWorkflow } from '../fleet.js';
import { type CarriedFleet, type Fleet, tableOf } from './fleet.js';

const MAX_AGE_MS = 7 * 24 * 3600_000;
/** The server suggests it at 4,096 events; a ledger with many loops comes there within days, and its table is in every input. */
const MAX_EVENTS = 2_000;
/** A handler that waits for the audit log's store must not hold up the ledger: the next step asks again. */
const PATIENCE_MS = 60_000;

/** Only when nothing is left to be done: what has arrived is in the table, and stored. */
export async function continueFleetWhenLong(fleet: Fleet): Promise<void> {
  const { continueAsNewSuggested, historyLength, startTime } = workflowInfo();
  const long = continueAsNewSuggested || historyLength >= MAX_EVENTS || Date.now() - startTime.getTime() >= MAX_AGE_MS;
  const busy = () =>
    fleet.inbox.length > 0 || fleet.hints.size > 0 || fleet.budgetHinted || fleet.cancelOrders.length > 0;
  if (!long || busy()) return;
  await condition(() => allHandlersFinished() || busy(), PATIENCE_MS);
  if (!allHandlersFinished() || busy()) return;
  const { seq, version, told, seen, searchAttributes } = fleet;
  const carried: CarriedFleet = { table: tableOf(fleet), seq, version, told, seen, searchAttributes };
  await continueAsNew<typeof fleetWorkflow>({ pool: fleet.pool, carried });
}
