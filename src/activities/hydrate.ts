/** What a loop without memory reads from object storage: a loop can die and be born again. */
import {
  type AuditRecord,
  type ConfigRevision,
  type DecisionRecord,
  type DecisionSummary,
  keys,
  type LoopSeed,
  modelLoopId,
  type MonitorReport,
  type OpenRun,
  type OpenWindow,
  type RunClaim,
  type RunRecord,
  SeawallError,
  sequenceKey,
  type Standing,
} from '../contracts/index.js';
import type { JsonStore, PointerStore, RecordStore } from './ports.js';
import { mapSome, newestFirst } from './sequences.js';

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
      const [messages, openRuns, windows, decisions, pointer] = await Promise.all([
        readAudit(ports.records, model),
        readOpenRuns(ports.json, model),
        readWindows(ports.json, model),
        readDecisions(ports.records, model),
        ports.pointers.read(model),
      ]);
      return {
        configSeq: config.seq,
        configDigest: config.digest,
        ...messages,
        openRuns,
        ...windows,
        ...decisions,
        champion: pointer ? { ...pointer.champion, epoch: pointer.epoch } : null,
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

export function summaryOf(record: DecisionRecord): DecisionSummary {
  const { seq, action, trigger, reason, window, revision, at } = record;
  return { seq, action, trigger, reason, window, revision, at };
}

/** Standing orders stand until the next one, however long ago; of the ids only the newest matter. */
async function readAudit(records: RecordStore, model: string): Promise<Pick<LoopSeed, 'standing' | 'seenMessageIds'>> {
  let standing: Standing | undefined;
  const seen: string[] = [];
  let acts = 0;
  for await (const act of newestFirst<AuditRecord>(records, keys.audit(model))) {
    acts += 1;
    standing ??= act.standing ?? undefined;
    // A refused message did nothing: sent again, it is only refused again, and in today's words.
    if (acts <= SEEN_MESSAGES && act.accepted && act.to === modelLoopId(model)) seen.push(act.messageId);
    if (standing && acts >= SEEN_MESSAGES) break;
  }
  return { standing: standing ?? { paused: false, pinned: false }, seenMessageIds: seen.reverse() };
}

/** Runs whose newest record has no outcome, and claims that have no record. */
async function readOpenRuns(json: JsonStore, model: string): Promise<OpenRun[]> {
  const newestRecord = new Map<number, number>();
  for await (const { key } of json.list(keys.runs(model))) {
    const match = /^(\d+)\/(?:claim|record\/(\d{8}))\.json$/.exec(key.slice(keys.runs(model).length));
    if (!match) continue;
    const n = Number(match[1]);
    newestRecord.set(n, Math.max(newestRecord.get(n) ?? 0, Number(match[2] ?? 0)));
  }
  const numbers = [...newestRecord.keys()].sort((a, b) => a - b);
  const open = await mapSome(numbers, async (n) => {
    const seq = newestRecord.get(n) ?? 0;
    const record = seq ? await json.read<RunRecord>(sequenceKey(keys.runRecords(model, n), seq)) : undefined;
    if (record?.value.outcome) return [];
    const owner = record?.value ?? (await json.read<RunClaim>(keys.runClaim(model, n)))?.value;
    return owner ? [{ n, workflowId: owner.workflowId, causeId: owner.causeId }] : [];
  });
  return open.flat();
}

/** Up to where windows are monitored, and those whose verdict is not final. */
async function readWindows(json: JsonStore, model: string): Promise<Pick<LoopSeed, 'monitoredTo' | 'openWindows'>> {
  const newestRevision = new Map<string, { key: string; revision: number }>();
  for await (const { key } of json.list(keys.windows(model))) {
    const match = /^([^/]+)\/rev-(\d+)\.json$/.exec(key.slice(keys.windows(model).length));
    if (!match) continue;
    const [folder, revision] = [match[1] as string, Number(match[2])];
    if (revision > (newestRevision.get(folder)?.revision ?? 0)) newestRevision.set(folder, { key, revision });
  }
  const folders = [...newestRevision.keys()].sort();
  const reports = await mapSome(folders, async (folder) => {
    const { key } = newestRevision.get(folder) as { key: string };
    return (await json.read<MonitorReport>(key))?.value;
  });
  const read = reports.filter((report) => report !== undefined);
  const monitoredTo = read.reduce<string | null>((to, { window }) => (to && to > window.to ? to : window.to), null);
  const openWindows = read.filter(({ status }) => status === 'provisional').map(openWindowOf);
  return { monitoredTo, openWindows };
}

function openWindowOf({ window, revision, labelObjects }: MonitorReport): OpenWindow {
  return { from: window.from, to: window.to, revision, labelObjects };
}

/** The cooldown begins at every retrain, the first model's included: the first training run costs as much as any. */
async function readDecisions(
  records: RecordStore,
  model: string,
): Promise<Pick<LoopSeed, 'lastDecision' | 'lastRetrainAt'>> {
  let lastDecision: DecisionSummary | null = null;
  for await (const decision of newestFirst<DecisionRecord>(records, keys.decisions(model))) {
    lastDecision ??= summaryOf(decision);
    // The first champion is not a retrain: no cooldown begins with it.
    const isRetrain = decision.action === 'retrain' && decision.trigger !== 'firstModel';
    if (isRetrain) return { lastDecision, lastRetrainAt: decision.at };
  }
  return { lastDecision, lastRetrainAt: null };
}
