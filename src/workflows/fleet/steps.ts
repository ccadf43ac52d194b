/** One step of the ledger: what has arrived, how runs stand, who may go; then all of it is stored. */
import { ActivityFailure, isCancellation, log, workflowInfo } from '@temporalio/workflow';
import { applyAll, leases } from '../../domain/reducers/ledger.js';
import { textOfFailure } from '../run/outcomes.js';
import { lookAtReservations, readBudget, saveLedger } from '../steps.js';
import { type Fleet, push, tableOf } from './fleet.js';

/** An activity must end in bounded time. */
const LOOKS_AT_ONCE = 50;
/** The hint that the budget has changed can be lost: with whatever happens after that long it is read again. */
const READ_BUDGET_MS = 10 * 60_000;

/** False when something could not be read or stored: it is shown and tried again, and until then nobody is told anything. */
export async function step(fleet: Fleet): Promise<boolean> {
  try {
    await readNews(fleet);
    await store(fleet);
    fleet.problem = null;
    fleet.show();
    return true;
  } catch (error) {
    if (isCancellation(error) || !(error instanceof ActivityFailure)) throw error;
    fleet.problem = textOfFailure(error);
    log.error('a step of the ledger fails; it is tried again', { problem: fleet.problem });
    fleet.show();
    return false;
  }
}

async function readNews(fleet: Fleet): Promise<void> {
  const { pool } = fleet;
  if (fleet.budgetHinted || Date.now() - fleet.budgetReadAtMs >= READ_BUDGET_MS) {
    fleet.budgetHinted = false; // what is hinted from here on is for the next step
    const budget = await readBudget({ pool }).catch((error: unknown) => {
      fleet.budgetHinted = true;
      throw error;
    });
    fleet.budgetReadAtMs = Date.now();
    if (budget?.seq !== tableOf(fleet).budget?.seq) push(fleet, { kind: 'budget', budget });
  }
  const table = tableOf(fleet);
  const open = new Set(table.entries.filter(({ state }) => state !== 'settled').map(({ id }) => id));
  // Of a run that was asked for in this very step the table does not know yet: its hint waits for the next one.
  const asked = new Set(
    fleet.inbox.flatMap((input) => (input.kind === 'reserve' ? [input.request.reservationId] : [])),
  );
  const hinted = [...fleet.hints].filter((id) => !asked.has(id));
  const ids = [...new Set([...hinted.filter((id) => open.has(id)), ...leases(table, Date.now()).due])];
  const later = new Set(ids.slice(LOOKS_AT_ONCE));
  // Before the look: what is hinted while it looks is for the next one.
  const taken = hinted.filter((id) => !later.has(id));
  for (const id of taken) fleet.hints.delete(id);
  if (ids.length > 0) {
    const looks = await lookAtReservations({ ids: ids.slice(0, LOOKS_AT_ONCE) }).catch((error: unknown) => {
      for (const id of taken) fleet.hints.add(id);
      throw error;
    });
    push(fleet, { kind: 'looked', looks });
  }
}

/** The inputs leave the inbox only when what they did is stored: a step that failed is repeated with them. */
async function store(fleet: Fleet): Promise<void> {
  const taken = [...fleet.inbox];
  const atMs = Date.now();
  const inputs = [...taken, { kind: 'clear', atMs } as const];
  const before = tableOf(fleet);
  const { table, facts } = applyAll(before, inputs);
  if (JSON.stringify(table) !== JSON.stringify(before)) {
    const { pool, seq: previous } = fleet;
    // Each try has a cause of its own: one whose answer was lost may have stored other inputs, and must not pass for this one.
    fleet.version += 1;
    const causeId = `${workflowInfo().firstExecutionRunId}/${fleet.version}`;
    const { seq } = await saveLedger({ pool, previous, inputs, facts, table, causeId, atMs });
    fleet.seq = seq;
    fleet.table = table;
  }
  fleet.inbox.splice(0, taken.length);
  fleet.stored += taken.length;
}
