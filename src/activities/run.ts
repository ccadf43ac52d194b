/** A training run's paper: its number, its plan and its record. All are create-once, so a retry finds what was done. */
import {
  type ClaimedRun,
  type ClaimInput,
  keys,
  nothingToLearnFrom,
  type OpenedRun,
  type OpenRun,
  type OpenRunInput,
  type RecordRunInput,
  type RunClaim,
  type RunOutcome,
  type RunPlan,
  type RunRecord,
  SeawallError,
  sequenceKey,
  sequenceOf,
  trainingRunId,
} from '../contracts/index.js';
import { clockOf } from './clock.js';
import { followedVersion } from './followed-dataset.js';
import { priceOf } from './fleet/price.js';
import { newestConfig } from './hydrate.js';
import type { DatasetStore, JsonStore, PointerStore, RecordStore, WatermarkStore } from './ports.js';
import { mapSome } from './sequences.js';
import { trainingFiles } from './training-files.js';

export interface RunPorts {
  json: JsonStore;
  records: RecordStore;
  pointers: PointerStore;
  datasets: DatasetStore;
  watermarks: WatermarkStore;
  /** Whether the namespace has Seawall's search attributes. */
  searchAttributes: boolean;
}

export type RunActivities = ReturnType<typeof createRunActivities>;

export function createRunActivities(ports: RunPorts) {
  return {
    /**
     * The run of this cause: the smallest free number, or the one that the cause already has. A number that was closed as
     * `abandoned` never ran and never will: the cause gets the next free one. With what it will cost, where the pool has a ledger.
     */
    async claimRun(input: ClaimInput): Promise<ClaimedRun> {
      const run = await claimRun(ports.json, input);
      const price = await priceOf(ports, input.model, run.n, input.causeId);
      return price ? { ...run, price } : run;
    },

    /**
     * Makes the number this workflow's own, and pins configuration, files, champion and epoch. The first plan stands.
     * @throws SeawallError `RunNumberTaken`, `NotFound` (no configuration, no dataset version), `BadData` (no file is left)
     */
    async openRun(input: OpenRunInput): Promise<OpenedRun> {
      await own(ports.json, input);
      return openedRun(await planOf(ports, input), ports.searchAttributes);
    },

    /**
     * Writes the record's revision `seq`, once, and says what stands there. A run has one outcome: what comes after it is not
     * written. @throws SeawallError `RunNumberTaken` when the number was closed or used by somebody else
     */
    recordRun: (input: RecordRunInput): Promise<RecordedRun> => recordRun(ports.json, input),
  };
}

export interface RecordedRun {
  seq: number;
  outcome: RunOutcome | null;
}

/** The plan of a run that was opened. @throws SeawallError `NotFound` */
export async function readPlan(json: JsonStore, model: string, n: number): Promise<RunPlan> {
  const stored = await json.read<RunPlan>(keys.runPlan(model, n));
  if (stored) return stored.value;
  throw new SeawallError(
    'NotFound',
    `Run ${n} of "${model}" has no plan at ${keys.runPlan(model, n)}`,
    'The run was never opened, or the storage is another one: compare the prefix of this worker with that of the loop.',
  );
}

// ── Numbers ─────────────────────────────────────────────────────────────────────────────────────────────────────────

async function claimRun(json: JsonStore, { model, causeId }: ClaimInput): Promise<OpenRun> {
  const claims = await readClaims(json, model);
  for (const own of claims.filter((claim) => claim.causeId === causeId)) {
    const record = await newestRecord(json, model, own.n);
    if (record?.outcome?.kind !== 'abandoned') return openRunOf(own);
  }
  const taken = new Set(claims.map((claim) => claim.n));
  for (let n = 1; ; n++) {
    if (taken.has(n)) continue;
    const standing = await claim(json, { model, n, workflowId: trainingRunId(model, n), causeId });
    // Whoever was faster may be an earlier attempt of this very call: both walk upwards, so one meets the other's claim.
    if (standing.causeId === causeId) return openRunOf(standing);
  }
}

/** Claims the number, and says whose it is now. */
async function claim(json: JsonStore, owner: OpenRunInput): Promise<RunClaim> {
  const key = keys.runClaim(owner.model, owner.n);
  const mine: RunClaim = { kind: 'run-claim', schema: 1, ...ownerOf(owner), at: new Date().toISOString() };
  if ((await json.create(key, mine)) === 'created') return mine;
  const standing = await json.read<RunClaim>(key);
  if (!standing) throw new SeawallError('Conflict', `${key} exists and cannot be read`, 'It is tried again.');
  return standing.value;
}

const ownerOf = ({ model, n, workflowId, causeId }: OpenRunInput): OpenRunInput => ({ model, n, workflowId, causeId });
const openRunOf = ({ n, workflowId, causeId }: OpenRun): OpenRun => ({ n, workflowId, causeId });

async function readClaims(json: JsonStore, model: string): Promise<RunClaim[]> {
  const found: string[] = [];
  for await (const { key } of json.list(keys.runs(model))) if (key.endsWith('/claim.json')) found.push(key);
  const claims = await mapSome(found, async (key) => (await json.read<RunClaim>(key))?.value);
  return claims.filter((each) => each !== undefined);
}

async function own(json: JsonStore, input: OpenRunInput): Promise<void> {
  const standing = await claim(json, input);
  const { model, n } = input;
  if (standing.workflowId !== input.workflowId || standing.causeId !== input.causeId) {
    throw taken(model, n, `belongs to ${standing.workflowId}, claimed for "${standing.causeId}" at ${standing.at}`);
  }
  const newest = await newestRecord(json, model, n);
  if (newest?.outcome) throw taken(model, n, `has already ended (${newest.outcome.kind}: ${newest.outcome.text})`);
}

export function taken(model: string, n: number, how: string): SeawallError {
  return new SeawallError(
    'RunNumberTaken',
    `Run number ${n} of "${model}" ${how}`,
    `Start the run under a number that is free: \`seawall retrain ${model}\` finds one.`,
  );
}

// ── The plan ────────────────────────────────────────────────────────────────────────────────────────────────────────

async function planOf(ports: RunPorts, { model, n }: OpenRunInput): Promise<RunPlan> {
  const key = keys.runPlan(model, n);
  const standing = await ports.json.read<RunPlan>(key);
  if (standing) return standing.value;
  const plan = await makePlan(ports, model, n);
  await ports.json.create(key, plan);
  return readPlan(ports.json, model, n);
}

async function makePlan(ports: RunPorts, model: string, n: number): Promise<RunPlan> {
  // The pointer first: if the champion changes while the rest is read, the run's own move will be refused, as it must be.
  const pointer = await ports.pointers.read(model);
  const { config, digest } = await newestConfig(ports.records, model);
  const { name } = config.dataset;
  const version = await followedVersion(ports, config.dataset);
  if (version === undefined) {
    const { what, next } = nothingToLearnFrom(config.dataset);
    throw new SeawallError('NotFound', `"${model}" has nothing to learn from: ${what}`, sentence(next));
  }
  const now = await clockOf(ports, config);
  const { include, ...rest } = await trainingFiles(ports, model, config.dataset, version, now);
  return {
    kind: 'run-plan',
    schema: 1,
    model,
    n,
    configDigest: digest,
    config,
    dataset: { name, version, include: include.map(({ path }) => path), ...rest },
    champion: pointer?.champion ?? null,
    expectedEpoch: pointer?.epoch ?? 0,
    moveId: `${model}/${n}`,
    at: new Date().toISOString(),
  };
}

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

function openedRun({ config, ...plan }: RunPlan, searchAttributes: boolean): OpenedRun {
  const { name, version, include } = plan.dataset;
  return {
    pool: config.trainer.pool,
    maxAttempts: config.trainer.maxAttempts,
    timeoutMs: config.trainer.timeoutMs,
    graceMs: config.trainer.graceMs,
    approvalDeadlineMs: config.approval.deadlineMs,
    configDigest: plan.configDigest,
    dataset: { name, version, files: include.length },
    champion: plan.champion,
    expectedEpoch: plan.expectedEpoch,
    moveId: plan.moveId,
    searchAttributes,
  };
}

// ── The record ──────────────────────────────────────────────────────────────────────────────────────────────────────

async function recordRun(json: JsonStore, input: RecordRunInput): Promise<RecordedRun> {
  const newest = await newestRecord(json, input.model, input.n);
  const behind = newest !== undefined && newest.seq >= input.seq;
  if (newest && (newest.outcome || (behind && !input.outcome))) return alreadyThere(newest, input);
  // A workflow that was reset counts from 1 again; its outcome must not hide below what the first try has recorded.
  const seq = behind ? newest.seq + 1 : input.seq;
  const key = sequenceKey(keys.runRecords(input.model, input.n), seq);
  const record: RunRecord = { kind: 'run', schema: 1, ...input, seq };
  if ((await json.create(key, record)) === 'created') return { seq, outcome: record.outcome };
  const standing = await json.read<RunRecord>(key);
  if (!standing) throw new SeawallError('Conflict', `${key} exists and cannot be read`, 'It is tried again.');
  return alreadyThere(standing.value, input);
}

function alreadyThere(standing: RunRecord, input: RecordRunInput): RecordedRun {
  const { workflowId, causeId, outcome } = standing;
  const foreign = workflowId !== input.workflowId || causeId !== input.causeId;
  if (foreign && outcome) throw taken(input.model, input.n, `was closed (${outcome.kind}): ${outcome.text}`);
  if (foreign) throw taken(input.model, input.n, `belongs to ${workflowId}, started for "${causeId}"`);
  return { seq: standing.seq, outcome };
}

/** The truth about the run, as far as it has come; undefined: nothing was recorded yet. */
export async function newestRecord(json: JsonStore, model: string, n: number): Promise<RunRecord | undefined> {
  let newest: string | undefined;
  for await (const { key } of json.list(`${keys.runRecords(model, n)}/`))
    if (sequenceOf(key) !== undefined) newest = key;
  return newest === undefined ? undefined : (await json.read<RunRecord>(newest))?.value;
}
