/** What a run is expected to cost and to bring, fixed once: what its pool's ledger ranks and reserves. */
import {
  type ConfigRevision,
  type DecisionRecord,
  keys,
  type ModelConfig,
  MS_PER_GPU_HOUR,
  type Price,
  type RunReservation,
} from '../../contracts/index.js';
import type { JsonStore, RecordStore } from '../ports.js';
import { listRuns, readRun } from '../run-index.js';

export interface PricePorts {
  json: JsonStore;
  records: RecordStore;
}

const RUNS_LEARNT_FROM = 3;
const RUNS_LOOKED_AT = 20;
/** Without any model nothing serves at all: such a run goes before one that repairs. In times of a signal's limit. */
const FIRST_MODEL_BENEFIT = 10;
/** One broken number must not take the whole budget. */
const MAX_SEVERITY = 100;

/** The price of the run that decision `causeId` has bought; null: its pool has no ledger, so nothing need be reserved. */
export async function priceOf(ports: PricePorts, model: string, n: number, causeId: string): Promise<Price | null> {
  const key = keys.runReservation(model, n);
  const standing = await ports.json.read<RunReservation>(key);
  if (standing) return priceIn(standing.value);
  // Without a configuration there is nothing to run: opening the run says so.
  const config = (await ports.records.newest<ConfigRevision>(keys.configRevisions(model)))?.config;
  if (!config || !(await hasLedger(ports.json, config.trainer.pool))) return null;
  const cost = await expectedCost(ports.json, config);
  const gain = await expectedBenefit(ports.records, config, causeId);
  const reservation: RunReservation = {
    kind: 'run-reservation',
    schema: 1,
    model,
    n,
    pool: config.trainer.pool,
    gpuMs: cost.gpuMs,
    benefit: gain.benefit,
    clock: config.clock,
    text: `${cost.text}; ${gain.text}`,
    at: new Date().toISOString(),
  };
  if ((await ports.json.create(key, reservation)) === 'created') return priceIn(reservation);
  return priceIn((await ports.json.read<RunReservation>(key))?.value ?? reservation);
}

const priceIn = ({ pool, gpuMs, benefit, clock, text }: RunReservation): Price => ({
  pool,
  gpuMs,
  benefit,
  clock,
  text,
});

/** A pool is governed from its first budget, freeze or ledger record on, whatever its models are configured like. */
async function hasLedger(json: JsonStore, pool: string): Promise<boolean> {
  for await (const _ of json.list(keys.fleet(pool))) return true;
  return false;
}

/** The median of what the last three trainings took, as their records say; for the first one what the configuration says. */
async function expectedCost(json: JsonStore, { name, trainer }: ModelConfig): Promise<{ gpuMs: number; text: string }> {
  const seconds: number[] = [];
  const runs = (await listRuns(json, name)).slice(-RUNS_LOOKED_AT).reverse();
  for (const each of runs) {
    const record = (await readRun(json, name, each))?.record;
    if (record?.outcome && record.trainSeconds !== null) seconds.push(record.trainSeconds);
    if (seconds.length === RUNS_LEARNT_FROM) break;
  }
  if (seconds.length > 0) {
    const gpuMs = Math.max(1, Math.ceil(median(seconds) * 1000));
    return { gpuMs, text: `${inHours(gpuMs)}, the median of the last ${seconds.length} trainings` };
  }
  const gpuMs = Math.max(1, trainer.budget?.firstRunMs ?? trainer.timeoutMs);
  const source = trainer.budget?.firstRunMs === undefined ? 'trainer.timeout' : 'trainer.budget.firstRun';
  return { gpuMs, text: `${inHours(gpuMs)}, as ${source} says` };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2;
}

const inHours = (gpuMs: number): string => `${Number((gpuMs / MS_PER_GPU_HOUR).toPrecision(3))} GPU-hours`;

/** How many times its limit the worst signal is that asks for a retrain, times the model's value. */
async function expectedBenefit(
  records: RecordStore,
  { name, trainer }: ModelConfig,
  causeId: string,
): Promise<{ benefit: number; text: string }> {
  const seq = Number(/^decision\/(\d+)$/.exec(causeId)?.[1] ?? 0);
  const decision = seq > 0 ? await records.read<DecisionRecord>(keys.decisions(name), seq) : undefined;
  const value = trainer.budget?.value ?? 1;
  const { times, why } = severityOf(decision);
  return { benefit: times * value, text: `${why} (${Number(times.toPrecision(3))}), value ${value}` };
}

/** A person's request without a signal counts as a signal at its limit. */
export function severityOf(decision: Pick<DecisionRecord, 'trigger' | 'rules'> | undefined): {
  times: number;
  why: string;
} {
  if (decision?.trigger === 'firstModel') return { times: FIRST_MODEL_BENEFIT, why: 'the first model' };
  let worst = { times: 1, why: 'no signal above its limit' };
  for (const { rule, fired, action, value, threshold } of decision?.rules ?? []) {
    if (!fired || action !== 'retrain' || typeof value !== 'number' || typeof threshold !== 'number' || threshold <= 0)
      continue;
    const times = Math.min(MAX_SEVERITY, value / threshold);
    if (times > worst.times) worst = { times, why: `${rule} in times of its limit` };
  }
  return worst;
}
