import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readFileSync, readdirSync, renameSync, truncateSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Answering } from '../../src/contracts/index.js';
import { loadModel } from '../../src/adapters/onnx/session.js';
import { resolveTrainer, runTrainer } from '../../src/adapters/trainer/index.js';
import type { RunTrainerOptions, TrainerProgress, TrainerResult } from '../../src/adapters/trainer/index.js';
import { temporaryFolder, trainerOptions, trainersPython } from '../adapters/trainer/harness.js';

const FEATURES = [
  { name: 'hour', type: 'int64' },
  { name: 'distance', type: 'float32' },
  { name: 'origin', type: 'string' },
];
/** 20,000 rows in two files: late depends on the hour and the airport; some distances and airports are null. */
const ROWS = `
  select (i * 7) % 24 as hour,
    case when i % 50 = 0 then null else ((i * 37) % 2500)::double end as distance,
    case when i % 97 = 0 then null else 'A' || ((i * 13) % 40) end as origin,
    (hash(i) % 100 < (10 + 2 * ((i * 7) % 24) + ((i * 13) % 40) // 2))::integer as late
  from range(20000) t(i)`;

let shared: string;
let dataDir: string;
let whole: { options: RunTrainerOptions; progress: TrainerProgress[]; digest: string };

/** Runs SQL and gives the rows. */
async function sql(statement: string): Promise<Record<string, unknown>[]> {
  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  try {
    return (await connection.runAndReadAll(statement)).getRowObjects();
  } finally {
    connection.closeSync();
  }
}

async function writeData(folder: string, select: string): Promise<string> {
  mkdirSync(folder, { recursive: true });
  await sql(`copy (${select}) to '${join(folder, 'part.parquet')}' (format parquet)`);
  return folder;
}

function job(params: object = {}, others: object = {}): object {
  return {
    params: { trees: 40, checkpointEvery: 8, progressEvery: 5, ...params },
    features: FEATURES,
    label: { column: 'late' },
    task: 'binary',
    seed: 7,
    ...others,
  };
}

function xgboostOptions(overrides: Partial<RunTrainerOptions> = {}): RunTrainerOptions {
  const argv = resolveTrainer(
    { use: 'xgboost' },
    { python: trainersPython(), environments: undefined, trainersDir: resolve('trainers') },
  );
  return trainerOptions({ argv, dataDir, params: job(), ...overrides });
}

const digestOf = (folder: string): string =>
  createHash('sha256')
    .update(readFileSync(join(folder, 'model.onnx')))
    .digest('hex');
const metricsOf = (folder: string): Record<string, unknown> =>
  JSON.parse(readFileSync(join(folder, 'metrics.json'), 'utf8')) as Record<string, unknown>;

beforeAll(async () => {
  shared = temporaryFolder();
  dataDir = join(shared, 'data');
  await writeData(join(dataDir, 'dt=2001-01-01'), `${ROWS} where i < 12000`);
  await writeData(join(dataDir, 'dt=2001-01-02'), `${ROWS} where i >= 12000`);
  writeFileSync(join(dataDir, 'README.txt'), 'not a Parquet file');
  const progress: TrainerProgress[] = [];
  const options = xgboostOptions({
    modelDir: join(shared, 'model'),
    checkpointDir: join(shared, 'checkpoints'),
    onProgress: (step) => progress.push(step),
  });
  expect(await runTrainer(options)).toMatchObject({
    kind: 'done',
    model: join(options.modelDir, 'model.onnx'),
    metrics: join(options.modelDir, 'metrics.json'),
    parity: join(options.modelDir, 'parity.parquet'),
  });
  whole = { options, progress, digest: digestOf(options.modelDir) };
});

describe('a whole training', () => {
  test('tells how far it is, with a loss that falls', () => {
    expect(whole.progress.map((step) => step.step)).toEqual([5, 10, 15, 20, 25, 30, 35, 40]);
    expect(whole.progress.at(-1)?.progress).toBe(1);
    const losses = whole.progress.map((step) => step.loss as number);
    expect(losses).toEqual([...losses].sort((a, b) => b - a));
    expect(losses[0]).toBeLessThan(0.69);
    expect(metricsOf(whole.options.modelDir)).toMatchObject({ rows: 20000, trees: 40, treesFromCheckpoint: 0 });
  });

  test("gives in onnxruntime-node the scores that it says, from one input per feature in the feature's type", async () => {
    const session = await InferenceSession.create(join(whole.options.modelDir, 'model.onnx'));
    expect(session.inputNames).toEqual(['hour', 'distance', 'origin']);
    expect(session.outputNames).toEqual(['prediction', 'score']);
    const rows = await sql(`select * from '${join(whole.options.modelDir, 'parity.parquet')}'`);
    expect(rows.length).toBe(2000);
    expect(rows.some((row) => row['distance'] === null)).toBe(true);
    const column = (name: string): unknown[] => rows.map((row) => row[name]);
    const distances = column('distance').map((value) => (value === null ? NaN : Number(value)));
    const { score, prediction } = await session.run({
      hour: new Tensor('int64', BigInt64Array.from(column('hour') as bigint[]), [rows.length, 1]),
      distance: new Tensor('float32', Float32Array.from(distances), [rows.length, 1]),
      origin: new Tensor('string', column('origin') as string[], [rows.length, 1]),
    });
    expect(score?.dims).toEqual([rows.length]);
    expect(prediction?.dims).toEqual([rows.length]);
    const scores = score?.data as Float32Array;
    const differences = rows.map((row, i) => Math.abs(Number(row['score']) - (scores[i] as number)));
    expect(Math.max(...differences)).toBeLessThanOrEqual(1e-5);
    expect([...(prediction?.data as BigInt64Array)]).toEqual(column('prediction'));
    expect(new Set(column('prediction')).size).toBe(2);
  });

  test('serves one row with a category that it never saw', async () => {
    const session = await InferenceSession.create(join(whole.options.modelDir, 'model.onnx'));
    const scoreOf = async (origin: string): Promise<number> => {
      const { score } = await session.run({
        hour: new Tensor('int64', [12n], [1, 1]),
        distance: new Tensor('float32', [500], [1, 1]),
        origin: new Tensor('string', [origin], [1, 1]),
      });
      return (score?.data as Float32Array)[0] as number;
    };
    expect(await scoreOf('never-seen')).toBeGreaterThan(await scoreOf('A0'));
    expect(await scoreOf('never-seen')).toBeLessThan(await scoreOf('A39'));
  });

  test('the same again is the same model, byte for byte; other parameters are another', async () => {
    const again = xgboostOptions();
    const other = xgboostOptions({ params: job({ depth: 3 }) });
    expect((await runTrainer(again)).kind).toBe('done');
    expect((await runTrainer(other)).kind).toBe('done');
    expect(digestOf(again.modelDir)).toBe(whole.digest);
    expect(digestOf(other.modelDir)).not.toBe(whole.digest);
  });
});

describe('an interrupted training', () => {
  test('saves on SIGTERM within 2 s, and goes on from there to the same model', async () => {
    const cancel = new AbortController();
    let cancelledAt = 0;
    const onProgress = (): void => {
      cancelledAt ||= performance.now();
      cancel.abort();
    };
    // Stopped at the first sign of life, with many trees to come.
    const params = job({ trees: 120, checkpointEvery: 1000, progressEvery: 3 });
    const options = xgboostOptions({ params, signal: cancel.signal, onProgress });
    const lines: string[] = [];
    expect(await runTrainer({ ...options, onLog: (line) => lines.push(line) })).toEqual({ kind: 'cancelled' });
    expect(performance.now() - cancelledAt).toBeLessThan(2000);
    const saved = Number(/stopped by SIGTERM: saved at tree (\d+)/.exec(lines.at(-1) ?? '')?.[1]);
    expect(saved).toBeGreaterThanOrEqual(3);
    expect(readdirSync(options.modelDir)).toEqual([]);

    // Everything equal but the number of trees is another job: the checkpoint must not be used for it.
    const resumed = { ...options, signal: new AbortController().signal, onProgress: () => undefined };
    const shorter = { ...resumed, params: job({ trees: 10, checkpointEvery: 1000, progressEvery: 3 }) };
    expect((await runTrainer(shorter)).kind).toBe('done');
    expect(metricsOf(options.modelDir)['treesFromCheckpoint']).toBe(0);
    expect((await runTrainer(resumed)).kind).toBe('done');
    expect(metricsOf(options.modelDir)['treesFromCheckpoint']).toBe(saved);
    const uninterrupted = xgboostOptions({ params });
    expect((await runTrainer(uninterrupted)).kind).toBe('done');
    expect(digestOf(options.modelDir)).toBe(digestOf(uninterrupted.modelDir));
  });

  test('passes over damaged checkpoints and takes the newest good one', async () => {
    const options = xgboostOptions();
    cpSync(whole.options.checkpointDir, options.checkpointDir, { recursive: true });
    const names = readdirSync(options.checkpointDir).sort();
    expect(names.map((name) => Number(name.split('-')[2]))).toEqual([32, 40]);
    const [good, torn] = names as [string, string];
    truncateSync(join(options.checkpointDir, torn), 1000);
    // Another job's, and newer.
    const stranger = good.replace(/checkpoint-.{16}-000032/, 'checkpoint-0123456789abcdef-000099');
    cpSync(join(options.checkpointDir, good), join(options.checkpointDir, 'copy'));
    renameSync(join(options.checkpointDir, 'copy'), join(options.checkpointDir, stranger));
    const lines: string[] = [];
    expect((await runTrainer({ ...options, onLog: (line) => lines.push(line) })).kind).toBe('done');
    expect(lines).toContain(`checkpoint ${torn} is damaged and passed over`);
    expect(metricsOf(options.modelDir)['treesFromCheckpoint']).toBe(32);
    expect(digestOf(options.modelDir)).toBe(whole.digest);
  });
});

describe('other tasks', () => {
  const CLASSES = ['0', '1', '2'];
  const busy = `select * replace (least(2, hour // 8 + (hash(i) % 7 = 0)::integer) as late) from (${ROWS.replace('select', 'select i,')})`;
  test.each([
    ['multiclass', { task: 'multiclass', classes: CLASSES }, ['prediction', 'score_0', 'score_1', 'score_2'], 1e-5],
    ['regression', { task: 'regression' }, ['prediction'], 1e-4],
  ] as const)('%s: the model answers as the trainer did', async (_, answering, outputs, tolerance) => {
    const options = xgboostOptions({ params: job({ trees: 20 }, answering) });
    const folder = await writeData(join(options.cwd, 'data'), busy);
    expect(await runTrainer({ ...options, dataDir: folder })).toMatchObject({ kind: 'done' });
    const model = await loadModel(join(options.modelDir, 'model.onnx'), { answering: answering as Answering });
    const rows = await sql(`select * from '${join(options.modelDir, 'parity.parquet')}'`);
    const answers = await model.predict(
      {
        hour: BigInt64Array.from(rows, (row) => row['hour'] as bigint),
        distance: Float32Array.from(rows, (row) => (row['distance'] as number | null) ?? NaN),
        origin: rows.map((row) => row['origin'] as string),
      },
      rows.length,
    );
    expect(Object.keys(answers)).toEqual(outputs);
    for (const [i, row] of rows.entries())
      for (const name of outputs) {
        const [own, served] = [row[name], answers[name]![i]];
        if (typeof own === 'string') expect(served).toBe(own);
        else expect(Math.abs((own as number) - (served as number))).toBeLessThan(tolerance);
      }
    // It has learnt something: hours of the day say which.
    const said = Array.from(answers['prediction'] as ArrayLike<unknown>, Number);
    const right = rows.filter((row, i) => Math.abs(said[i]! - Number(row['hour']) / 8) < 1.3).length;
    expect(right / rows.length).toBeGreaterThan(0.9);
    await model.dispose();
  });
});

describe('what it refuses', () => {
  const lastLine = (result: TrainerResult): string | undefined =>
    result.kind === 'failed' ? result.lastLines.at(-1) : undefined;

  test.each([
    ['an unknown parameter', { params: job({ tree: 5 }) }, 'unknown parameter "tree"; this trainer knows trees, depth'],
    ['a parameter out of range', { params: job({ depth: 99 }) }, '"depth" must be a whole number from 1 to 16, not 99'],
    ['another task', { params: job({}, { task: 'ranking' }) }, 'this trainer does binary, multiclass, regression'],
    ['classes without names', { params: job({}, { task: 'multiclass' }) }, 'needs "classes"'],
    ['no features', { params: job({}, { features: [] }) }, 'features must be a list'],
    ['the label as a feature', { params: job({}, { label: { column: 'hour' } }) }, '"hour" is the label itself'],
    ['a device that its build lacks', { device: 'cuda:0' }, 'SEAWALL_DEVICE is cuda:0'],
  ])('%s: bad parameters', async (_, overrides, words) => {
    const result = await runTrainer(xgboostOptions(overrides));
    expect(result).toMatchObject({ failure: 'badParameters', exitCode: 64 });
    expect(lastLine(result)).toContain(words);
  });

  test.each([
    ['no files', undefined, 'there is no *.parquet file below'],
    ['no rows', `select * from (${ROWS}) limit 0`, 'hold no rows'],
    ['one class', `select * replace (1 as late) from (${ROWS})`, 'all 20000 rows have the label 1'],
    ['a missing column', `select hour, distance, late from (${ROWS})`, 'has no column "origin"'],
    ['a column of another type', `select * replace ('x' as hour) from (${ROWS})`, 'which is no int64'],
    ['fractions in an int64', `select * replace (hour + 0.5 as hour) from (${ROWS})`, 'is no int64'],
    ['a label that is no 0 or 1', `select * replace (hour as late) from (${ROWS})`, 'must hold 0 and 1'],
    ['rows without a label', `select * replace (nullif(late, 0) as late) from (${ROWS})`, 'have no label'],
    [
      'a label that is no class',
      ROWS,
      `holds '0', which is none of on-time, late`,
      { task: 'multiclass', classes: ['on-time', 'late'] },
    ],
    [
      'a label that is no number',
      `select * replace ('nan'::float as late) from (${ROWS})`,
      'finite numbers',
      { task: 'regression' },
    ],
    ['infinite numbers', `select * replace ('inf'::float as distance) from (${ROWS})`, 'infinite values'],
  ])('%s: bad data', async (_, select, words, others: object = {}) => {
    const options = xgboostOptions({ params: job({}, others) });
    const folder = join(options.cwd, 'data');
    if (select) await writeData(folder, select);
    const result = await runTrainer({ ...options, dataDir: folder });
    expect(result).toMatchObject({ failure: 'badData', exitCode: 65 });
    expect(lastLine(result)).toContain(words);
  });
});
