import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { writeWindowRows } from '../../../src/adapters/duckdb/index.js';
import type { Answering, Feature } from '../../../src/contracts/index.js';
import { type Row, sql, writeJsonLines, writeParquet } from './files.js';

const window = { from: '2001-02-05T00:00:00.000Z', to: '2001-02-06T00:00:00.000Z' };
const features: Feature[] = [
  { name: 'hour', type: 'int64' },
  { name: 'km', type: 'float32' },
  { name: 'from', type: 'string' },
];
let folder: string;
let files = 0;
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'window-rows-'))));
afterAll(() => rm(folder, { recursive: true, force: true }));

const log = (rows: Row[]) => writeJsonLines(join(folder, `${files++}.jsonl`), rows);
const predicted = (id: string, more: Row = {}): Row => ({
  ...{ _prediction_id: id, _event_time: '2001-02-05T10:00:00Z', _release: 1, _arm: 'champion', score: 0.5 },
  ...{ hour: 10, km: 1.5, from: 'ORD' },
  ...more,
});
const labelled = (id: string, label: unknown, seq = 1): Row => ({
  ...{ _prediction_id: id, label, _seq: seq, _label_time: '2001-02-08T00:00:00Z' },
});
async function write(predictions: Row[][], labels: Row[][], answering: Answering = { task: 'binary' }) {
  const target = join(folder, `${files++}.parquet`);
  const rows = await writeWindowRows(
    { tempDir: folder },
    {
      predictions: await Promise.all(predictions.map(log)),
      labels: await Promise.all(labels.map(log)),
      ...{ window, features, rowId: 'visit_id', labelColumn: 'late', answering, target },
    },
  );
  return { target, rows };
}
const read = (path: string) => sql(`SELECT * FROM read_parquet('${path}')`);
const digest = async (path: string) =>
  createHash('sha256')
    .update(await readFile(path))
    .digest('hex');

test('predictions of champion and canary that have a label become rows, in the types of the configuration', async () => {
  const predictions = [
    predicted('b', { hour: 3 }),
    predicted('a', { _event_time: '2001-02-05T09:00:00Z', _arm: 'canary', km: 0.1, from: null }),
    predicted('shadow', { _arm: 'shadow' }),
    predicted('unlabelled'),
    predicted('before', { _event_time: '2001-02-04T23:59:59Z' }),
    predicted('after', { _event_time: '2001-02-06T00:00:00Z' }),
    predicted('c', { hour: 'ten', _event_time: '2001-02-05T11:00:00Z' }),
  ];
  const labels = ['b', 'a', 'shadow', 'before', 'after', 'c', 'stranger'].map((id, i) => labelled(id, i % 2));
  const { target, rows } = await write([predictions], [labels]);
  expect(rows).toBe(3);
  const found = await read(target);
  expect(found.map((row) => [row['visit_id'], row['hour'], row['from'], row['late']])).toEqual([
    ['a', 10n, null, 1n],
    ['b', 3n, 'ORD', 0n],
    ['c', null, 'ORD', 1n],
  ]);
  const columns = await sql(`DESCRIBE SELECT * FROM read_parquet('${target}')`);
  expect(columns.map((column) => [column['column_name'], column['column_type']])).toEqual([
    ['visit_id', 'VARCHAR'],
    ['_event_time', 'TIMESTAMP'],
    ['hour', 'BIGINT'],
    ['km', 'FLOAT'],
    ['from', 'VARCHAR'],
    ['late', 'BIGINT'],
  ]);
});

test('of several labels the highest _seq counts, in whatever order they came; null withdraws', async () => {
  const predictions = ['a', 'b', 'c'].map((id) => predicted(id));
  const labels = [labelled('a', 1, 2), labelled('b', 1), labelled('c', 7)];
  const { target } = await write([predictions], [labels, [labelled('a', 0, 1), labelled('b', null, 2)]]);
  expect((await read(target)).map((row) => [row['visit_id'], row['late']])).toEqual([['a', 1n]]);
});

test('the same rows give the same bytes, however they lie in files', async () => {
  const rows = Array.from({ length: 5_000 }, (_, i) =>
    predicted(`p${i}`, { hour: i % 24, km: i / 7, from: `A${i % 50}` }),
  );
  const labels = rows.map((_, i) => labelled(`p${i}`, i % 3 === 0 ? 1 : 0));
  const one = await write([rows], [labels]);
  const other = await write(
    [rows.slice(2_500).reverse(), rows.slice(0, 2_500)],
    [labels.slice(100), labels.slice(0, 100)],
  );
  expect(one.rows).toBe(5_000);
  expect(await digest(other.target)).toBe(await digest(one.target));
  // Predictions that were logged twice, as serving does after a lost answer, are one row.
  const twice = await write([rows, rows.slice(0, 10)], [labels]);
  expect(await digest(twice.target)).toBe(await digest(one.target));
});

test('a log as Parquet gives the same rows as one in JSON lines', async () => {
  const json = await write([[predicted('a')]], [[labelled('a', 1)]]);
  const target = join(folder, `${files++}.parquet`);
  const parquet = await writeParquet(
    join(folder, `${files++}.parquet`),
    `SELECT 'a' AS _prediction_id, TIMESTAMPTZ '2001-02-05 10:00:00+00' AS _event_time, 1 AS _release, 'champion' AS _arm,
            0.5::FLOAT AS score, 10 AS hour, 1.5::FLOAT AS km, 'ORD' AS "from"`,
  );
  const request = {
    window,
    features,
    rowId: 'visit_id',
    labelColumn: 'late',
    answering: { task: 'binary' as const },
    target,
  };
  const labels = [await log([labelled('a', 1)])];
  expect(await writeWindowRows({ tempDir: folder }, { ...request, predictions: [parquet], labels })).toBe(1);
  expect(await digest(target)).toBe(await digest(json.target));
});

test('without a labelled row there is no file; a feature that the log lacks is null', async () => {
  const { target, rows } = await write([[predicted('a')]], []);
  expect(rows).toBe(0);
  await expect(stat(target)).rejects.toThrow('ENOENT');
  const bare = await write([[{ ...predicted('a'), km: undefined }]], [[labelled('a', 1)]]);
  expect(await read(bare.target)).toMatchObject([{ visit_id: 'a', km: null }]);
});

test.each<[Answering, unknown[], unknown[], string]>([
  [{ task: 'regression' }, [2.5, 'x', null, -1], [2.5, -1], 'DOUBLE'],
  [{ task: 'multiclass', classes: ['cat', 'dog'] }, ['dog', 'fox', null, 'cat'], ['dog', 'cat'], 'VARCHAR'],
])('labels are those of the task: %j', async (answering, given, expected, type) => {
  const ids = given.map((_, i) => `${i}`);
  const labels = given.map((label, i) => labelled(`${i}`, label));
  const { target, rows } = await write([ids.map((id) => predicted(id))], [labels], answering);
  expect(rows).toBe(2);
  const found = await sql(`SELECT late, typeof(late) AS type FROM read_parquet('${target}') ORDER BY visit_id`);
  expect(found).toEqual(expected.map((late) => ({ late, type })));
});

test('a number that is no int64 is no value, and stops nothing', async () => {
  const { target, rows } = await write(
    [[predicted('a', { hour: 1e19 }), predicted('b')]],
    [[labelled('a', 1), labelled('b', 0)]],
  );
  expect(rows).toBe(2);
  expect(await sql(`SELECT hour FROM read_parquet('${target}') ORDER BY visit_id`)).toEqual([
    { hour: null },
    { hour: 10n },
  ]);
});

test('of two labels whose numbers differ only beyond 2^53 the higher counts', async () => {
  const early = { ...labelled('a', 0), _seq: '1763000000000000002', _label_time: '2001-02-08T00:00:00Z' };
  const late = { ...labelled('a', 1), _seq: '1763000000000000001', _label_time: '2001-02-09T00:00:00Z' };
  const { target } = await write([[predicted('a')]], [[early, late]]);
  expect(await sql(`SELECT late::DOUBLE AS late FROM read_parquet('${target}')`)).toEqual([{ late: 0 }]);
});

test('classes that came through a column of floats are those of the model', async () => {
  const answering: Answering = { task: 'multiclass', classes: ['1', '2'] };
  const { rows, target } = await write(
    [['a', 'b', 'c'].map((id) => predicted(id))],
    [[labelled('a', 1), labelled('b', 2.0), labelled('c', 7)]],
    answering,
  );
  expect(rows).toBe(2);
  expect(await sql(`SELECT late FROM read_parquet('${target}') ORDER BY visit_id`)).toEqual([
    { late: '1' },
    { late: '2' },
  ]);
});

test('nothing is written while a log object cannot be read', async () => {
  const broken = join(folder, `${files++}.parquet`);
  await writeFile(broken, 'PAR1 half of it');
  const request = { window, features, rowId: 'visit_id', labelColumn: 'late', answering: { task: 'binary' as const } };
  const predictions = [await log([predicted('a')])];
  const labels = [await log([labelled('a', 1)]), { path: broken, name: 'labels/broken.parquet' }];
  const target = join(folder, `${files++}.parquet`);
  expect(await writeWindowRows({ tempDir: folder }, { ...request, predictions, labels, target })).toBeNull();
  await expect(stat(target)).rejects.toThrow('ENOENT');
});

test('folders whose names look like patterns hold logs like others', async () => {
  const odd = await mkdtemp(join(tmpdir(), 'window[1]rows-'));
  const [predictions, labels] = [join(odd, 'p.jsonl'), join(odd, 'l.jsonl')];
  await writeFile(predictions, JSON.stringify(predicted('a')));
  await writeFile(labels, JSON.stringify(labelled('a', 1)));
  const request = { window, features, rowId: 'visit_id', labelColumn: 'late', answering: { task: 'binary' as const } };
  const target = join(folder, `${files++}.parquet`);
  const logOf = (path: string) => [{ path, name: path }];
  const logs = { predictions: logOf(predictions), labels: logOf(labels) };
  expect(await writeWindowRows({ tempDir: folder }, { ...request, ...logs, target })).toBe(1);
  await rm(odd, { recursive: true });
});
