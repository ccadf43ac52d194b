/**
 * Models that all want to train queue behind a freeze; the budget is for fewer. Meanwhile workers are killed at random. In the end
 * exactly the best must have been started, each once: by their records, by Temporal's list, and by the ledger.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';
import { parseModelConfig } from '../../src/adapters/model-config.js';
import { readLedger } from '../../src/cli/budget-history.js';
import { applyConfig } from '../../src/cli/model.js';
import { createSeawallClient } from '../../src/client/index.js';
import { type GpuUse, keys, type LedgerRecord, MS_PER_GPU_HOUR, type RunRecord } from '../../src/contracts/index.js';
import { packageRoot } from '../../src/workers/package-root.js';
import { writeFlights } from './steps.js';
import { collect, startSystem, type System, until } from './system.js';

export interface StormOptions {
  seed: number;
  models: number;
  winners: number;
  kills: number;
  print: (line: string) => void;
}

const POOL = 'default';
const PHASE_WITHIN_MS = 20 * 60_000;

/** Mulberry32: small, and the same everywhere. */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Contender {
  model: string;
  firstRunMs: number;
  value: number;
}

/** Shorter than the trainer takes, so that no budget comes back: it would be given to the next. */
function contenders({ models, seed }: StormOptions): Contender[] {
  const random = randomFrom(seed);
  return Array.from({ length: models }, (_, i) => ({
    model: `model-${String(i + 1).padStart(2, '0')}`,
    firstRunMs: 1_000 * (1 + Math.floor(random() * 4)),
    value: 1 + Math.floor(random() * 1_000_000) / 1_000,
  }));
}
const TRAINER_SECONDS = 5;

const configOf = ({ model, firstRunMs, value }: Contender): string => `
name: ${model}
features: { hour: int64, distance: float32, origin: string }
label: { column: late }
dataset: { name: shared, rowId: row_id }
trainer:
  command: [sh, -c, 'sleep ${TRAINER_SECONDS}; exit 65']
  device: cpu
  pool: ${POOL}
  maxAttempts: 30
  budget: { firstRun: ${firstRunMs / 1_000}s, value: ${value} }
`;

export async function budgetStorm(options: StormOptions): Promise<void> {
  const { winners, print } = options;
  const all = contenders(options);
  const rank = [...all].sort((a, b) => b.value / b.firstRunMs - a.value / a.firstRunMs);
  const best = rank.slice(0, winners);
  const budgetMs = best.reduce((sum, { firstRunMs }) => sum + firstRunMs, 0);
  const system = await startSystem(`budget-${randomUUID().slice(0, 8)}`, false);
  const workers = startWorkers(system, options);
  try {
    await prepare(system, all);
    const hours = String(budgetMs / MS_PER_GPU_HOUR);
    await insist(system, 'freeze', POOL, '--message-id', 'freeze-1', '--reason', 'until all have asked');
    await insist(
      system,
      'budget',
      'set',
      POOL,
      '--gpu-hours',
      Number(hours).toFixed(9),
      '--per',
      'month',
      '--collect-for',
      '1s',
    );
    const storm = workers.storm();
    const client = createSeawallClient({
      connection: system.client.connection,
      namespace: system.client.options.namespace,
    });
    for (const { model } of all) await client.startLoop(model);
    await until(
      'all wait behind the freeze',
      async () => (await ledger(system))?.table.entries.length === all.length,
      PHASE_WITHIN_MS,
    );
    print(`all ${all.length} wait after ${workers.kills()} kills`);
    workers.letLoose();
    await insist(system, 'unfreeze', POOL, '--message-id', 'unfreeze-1');
    await until('somebody has it', async () => reserved(await ledger(system)) > 0, PHASE_WITHIN_MS);
    print(`the first are granted after ${workers.kills()} kills`);
    await until('the budget is settled', async () => settled(await ledger(system)).length >= winners, PHASE_WITHIN_MS);
    print(`${winners} are settled after ${workers.kills()} kills`);
    workers.calm();
    await storm;
    await until(
      'nothing is open',
      async () => (await ledger(system))?.table.entries.every(({ state }) => state !== 'reserved') ?? false,
      PHASE_WITHIN_MS,
    );
    await delay(5_000); // whoever would start one too many has time to
    await look(system, best.length, options.models);
    await judge(
      system,
      best.map(({ model }) => model),
      all.length,
      budgetMs,
      print,
    );
  } finally {
    await workers.stop();
    await system.stop();
  }
}

async function prepare(system: System, all: readonly Contender[]): Promise<void> {
  const folder = join(system.folder, 'data');
  await mkdir(folder);
  await writeFlights(join(folder, '2001-02-05.parquet'), 0, 200);
  const { code, stderr } = await system.seawall('dataset', 'commit', 'shared', folder);
  expect(code, stderr).toBe(0);
  for (const each of all) await applyConfig(system.store, parseModelConfig(configOf(each), each.model), 'test');
}

/** A command whose worker is killed under it says so; the same message id again is the same message. */
async function insist(system: System, ...args: string[]): Promise<void> {
  await until(args.join(' '), async () => (await system.seawall(...args)).code === 0, PHASE_WITHIN_MS);
}

const ledger = ({ store }: System) => store.records.newest<LedgerRecord>(keys.ledger(POOL));
const reserved = (record: LedgerRecord | undefined) =>
  (record?.table.entries ?? []).filter(({ state }) => state === 'reserved' || state === 'settled').length;
const settled = (record: LedgerRecord | undefined) =>
  (record?.table.entries ?? []).filter(({ state }) => state === 'settled');

/** The commands say the same. */
async function look(system: System, winners: number, models: number): Promise<void> {
  const show = await system.seawall('budget', 'show', POOL, '--json');
  const status = JSON.parse(show.stdout) as { state: string; running: unknown[]; waiting: { text: string }[] };
  expect(status).toMatchObject({ state: 'short', running: [] });
  expect(status.waiting).toHaveLength(models - winners);
  for (const { text } of status.waiting)
    expect(text).toMatch(/are spent and .* reserved: (the next month begins|raise the budget)/);
  const history = await system.seawall('budget', 'history', POOL);
  expect(history.code, history.stdout).toBe(0);
  expect(history.stdout).toContain('each gives the table that was stored');
  // A loop whose worker has just died does not answer at once.
  let states: string[] = [];
  await until('the loops answer that they wait', async () => {
    const told = JSON.parse((await system.seawall('status', '--json')).stdout) as { models: { state: string }[] };
    states = told.models.map(({ state }) => state);
    return states.filter((state) => state === 'awaitingBudget').length === models - winners;
  }).catch((cause: unknown) => {
    throw new Error(`the loops are ${states.join(', ')}`, { cause });
  });
}

async function judge(
  { store }: System,
  best: string[],
  models: number,
  budgetMs: number,
  print: StormOptions['print'],
): Promise<void> {
  const steps = await collect(store.records.list<LedgerRecord>(keys.ledger(POOL)));
  const { facts, disagreeing } = readLedger(steps);
  const of = (what: string) => facts.filter((fact) => fact.what === what).map(({ id }) => id);
  const wanted = best.map((model) => `${model}/1`).toSorted();
  expect(of('granted').toSorted()).toEqual(wanted);
  expect(of('settled').toSorted()).toEqual(wanted);
  expect(of('asked').toSorted()).toHaveLength(models);
  expect(disagreeing).toEqual([]);

  const started = new Map<string, RunRecord>();
  let usedMs = 0;
  for await (const { key } of store.json.list(keys.models)) {
    const run = /^models\/([^/]+)\/runs\/(\d+)\//.exec(key);
    if (!run) continue;
    const id = `${run[1]}/${run[2]}`;
    if (key.includes('/record/')) started.set(id, (await store.json.read<RunRecord>(key))!.value);
    if (key.endsWith('.ended.json')) usedMs += ((await store.json.read<GpuUse>(key))!.value.seconds ?? 0) * 1_000;
  }
  expect([...started.keys()].toSorted()).toEqual(wanted);
  expect([...started.values()].map(({ outcome }) => outcome?.kind)).toEqual(wanted.map(() => 'failed'));

  const { table } = steps.at(-1)!;
  const waiting = table.entries.filter(({ state }) => state === 'waiting');
  expect(waiting).toHaveLength(models - best.length);
  const booked = table.entries.reduce((sum, entry) => sum + (entry.usedMs ?? 0), 0);
  expect(booked).toBeGreaterThanOrEqual(Math.floor(usedMs)); // attempts whose worker was killed have an estimate of their own
  expect(booked).toBeGreaterThanOrEqual(budgetMs);
  const attempts = [...started.values()].reduce((sum, record) => sum + record.attempts.length, 0);
  print(
    `started: ${wanted.join(', ')}, in ${attempts} attempts; ${waiting.length} wait; ${steps.length} stored steps, all follow`,
  );
}

interface Workers {
  /** Kills until it is told to calm down, at least as often as it was told, half of it before it is let loose; resolves then. */
  storm(): Promise<void>;
  letLoose(): void;
  calm(): void;
  kills(): number;
  stop(): Promise<void>;
}

function startWorkers(system: System, { seed, kills: wanted, print }: StormOptions): Workers {
  const random = randomFrom(seed + 1);
  const env = { ...process.env, ...system.stack.appEnv, SEAWALL_LOG_LEVEL: 'error' };
  const start = (kind: string): ChildProcess =>
    spawn(process.execPath, [join(packageRoot, 'bin', 'seawall.js'), 'worker', kind, '--exit-with-parent'], {
      env,
      cwd: system.folder,
      stdio: 'ignore',
    });
  const kinds = ['loop', 'gpu'] as const;
  const running = new Map<string, ChildProcess>(kinds.map((kind) => [kind, start(kind)]));
  let kills = 0;
  let loose = false;
  let calm = false;
  let stopping = false;
  const end = async (kind: string): Promise<void> => {
    const child = running.get(kind);
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  };
  return {
    kills: () => kills,
    letLoose: () => void (loose = true),
    calm: () => void (calm = true),
    storm: async () => {
      while ((kills < wanted || !calm) && !stopping) {
        // What a killed worker was at is done by the next one after a minute at the latest.
        const waitMs = 1_000 + random() * (loose ? 19_000 : 9_000);
        await delay(waitMs);
        if (stopping) return;
        if (!loose && kills >= wanted / 2) continue;
        const kind = random() < 0.7 ? 'loop' : 'gpu';
        await end(kind);
        kills += 1;
        print(`| ${kills} | ${(waitMs / 1_000).toFixed(1)} | worker ${kind} | SIGKILL |`);
        running.set(kind, start(kind));
      }
    },
    stop: async () => {
      stopping = true;
      await Promise.all(kinds.map(end));
    },
  };
}
