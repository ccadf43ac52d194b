/** What the loop left in object storage about the model: the story's only source. */
import type { Store } from '../../src/adapters/store/index.js';
import {
  type AuditRecord,
  type DecisionRecord,
  keys,
  type MonitorReport,
  type ReleaseRecord,
  type RunPlan,
  type RunRecord,
  sequenceOf,
} from '../../src/contracts/index.js';

export interface ModelRecords {
  /** In the order of windows, then of revisions. */
  reports: MonitorReport[];
  decisions: DecisionRecord[];
  /** The newest revision of every run's record. */
  runs: RunRecord[];
  /** By run number. */
  plans: Map<number, RunPlan>;
  releases: ReleaseRecord[];
  /** What people did, in order. */
  audit: AuditRecord[];
  /** What is live now: not always the newest release, a person may have rolled back. */
  live: { release: number; epoch: number } | null;
}

type Reads = Pick<Store, 'json' | 'pointers'>;

/** Reads everything anew at every call, but no document twice: all of them are create-once. */
export function createRecordReader(store: Reads, model: string): () => Promise<ModelRecords> {
  const known = new Map<string, unknown>();
  const read = async <T>(key: string): Promise<T | undefined> => {
    const value = known.get(key) ?? (await store.json.read<T>(key))?.value;
    if (value !== undefined) known.set(key, value);
    return value as T | undefined;
  };
  const readAll = async <T>(found: string[]): Promise<T[]> => {
    const values = await Promise.all(found.map((key) => read<T>(key)));
    return values.filter((value) => value !== undefined);
  };
  return async () => {
    const [windows, decisions, runs, releases, audit, pointer] = await Promise.all([
      keysBelow(store, keys.windows(model)),
      keysBelow(store, `${keys.decisions(model)}/`),
      keysBelow(store, keys.runs(model)),
      keysBelow(store, `${keys.releases(model)}/`),
      keysBelow(store, `${keys.audit(model)}/`),
      store.pointers.read(model),
    ]);
    const plans = await readAll<RunPlan>(runs.filter((key) => key.endsWith('/plan.json')));
    const reports = await readAll<MonitorReport>(windows.filter((key) => /\/rev-\d+\.json$/.test(key)));
    return {
      reports: reports.sort(inOrder),
      decisions: await readAll<DecisionRecord>(decisions.filter(isSequence)),
      runs: await readAll<RunRecord>(newestOfEachRun(runs)),
      plans: new Map(plans.map((plan) => [plan.n, plan])),
      releases: await readAll<ReleaseRecord>(releases.filter(isSequence)),
      audit: await readAll<AuditRecord>(audit.filter(isSequence)),
      live: pointer ? { release: pointer.champion.release, epoch: pointer.epoch } : null,
    };
  };
}

async function keysBelow(store: Reads, prefix: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of store.json.list(prefix)) found.push(key);
  return found;
}

const isSequence = (key: string): boolean => sequenceOf(key) !== undefined;

function newestOfEachRun(runKeys: string[]): string[] {
  const newest = new Map<string, string>();
  // Listed in order, and sequence numbers are padded: the last one of a folder is the newest.
  for (const key of runKeys.filter((each) => isSequence(each) && each.includes('/record/'))) {
    newest.set(key.slice(0, key.lastIndexOf('/')), key);
  }
  return [...newest.values()].sort((a, b) => runNumber(a) - runNumber(b));
}

const runNumber = (key: string): number => Number(/\/runs\/(\d+)\//.exec(key)?.[1]);

const inOrder = (a: MonitorReport, b: MonitorReport): number =>
  a.window.from.localeCompare(b.window.from) || a.revision - b.revision;
