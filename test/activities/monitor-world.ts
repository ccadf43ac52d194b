/** A model in production on a real S3 server: configuration, champion with its reference, logs. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { createGateActivities } from '../../src/activities/gate.js';
import { createMonitorActivities, type MonitorPorts } from '../../src/activities/monitor.js';
import { buildReference, createLogAnalysis } from '../../src/adapters/duckdb/index.js';
import { createStore, type Store, type StoreOptions } from '../../src/adapters/store/index.js';
import {
  type ConfigRevision,
  keys,
  type ModelConfig,
  type Observation,
  type ObserveInput,
  type ReleaseRecord,
} from '../../src/contracts/index.js';
import { config as sample } from '../domain/decisions/samples.js';

export const MODEL = 'late';
export const DAY_MS = 86_400_000;
export const day = (n: number, time = '00:00:00.000'): string => `2001-02-${String(n).padStart(2, '0')}T${time}Z`;

/** Daily windows from 2001-02-05; a verdict is final with 90 % of the labels, or 7 days after the window. */
export const config: ModelConfig = {
  ...sample,
  windows: { everyMs: DAY_MS, anchor: day(5), allowedLatenessMs: 0 },
  label: { column: 'late', maturity: 0.9, deadlineMs: 7 * DAY_MS },
  monitor: { ...sample.monitor, minRows: 20, slices: ['origin'] },
  gate: { ...sample.gate, performance: { ...sample.gate.performance, minLabelled: 20 } },
};

export interface Traffic {
  release?: number;
  /** How the hour of the i-th row comes about. */
  hour?: (i: number) => unknown;
}
export type Row = Record<string, unknown>;
export type World = Awaited<ReturnType<typeof createWorld>>;

let worlds = 0;

export async function createWorld(s3: StoreOptions, change: Partial<ModelConfig> = {}) {
  const prefix = `world-${worlds++}`;
  const store = createStore({ ...s3, prefix });
  const folder = await mkdtemp(join(tmpdir(), 'monitor-'));
  await applyConfig(store, { ...config, ...change });
  const workflows = new Map<string, 'running' | 'closed' | 'missing'>();
  const deadlines = new Map<string, string>();
  const counters = { profiles: 0, performances: 0, labelFiles: 0, downloads: 0 };
  const analysis = createLogAnalysis({ tempDir: join(folder, 'duckdb') });
  const clock = { wallMs: Date.parse(day(5)) };
  const ports: MonitorPorts = {
    ...store,
    files: { ...store.files, download: (key, path) => (counters.downloads++, store.files.download(key, path)) },
    inspector: {
      state: (id) => Promise.resolve(workflows.get(id) ?? 'missing'),
      deadlineOf: (id) => Promise.resolve(deadlines.get(id) ?? null),
    },
    logs: {
      readWindow: (request) => (counters.profiles++, analysis.readWindow(request)),
      readLabels: (request) => (
        counters.performances++,
        (counters.labelFiles += request.files.length),
        analysis.readLabels(request)
      ),
    },
    workDir: join(folder, 'work'),
    wallNow: () => clock.wallMs,
  };
  await mkdir(ports.workDir);
  let files = 0;
  return {
    prefix,
    store,
    ports,
    workflows,
    deadlines,
    counters,
    clock,
    /** As an activity, so with its heartbeat; cancelled at once when `cancelled`. */
    observe: (input: Partial<ObserveInput> = {}, cancelled = false): Promise<Observation> => {
      const environment = new MockActivityEnvironment();
      if (cancelled) environment.cancel();
      const { observe } = createMonitorActivities(ports);
      return environment.run(observe, { model: MODEL, monitoredTo: null, openWindows: [], openRuns: [], ...input });
    },
    gate: createGateActivities(store).gate,
    goLive: (release: number, at = day(5)) => goLive(store, folder, release, at),
    log: async (
      kind: 'predictions' | 'labels',
      n: number,
      rows: Row[],
      name = `part-${files++}.jsonl`,
    ): Promise<string> => {
      const path = join(folder, `upload-${files++}`);
      await writeFile(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
      const key = keys.logObject(kind, MODEL, day(n).slice(0, 10), name);
      await store.files.upload(key, path);
      return key;
    },
    applyConfig: (next: Partial<ModelConfig>) => applyConfig(store, { ...config, ...change, ...next }),
    close: async () => {
      store.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function applyConfig(store: Store, config: ModelConfig): Promise<void> {
  const causeId = `test/${JSON.stringify(config).length}/${Math.random()}`;
  await store.records.append<ConfigRevision>(keys.configRevisions(MODEL), causeId, (seq) => ({
    kind: 'model-config',
    schema: 1,
    seq,
    causeId,
    digest: String(seq).padStart(64, '0'),
    config,
    by: 'test',
    at: day(1),
  }));
}

/** Rows of one kind everywhere: hours round the clock, two airports, and scores that mostly know. */
const features = (i: number, { hour }: Traffic): Row => ({
  hour: hour ? hour(i) : i % 24,
  origin: i % 3 === 0 ? 'ORD' : 'ATL',
});
const truth = (i: number): number => (i % 4 === 0 ? 1 : 0);
const score = (i: number): number => (truth(i) ? 0.75 : 0.25) + (i % 8 < 2 ? 0 : 0.0625) * (i % 2 ? 1 : -1);

export const predictions = (n: number, count: number, traffic: Traffic = {}): Row[] =>
  Array.from({ length: count }, (_, i) => ({
    _prediction_id: `d${n}-${i}`,
    _event_time: day(n, `10:${String(i % 60).padStart(2, '0')}:00.000`),
    _release: traffic.release ?? 1,
    _epoch: 1,
    _arm: 'champion',
    ...features(i, traffic),
    prediction: 0,
    score: score(i),
  }));
/** @param wrong labels that say the opposite of what the scores know */
export const labels = (n: number, from: number, to: number, wrong = false): Row[] =>
  Array.from({ length: to - from }, (_, k) => ({
    _prediction_id: `d${n}-${from + k}`,
    label: wrong ? 1 - truth(from + k) : truth(from + k),
    _label_time: day(n + 3),
    _seq: 1,
  }));

async function goLive(store: Store, folder: string, release: number, at: string): Promise<void> {
  const path = join(folder, `reference-${release}.jsonl`);
  const rows = Array.from({ length: 960 }, (_, i) => ({ ...features(i, {}), score: score(i), late: truth(i) }));
  await writeFile(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  const profile = await buildReference(
    { tempDir: folder },
    {
      ...{ files: [path], features: config.features, labelColumn: 'late', task: 'binary', slices: ['origin'] },
      outputs: [{ name: 'score', column: 'score' }],
    },
  );
  const reference = (await store.blobs.putJson(profile)).sha256;
  const sha256 = String(release).repeat(64).slice(0, 64);
  const causeId = `run/${release}`;
  await store.records.append<ReleaseRecord>(keys.releases(MODEL), causeId, (seq) => ({
    kind: 'release',
    schema: 1,
    seq,
    causeId,
    model: MODEL,
    release: seq,
    artifact: { sha256, size: 1 },
    dataset: { name: 'flights', version: 'd'.repeat(64) },
    run: release,
    reference,
    holdout: sha256,
    evidence: sha256,
    approval: { verdict: 'automatic', by: 'test', reason: null, at, challenger: sha256, evidence: sha256 },
    at,
  }));
  const expectedEpoch = (await store.pointers.read(MODEL))?.epoch ?? 0;
  const move = { moveId: `move-${release}`, release, by: 'test', reason: 'test', at, sha256, expectedEpoch };
  await store.pointers.move(MODEL, move);
}
