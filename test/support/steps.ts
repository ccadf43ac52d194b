/** What tests of the steps share: a store of their own on the real server, a small dataset, and calls that break off. */
import { chmod, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { splitHoldout } from '../../src/adapters/duckdb/index.js';
import { createDatasetCache } from '../../src/adapters/dataset-cache.js';
import { createStore, type Store } from '../../src/adapters/store/index.js';
import { createMaterialize, type Materialize } from '../../src/activities/materialize.js';
import { canonicalJson, type ConfigRevision, keys, type ModelConfig } from '../../src/contracts/index.js';
import { createHash, randomUUID } from 'node:crypto';
import { type S3Server, startS3 } from './s3.js';

export const MODEL = 'flights';
export const NAMESPACE = 'steps';

export interface Steps {
  store: Store;
  home: string;
  s3: S3Server;
}
export interface StepsServer {
  /** A prefix and a home of its own. */
  fresh(): Promise<Steps>;
  stop(): Promise<void>;
}

export async function startSteps(): Promise<StepsServer> {
  const s3 = await startS3();
  const root = await mkdtemp(join(tmpdir(), 'seawall-steps-'));
  const stores: Store[] = [];
  return {
    fresh: async () => {
      const name = randomUUID();
      const store = createStore({ ...s3.options, prefix: name });
      stores.push(store);
      const home = join(root, name);
      await mkdir(home, { recursive: true });
      return { store, home, s3 };
    },
    stop: async () => {
      for (const store of stores) store.close();
      await s3.stop();
      await makeWritable(root);
      await rm(root, { recursive: true, force: true });
    },
  };
}

async function makeWritable(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) await makeWritable(join(folder, entry.name));
  }
}

/** The activity's context, without a server; warnings about errors that a test provokes are not shown. */
export const environment = (): MockActivityEnvironment =>
  new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') });

/** Runs an activity as a worker would, without a server. */
export function act<I, O>(fn: (input: I) => Promise<O>, input: I, env = environment()): Promise<O> {
  return env.run(fn, input);
}

export function configOf(change: Partial<ModelConfig> = {}): ModelConfig {
  return {
    name: MODEL,
    task: 'binary',
    clock: 'feed',
    windows: { everyMs: 604_800_000, anchor: '2001-02-05T00:00:00.000Z', allowedLatenessMs: 0 },
    features: [
      { name: 'hour', type: 'int64' },
      { name: 'distance', type: 'float32' },
      { name: 'origin', type: 'string' },
    ],
    label: { column: 'late', maturity: 0.9, deadlineMs: 1_209_600_000 },
    dataset: { name: MODEL, rowId: 'row_id' },
    holdout: { hashFraction: 0.25 },
    trainer: {
      run: { use: 'xgboost' },
      params: { trees: 10, depth: 3, threads: 1 },
      seed: 7,
      pool: 'default',
      device: 'cudaOrCpu',
      timeoutMs: 60_000,
      graceMs: 5_000,
      maxAttempts: 3,
    },
    monitor: {
      minRows: 10,
      nullShare: { warn: 0.1, block: 0.5 },
      unseenShare: { warn: 0.1, block: 0.5 },
      outOfRangeShare: { warn: 0.1, block: 0.5 },
      slices: [],
      feed: {
        drop: { warn: 0.3, block: 0.6 },
        rise: 1,
        gap: { warn: 0, block: 0.5 },
        duplicates: { warn: 0.01, block: 0.5 },
        late: { warn: 0.01, block: 1 },
      },
      schema: { columns: {}, extra: 'off' },
    },
    gate: {
      performance: {
        aucDrop: 0.02,
        logLossRise: 0.02,
        accuracyDrop: 0.02,
        rmseRise: 0.1,
        minLabelled: 100,
        minMaturity: 0.5,
      },
      drift: { warnPsi: 0.1, featurePsi: 0.25, predictionPsi: 0.25, falseAlarms: 0.05 },
      cooldownMs: 0,
    },
    promotion: { metric: 'logLoss', minGain: 0 },
    approval: { mode: 'auto', minGain: 0, deadlineMs: 3_600_000 },
    ...change,
  };
}

export async function applyConfig({ store }: Steps, config = configOf()): Promise<ConfigRevision> {
  const digest = createHash('sha256').update(canonicalJson(config)).digest('hex');
  const at = new Date().toISOString();
  const causeId = `test/${randomUUID()}`;
  return store.records.append<ConfigRevision>(keys.configRevisions(MODEL), causeId, (seq) => ({
    kind: 'model-config',
    schema: 1,
    seq,
    causeId,
    digest,
    config,
    by: 'test',
    at,
  }));
}

/** Runs statements in a DuckDB of their own; the last one's rows. */
export async function sql<T = Record<string, unknown>>(...statements: string[]): Promise<T[]> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await instance.connect();
  try {
    let rows: unknown[] = [];
    for (const statement of statements) rows = (await connection.runAndReadAll(statement)).getRowObjectsJS();
    return rows as T[];
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/**
 * Flights of one week, whose lateness follows from hour and distance with some chance; the same seed gives the same rows.
 * `row_id` counts from `first`.
 */
export async function writeFlights(path: string, first: number, rows: number): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const chance = (salt: string) => `((hash(i, '${salt}') % 100000)::DOUBLE / 100000)`;
  await sql(`COPY (
    SELECT i::BIGINT AS row_id, h::BIGINT AS hour, d::FLOAT AS distance, o AS origin,
           (${chance('late')} < 1 / (1 + exp(2.5 - 0.2 * h + 0.0005 * d)))::INTEGER AS late
    FROM (SELECT i, (hash(i, 'h') % 24) AS h, 100 + (hash(i, 'd') % 2000) AS d,
                 ['SEA', 'ORD', 'JFK', 'LAX'][(1 + hash(i, 'o') % 4)::INTEGER] AS o
          FROM range(${first}, ${first + rows}) t(i))
    ORDER BY row_id) TO '${path}' (FORMAT parquet)`);
}

export const WEEKS = ['2001-02-05', '2001-02-12', '2001-02-19'] as const;

/** Three weeks of 800 flights each, committed. */
export async function commitWeeks({ store, home }: Steps, rows = 800): Promise<string> {
  const files = [];
  for (const [i, week] of WEEKS.entries()) {
    const localFile = join(home, 'source', `${week}.parquet`);
    await writeFlights(localFile, i * rows, rows);
    files.push({ path: `week=${week}/flights.parquet`, localFile });
  }
  return (await store.datasets.commitVersion(MODEL, files, { by: 'test' })).version;
}

export function materializeOf({ store, home }: Steps, namespace = NAMESPACE): Materialize {
  const cache = createDatasetCache({ home, blobs: store.blobs, limitBytes: 1e9 });
  return createMaterialize({
    datasets: store.datasets,
    cache,
    splitHoldout: (files, rule, trainDir, holdoutFile) =>
      splitHoldout({ tempDir: join(home, 'tmp') }, files, rule, trainDir, holdoutFile),
    home,
    namespace,
  });
}

export class Crash extends Error {}

/**
 * The same ports, whose `at`-th call (from 1) breaks off: before its effect, or after it. One counter goes over all ports.
 * `calls()` says how many there were.
 */
export function crashing<P extends Record<string, object>>(
  ports: P,
  at: number,
  when: 'before' | 'after',
): P & { calls(): number } {
  let calls = 0;
  const wrap = (port: object): object =>
    new Proxy(port, {
      get(target, name) {
        const member = Reflect.get(target, name) as unknown;
        if (typeof member !== 'function') return member;
        return (...args: unknown[]) => {
          calls += 1;
          const mine = calls === at;
          if (mine && when === 'before') throw new Crash(`before ${String(name)}`);
          const result = (member as (...args: unknown[]) => unknown).apply(target, args);
          if (!mine || !(result instanceof Promise)) return result;
          return result.then(() => {
            throw new Crash(`after ${String(name)}`);
          });
        };
      },
    });
  const wrapped = Object.fromEntries(Object.entries(ports).map(([name, port]) => [name, wrap(port)])) as P;
  return { ...wrapped, calls: () => calls };
}

/** All keys below `prefix`. */
export async function keysBelow({ store }: Steps, prefix: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of store.json.list(prefix)) found.push(key);
  return found;
}
