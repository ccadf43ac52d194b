/** What the fleet workflow needs of storage: its table and budget, and how the runs stand that it has granted. */
import {
  type AuditRecord,
  type Budget,
  budgetOf,
  type BudgetRevision,
  fleetId,
  type FleetSeed,
  keys,
  type LedgerRecord,
  parseReservationId,
  type RunLook,
  type RunRecord,
  type SaveLedgerInput,
  SeawallError,
  toIso,
  trainingRunId,
} from '../../contracts/index.js';
import type { WorkflowInspector } from '../monitor/ports.js';
import type { JsonStore, RecordStore } from '../ports.js';
import { mapSome, newestFirst } from '../sequences.js';
import { usedMs } from './use.js';

export interface FleetPorts {
  json: JsonStore;
  records: RecordStore;
  inspector: WorkflowInspector;
  searchAttributes: boolean;
  wallNow: () => number;
}

const SEEN_MESSAGES = 200;

export type FleetActivities = ReturnType<typeof createFleetActivities>;

export function createFleetActivities(ports: FleetPorts) {
  return {
    /** The ledger as it was stored last, and the newest budget. Reads only. */
    async hydrateFleet({ pool }: { pool: string }): Promise<FleetSeed> {
      const [newest, budget, seenMessageIds] = await Promise.all([
        ports.records.newest<LedgerRecord>(keys.ledger(pool)),
        newestBudget(ports.records, pool),
        readSeen(ports.records, pool),
      ]);
      const { searchAttributes } = ports;
      return { seq: newest?.seq ?? 0, table: newest?.table ?? null, budget, seenMessageIds, searchAttributes };
    },

    /** The newest budget; null: none was ever set, so everything is granted. */
    readBudget: ({ pool }: { pool: string }): Promise<Budget | null> => newestBudget(ports.records, pool),

    /** Stores the table and how it came about, once per cause. */
    async saveLedger({ pool, atMs, ...step }: SaveLedgerInput): Promise<{ seq: number }> {
      const make = (seq: number): LedgerRecord => ({ kind: 'ledger', schema: 1, pool, seq, ...step, at: toIso(atMs) });
      const record = await ports.records.append<LedgerRecord>(keys.ledger(pool), step.causeId, make, step.previous);
      return { seq: record.seq };
    },

    /** How each of these runs stands, and what it has used. The record is the truth; of a run without an end Temporal is asked. */
    lookAtReservations: ({ ids }: { ids: string[] }): Promise<RunLook[]> =>
      mapSome(ids, (id) => lookAt(ports, id).catch((error: unknown) => unreadable(id, error))),
  };
}

async function newestBudget(records: RecordStore, pool: string): Promise<Budget | null> {
  const newest = await records.newest<BudgetRevision>(keys.budgets(pool));
  if (!newest) return null;
  const budget = budgetOf(newest);
  if (!budget) {
    throw new SeawallError(
      'BadInput',
      `Budget ${newest.seq} of the pool "${pool}" (${keys.budgets(pool)}) is not a budget`,
      `Set a new one: seawall budget set ${pool} --gpu-hours N --per week`,
    );
  }
  return budget;
}

async function readSeen(records: RecordStore, pool: string): Promise<string[]> {
  const seen: string[] = [];
  let acts = 0;
  for await (const act of newestFirst<AuditRecord>(records, keys.fleetAudit(pool))) {
    if (act.accepted && act.to === fleetId(pool)) seen.push(act.messageId);
    acts += 1;
    if (acts >= SEEN_MESSAGES) break;
  }
  return seen.reverse();
}

/** One model's broken record must not stop the pool; that storage is away is tried again. */
function unreadable(id: string, error: unknown): RunLook {
  if (error instanceof SeawallError && error.type === 'Corrupt')
    return { id, state: 'unreadable', usedMs: 0, text: `what is stored of the run cannot be read: ${error.message}` };
  throw error;
}

async function lookAt(ports: FleetPorts, id: string): Promise<RunLook> {
  const { model, n } = parseReservationId(id) ?? { model: '', n: 0 };
  const newest = () => ports.records.newest<RunRecord>(keys.runRecords(model, n));
  const before = await newest();
  if (before?.outcome) return ended(ports, id, before);
  const workflow = await ports.inspector.state(trainingRunId(model, n));
  if (workflow === 'running') return { id, state: 'running', usedMs: 0, text: 'it runs' };
  // It may have recorded its end between our two questions.
  const record = await newest();
  if (record?.outcome) return ended(ports, id, record);
  if (workflow === 'missing' && !record) return { id, state: 'missing', usedMs: 0, text: 'it was never started' };
  const used = await usedMs(ports, model, n, ports.wallNow());
  return {
    id,
    state: 'ended',
    usedMs: used,
    text: `${trainingRunId(model, n)} was ended from outside, without an outcome`,
  };
}

async function ended(ports: FleetPorts, id: string, { model, n, outcome }: RunRecord): Promise<RunLook> {
  const used = await usedMs(ports, model, n, ports.wallNow());
  return { id, state: 'ended', usedMs: used, text: `run ${outcome?.kind ?? 'ended'}` };
}
