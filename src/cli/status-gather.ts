/** How a model stands: from object storage, which always answers, and from its workflows, where Temporal does. */
import { readIncident } from '../activities/incident.js';
import { newestFirst } from '../activities/sequences.js';
import type { Store } from '../adapters/store/index.js';
import type { SeawallClient } from '../client/index.js';
import {
  approveCommand,
  type AuditRecord,
  type BudgetWait,
  type ConfigRevision,
  type DecisionRecord,
  type EvaluationSummary,
  type Incident,
  keys,
  keyTime,
  type LoopStatus,
  type MonitorReport,
  type RunOutcome,
  type RunPhase,
  type RunRecord,
  type RunStatus,
  SeawallError,
  type Standing,
} from '../contracts/index.js';

export interface ModelStatus {
  model: string;
  /** `unknown`: Temporal or its worker did not answer. `none`: no loop runs. */
  state: LoopStatus['state'] | 'none' | 'unknown';
  /** What keeps the loop from working, or its own view from being here, and what to do. */
  problem: { message: string; next: string } | null;
  /** Broken data, as the decisions in storage say; null: none. */
  incident: Incident | null;
  standing: Standing;
  config: { seq: number; digest: string; by: string; at: string } | null;
  live: { release: number; sha256: string; epoch: number; since: string; by: string; reason: string } | null;
  lastReport: MonitorReport | null;
  lastDecision: DecisionRecord | null;
  openRuns: OpenRunView[];
  /** Runs that their pool's ledger has not let start yet; null: the loop does not answer. */
  waitsForBudget: BudgetWait[] | null;
  /** Releases that have served and can be gone back to, by the pointer's last moves. */
  served: number[];
  /** The newest run that has ended, and how. */
  lastRun: { n: number; outcome: RunOutcome; at: string } | null;
}

export interface OpenRunView {
  n: number;
  workflowId: string;
  phase: RunPhase;
  /** When it entered the phase. */
  since: string;
  attempt: number | null;
  evaluation: EvaluationSummary | null;
  /** Set while a person is asked; `deadlineAt` is null when only storage could be read. */
  waitingFor: { challenger: string; evidence: string; deadlineAt: string | null; command: string } | null;
}

type Reads = Pick<Store, 'json' | 'records' | 'pointers'>;
/** Runs are closed one after the other: an open one is among the last. */
const RUNS_LOOKED_AT = 10;

/** Models that have anything in storage. Jumps from one to the next instead of listing everything below them. */
export async function listModels({ json }: Pick<Store, 'json'>): Promise<string[]> {
  const models: string[] = [];
  let after: string | undefined;
  for (;;) {
    let model: string | undefined;
    for await (const { key } of json.list(keys.models, after)) {
      model = key.slice(keys.models.length).split('/')[0];
      break;
    }
    if (!model) return models.sort();
    models.push(model);
    after = `${keys.models}${model}0`; // "0" is the character after "/"
  }
}

/** @throws SeawallError `NotFound`: there is no such model */
export async function gatherStatus(
  store: Reads,
  client: SeawallClient | SeawallError,
  model: string,
): Promise<ModelStatus> {
  const [config, pointer, lastDecision, incident, standing, records, loop] = await Promise.all([
    store.records.newest<ConfigRevision>(keys.configRevisions(model)),
    store.pointers.read(model),
    store.records.newest<DecisionRecord>(keys.decisions(model)),
    readIncident(store.records, model),
    readStanding(store, model),
    latestRecords(store, model),
    client instanceof SeawallError ? client : ask(() => client.loopStatus(model)),
  ]);
  if (!config && !pointer && !lastDecision) throw unknownModel(model);
  const last = pointer?.moves.at(-1);
  const open = records.filter(({ outcome }) => outcome === null);
  const openRuns = await Promise.all(open.map((record) => viewRun(client, record)));
  return {
    model,
    ...stateOf(loop),
    incident,
    standing: loop instanceof SeawallError ? standing : loop.standing,
    config: config ? { seq: config.seq, digest: config.digest, by: config.by, at: config.at } : null,
    live:
      pointer && last
        ? { ...pointer.champion, epoch: pointer.epoch, since: last.at, by: last.by, reason: last.reason }
        : null,
    lastReport: await readLastReport(store, model, lastDecision?.window?.from),
    lastDecision: lastDecision ?? null,
    openRuns,
    waitsForBudget: loop instanceof SeawallError ? null : loop.waitsForBudget,
    served: [...new Set(pointer?.moves.map(({ release }) => release))].sort((a, b) => a - b),
    lastRun: lastEnded(records),
  };
}

function stateOf(loop: LoopStatus | SeawallError): Pick<ModelStatus, 'state' | 'problem'> {
  if (!(loop instanceof SeawallError)) {
    const next = 'Mend the cause; the loop tries again every few minutes, and at once with any message or hint.';
    return { state: loop.state, problem: loop.problem === null ? null : { message: loop.problem, next } };
  }
  const { type, message, next } = loop;
  return { state: type === 'NotFound' ? 'none' : 'unknown', problem: { message, next } };
}

async function viewRun(client: SeawallClient | SeawallError, record: RunRecord): Promise<OpenRunView> {
  const { model, n, workflowId, phase, at, evaluation } = record;
  const stored = { n, workflowId, phase, since: at, attempt: null, evaluation, waitingFor: storedWait(record) };
  const now = client instanceof SeawallError ? client : await ask(() => client.runStatus(model, n));
  return now instanceof SeawallError ? stored : { ...stored, ...freshView(now) };
}

const freshView = ({ phase, attempt, evaluation, waitingFor }: RunStatus) => ({
  phase,
  attempt,
  evaluation,
  waitingFor,
});

function storedWait({ model, n, phase, challenger, evidence }: RunRecord): OpenRunView['waitingFor'] {
  if (phase !== 'awaitingApproval' || !challenger || !evidence) return null;
  return { challenger: challenger.sha256, evidence, deadlineAt: null, command: approveCommand(model, n) };
}

/** What cannot be asked just now is an answer too. */
async function ask<T>(question: () => Promise<T>): Promise<T | SeawallError> {
  try {
    return await question();
  } catch (error) {
    if (error instanceof SeawallError) return error;
    throw error;
  }
}

async function readStanding({ records }: Reads, model: string): Promise<Standing> {
  for await (const { standing } of newestFirst<AuditRecord>(records, keys.audit(model))) if (standing) return standing;
  return { paused: false, pinned: false };
}

/** Newest records of the latest runs, oldest run first. */
async function latestRecords({ json, records }: Reads, model: string): Promise<RunRecord[]> {
  const numbers = new Set<number>();
  for await (const { key } of json.list(keys.runs(model))) {
    const n = Number(key.slice(keys.runs(model).length).split('/')[0]);
    if (Number.isSafeInteger(n)) numbers.add(n);
  }
  const latest = [...numbers].sort((a, b) => a - b).slice(-RUNS_LOOKED_AT);
  const read = await Promise.all(latest.map((n) => records.newest<RunRecord>(keys.runRecords(model, n))));
  return read.filter((record) => record !== undefined);
}

function lastEnded(records: RunRecord[]): ModelStatus['lastRun'] {
  const last = records.findLast(({ outcome }) => outcome !== null);
  return last?.outcome ? { n: last.n, outcome: last.outcome, at: last.at } : null;
}

/** @param from begin of a window that is known: earlier ones need not be listed */
async function readLastReport({ json }: Reads, model: string, from: string | undefined): Promise<MonitorReport | null> {
  const folder = keys.windows(model);
  let newest: { window: string; revision: number; key: string } | undefined;
  for await (const { key } of json.list(folder, from === undefined ? undefined : `${folder}${keyTime(from)}`)) {
    const match = /^([^/]+)\/rev-(\d+)\.json$/.exec(key.slice(folder.length));
    if (!match?.[1]) continue;
    const found = { window: match[1], revision: Number(match[2]), key };
    const later = !newest || found.window > newest.window;
    if (later || (found.window === newest?.window && found.revision > newest.revision)) newest = found;
  }
  return newest ? ((await json.read<MonitorReport>(newest.key))?.value ?? null) : null;
}

const unknownModel = (model: string): SeawallError =>
  new SeawallError(
    'NotFound',
    `there is no model ${model} in storage`,
    '`seawall status` lists the models; `seawall model apply FILE` makes one.',
  );
