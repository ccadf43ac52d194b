/** What a loop without memory reads from object storage: a loop can die and be born again. */
import {
  type AuditRecord,
  type ConfigRevision,
  keys,
  type LoopSeed,
  modelLoopId,
  type Order,
  type Orders,
  SeawallError,
  type Standing,
} from '../contracts/index.js';
import type { JsonStore, PointerStore, RecordStore } from './ports.js';
import { listRuns, readRun } from './run-index.js';
import { mapSome, newestFirst } from './sequences.js';
import { championOf } from './live.js';
import { readDecided, retrainToStart } from './hydrate-decisions.js';
import { readWindows } from './hydrate-windows.js';

export interface HydratePorts {
  json: JsonStore;
  records: RecordStore;
  pointers: PointerStore;
  /** Whether the namespace has Seawall's search attributes. */
  searchAttributes: boolean;
}

/** A sender's retry comes within minutes, not after 200 other messages. */
const SEEN_MESSAGES = 200;

export type HydrateActivities = ReturnType<typeof createHydrateActivities>;

export function createHydrateActivities(ports: HydratePorts) {
  return {
    /**
     * The loop's state as storage knows it. Reads only.
     * @throws SeawallError `NotFound`: no configuration was ever applied
     */
    async hydrateLoop({ model }: { model: string }): Promise<LoopSeed> {
      const config = await newestConfig(ports.records, model);
      const [messages, runs, windows, pointer] = await Promise.all([
        readAudit(ports.records, model),
        mapSome(await listRuns(ports.json, model), (run) => readRun(ports.json, model, run)),
        readWindows(ports.json, model, config.config.label.deadlineMs),
        ports.pointers.read(model),
      ]);
      // After the reports: one that is written meanwhile is at worst asked about again, one that is missed would be lost.
      const decided = await readDecided(ports.records, model, windows.judgeable);
      const known = runs.filter((run) => run !== undefined);
      return {
        configSeq: config.seq,
        configDigest: config.digest,
        ...messages,
        openRuns: known
          .filter(({ record }) => !record?.outcome)
          .map(({ n, workflowId, causeId }) => ({ n, workflowId, causeId })),
        monitoredTo: windows.monitoredTo,
        openWindows: windows.openWindows,
        pendingReports: decided.undecided.map(({ key }) => ({ key })),
        pendingRetrains: retrainToStart(decided.lastRetrain, known),
        lastRetrainAt: decided.lastRetrainAt,
        lastDecision: decided.lastDecision,
        lastReport: windows.lastReport,
        incident: decided.incident,
        champion: pointer ? championOf(pointer) : null,
        searchAttributes: ports.searchAttributes,
      };
    },
  };
}

/** @throws SeawallError `NotFound` */
export async function newestConfig(records: RecordStore, model: string): Promise<ConfigRevision> {
  const newest = await records.newest<ConfigRevision>(keys.configRevisions(model));
  if (newest) return newest;
  throw new SeawallError(
    'NotFound',
    `The model "${model}" has no configuration in storage`,
    'Apply one: seawall model apply FILE',
  );
}

/** Standing orders stand until the next one, however long ago; of the ids only the newest matter. */
async function readAudit(
  records: RecordStore,
  model: string,
): Promise<Pick<LoopSeed, 'standing' | 'orders' | 'seenMessageIds'>> {
  let standing: Standing | undefined;
  const last: { pause?: Order; pin?: Order } = {};
  const seen: string[] = [];
  let acts = 0;
  for await (const act of newestFirst<AuditRecord>(records, keys.audit(model))) {
    acts += 1;
    standing ??= act.standing ?? undefined;
    if (act.accepted && (act.message === 'pause' || act.message === 'pin')) last[act.message] ??= orderOf(act);
    // A refused message did nothing: sent again, it is only refused again, and in today's words.
    if (acts <= SEEN_MESSAGES && act.accepted && act.to === modelLoopId(model)) seen.push(act.messageId);
    const known = standing && (!standing.paused || last.pause) && (!standing.pinned || last.pin);
    if (known && acts >= SEEN_MESSAGES) break;
  }
  standing ??= { paused: false, pinned: false };
  const orders: Orders = {
    paused: (standing.paused && last.pause) || null,
    pinned: (standing.pinned && last.pin) || null,
  };
  return { standing, orders, seenMessageIds: seen.reverse() };
}

const orderOf = ({ by, reason, at }: AuditRecord): Order => ({ by, reason, at });
