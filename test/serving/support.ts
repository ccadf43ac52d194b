/** A serving process against a real S3 server, and releases to serve. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { keys, sequenceKey } from '../../src/contracts/index.js';
import type { LivePointer, ReleaseRecord } from '../../src/contracts/index.js';
import { createStore } from '../../src/adapters/store/index.js';
import type { Store } from '../../src/adapters/store/index.js';
import type { ServingLogger, ServingOptions, ServingStore } from '../../src/serving/ports.js';
import { startServing } from '../../src/serving/server.js';
import type { Serving } from '../../src/serving/server.js';
import type { S3Server } from '../support/s3.js';

export const fixture = (name: string): string => resolve(import.meta.dirname, '../fixtures/models', `${name}.onnx`);

const BIAS = Buffer.from(new Float32Array([0.123456789]).buffer);

/** The model `flights` with another bias: its scores tell which release gave them. */
export async function flightsModel(bias: number): Promise<Buffer> {
  const bytes = await readFile(fixture('flights'));
  const at = bytes.indexOf(BIAS);
  if (at < 0) throw new Error('the fixture has no bias to replace');
  Buffer.from(new Float32Array([bias]).buffer).copy(bytes, at);
  return bytes;
}

const WEIGHTS: Record<string, number> = { SEA: -0.5, ORD: 0.75, JFK: 0.25 };
/** What the model must answer. */
export function expectedScore(bias: number, hour: number, distance: number, origin: string): number {
  return 1 / (1 + Math.exp(-(bias + 0.1 * hour - 0.001 * distance + (WEIGHTS[origin] ?? 0))));
}
export const biasOf = (release: number): number => -1 + release * 0.1;

export async function temporaryFolder(): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'seawall-serving-'));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

export function testStore(s3: S3Server, prefix: string): Store {
  return createStore({ ...s3.options, prefix, retries: 1 });
}
export const servingPorts = (store: Store): ServingStore => ({
  read: (key) => store.json.read(key),
  list: (prefix, after) => store.json.list(prefix, after),
  fetchTo: (sha256, path, signal) => store.blobs.fetchTo(sha256, path, signal),
  upload: (key, path) => store.files.upload(key, path),
});

/** Stores the bytes as a release, and moves the live pointer there. */
export async function release(store: Store, model: string, number: number, bytes: Buffer): Promise<LivePointer> {
  const folder = await temporaryFolder();
  const path = join(folder.path, 'model.onnx');
  await writeFile(path, bytes);
  const artifact = await store.blobs.putFile(path);
  await folder.remove();
  const digest = '0'.repeat(64);
  const at = new Date().toISOString();
  const record: ReleaseRecord = {
    kind: 'release',
    schema: 1,
    seq: number,
    causeId: `run/${number}`,
    model,
    release: number,
    artifact,
    dataset: { name: model, version: digest },
    run: number,
    reference: digest,
    holdout: digest,
    evidence: digest,
    approval: { verdict: 'automatic', by: 'test', reason: null, at, challenger: artifact.sha256, evidence: digest },
    at,
  };
  await store.json.create(sequenceKey(keys.releases(model), number), record);
  return movePointer(store, model, number, artifact.sha256);
}

export async function movePointer(store: Store, model: string, number: number, sha256: string): Promise<LivePointer> {
  const epoch = (await store.pointers.read(model))?.epoch ?? 0;
  const move = {
    moveId: `${model}-${epoch + 1}`,
    release: number,
    by: 'test',
    reason: 'test',
    at: new Date().toISOString(),
  };
  return store.pointers.move(model, { ...move, sha256, expectedEpoch: epoch });
}

export interface Logged {
  level: 'info' | 'warn' | 'error';
  fields: Record<string, unknown>;
  message: string;
}
/** A logger that remembers, and lets a test wait for a line. */
export function testLogger(): ServingLogger & {
  lines: Logged[];
  waitFor(message: string, fields?: Record<string, unknown>): Promise<Logged>;
} {
  const lines: Logged[] = [];
  const waiting = new Set<(line: Logged) => void>();
  const at = (level: Logged['level']) => (fields: object, message: string) => {
    const line = { level, fields: fields as Record<string, unknown>, message };
    lines.push(line);
    for (const look of waiting) look(line);
  };
  return {
    lines,
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    waitFor: (message, fields = {}) =>
      new Promise((resolve) => {
        const look = (line: Logged): void => {
          const matches = Object.entries(fields).every(([name, value]) => line.fields[name] === value);
          if (!matches || !line.message.includes(message)) return;
          waiting.delete(look);
          resolve(line);
        };
        waiting.add(look);
        lines.forEach(look);
      }),
  };
}

export type TestServing = Serving & { logger: ReturnType<typeof testLogger> };
export async function serve(store: Store, home: string, options: Partial<ServingOptions> = {}): Promise<TestServing> {
  const logger = testLogger();
  const all: ServingOptions = { home, host: '127.0.0.1', port: 0, pointerPollMs: 50, discoveryPollMs: 100, ...options };
  return { ...(await startServing(all, servingPorts(store), logger)), logger };
}

export interface Row {
  hour: number;
  distance: number;
  origin: string;
}
export const oneRow: Row = { hour: 9, distance: 800, origin: 'ORD' };

/** The body of an inference request. */
export function body(
  rows: readonly Row[],
  extra: object[] = [],
  id?: string,
): Record<string, unknown> & { inputs: Tensor[] } {
  const shape = [rows.length, 1];
  return {
    ...(id && { id }),
    inputs: [
      { name: 'hour', shape, datatype: 'INT64', data: rows.map((row) => row.hour) },
      { name: 'distance', shape, datatype: 'FP32', data: rows.map((row) => row.distance) },
      { name: 'origin', shape, datatype: 'BYTES', data: rows.map((row) => row.origin) },
      ...(extra as Tensor[]),
    ],
  };
}
export interface Tensor {
  name: string;
  shape: unknown;
  datatype: string;
  data: unknown;
}
export const bytesTensor = (name: string, data: string[]): Tensor => ({
  name,
  shape: [data.length, 1],
  datatype: 'BYTES',
  data,
});

export interface InferAnswer {
  status: number;
  headers: Headers;
  json: {
    error?: string;
    id?: string;
    model_name?: string;
    model_version?: string;
    outputs?: { name: string; datatype: string; shape: number[]; data: unknown[] }[];
  };
}
export async function infer(url: string, model: string, request: unknown, version = ''): Promise<InferAnswer> {
  const path = `${url}/v2/models/${model}${version && `/versions/${version}`}/infer`;
  const text = typeof request === 'string' ? request : JSON.stringify(request);
  const response = await fetch(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: text });
  return { status: response.status, headers: response.headers, json: (await response.json()) as InferAnswer['json'] };
}
export function output(answer: InferAnswer, name: string): unknown[] {
  const found = answer.json.outputs?.find((each) => each.name === name);
  if (!found) throw new Error(`no output ${name} in ${JSON.stringify(answer.json).slice(0, 300)}`);
  return found.data;
}

export async function flush(
  url: string,
): Promise<{ status: number; json: { uploaded: number; rows: number; error?: string } }> {
  const response = await fetch(`${url}/seawall/log/flush`, { method: 'POST' });
  return { status: response.status, json: (await response.json()) as { uploaded: number; rows: number } };
}

/** Everything in the prediction log of a model, as DuckDB reads it; texts of all values. */
export async function loggedRows(
  store: Store,
  model: string,
): Promise<{ objects: string[]; rows: Record<string, string | null>[] }> {
  const folder = await temporaryFolder();
  const objects: string[] = [];
  for await (const { key } of store.json.list(keys.predictions(model))) {
    await store.files.download(key, join(folder.path, `${String(objects.length).padStart(5, '0')}.parquet`));
    objects.push(key);
  }
  const rows =
    objects.length === 0
      ? []
      : await query(`SELECT COLUMNS(*)::VARCHAR FROM read_parquet('${folder.path}/*.parquet', union_by_name = true)`);
  await folder.remove();
  return { objects, rows };
}
export async function query(sql: string): Promise<Record<string, string | null>[]> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await instance.connect();
  const rows = (await connection.runAndReadAll(sql)).getRowObjects() as Record<string, string | null>[];
  connection.closeSync();
  instance.closeSync();
  return rows;
}
