import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildReference } from '../../../src/adapters/duckdb/index.js';
import { canonicalJson, type Feature, type ReferenceProfile } from '../../../src/contracts/index.js';
import { writeParquet } from './files.js';

let folder: string;
let files = 0;
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'reference-'))));
afterAll(() => rm(folder, { recursive: true, force: true }));

const reference = async (select: string, features: Feature[]): Promise<ReferenceProfile> => {
  const { path } = await writeParquet(join(folder, `${files++}.parquet`), select);
  return buildReference({ tempDir: folder }, { files: [path], features, labelColumn: 'late' });
};
const rows = (expression: string, n = 100): string =>
  `SELECT ${expression} AS f, (i % 4) / 4.0 AS score, i % 2 AS late FROM range(${n}) t(i)`;
const numeric: Feature[] = [{ name: 'f', type: 'float32' }];

test('deciles cut a continuous column into ten equal bins', async () => {
  const { columns, rows: n, prediction, performance } = await reference(rows('i'), numeric);
  expect(columns[0]).toEqual({
    kind: 'numeric',
    name: 'f',
    rows: 100,
    nulls: 0,
    min: 0,
    max: 99,
    edges: expect.any(Array),
    counts: expect.any(Array),
  });
  const column = columns[0] as Extract<(typeof columns)[0], { kind: 'numeric' }>;
  expect(column.edges).toHaveLength(9);
  expect(column.counts.every((count) => count >= 9 && count <= 11)).toBe(true);
  expect(column.counts.reduce((a, b) => a + b)).toBe(100);
  expect(n).toBe(100);
  expect(prediction).toMatchObject({ name: 'score', min: 0, max: 0.75, edges: [0.25, 0.5, 0.75] });
  // Scores 0 and 0.5 go with label 0, 0.25 and 0.75 with label 1: of four kinds of pairs one is in the wrong order.
  expect(performance).toMatchObject({ rows: 100, positives: 50, auc: 0.75 });
});

test.each([
  ['a constant has one bin', '7', [], [100]],
  ['a rare value beside zeros has a bin of its own', 'CASE WHEN i = 0 THEN 3 ELSE 0 END', [3], [99, 1]],
  ['a flag has two bins', 'i % 2', [1], [50, 50]],
  ['few values have a bin each', 'i % 3', [1, 2], [34, 33, 33]],
  [
    'nulls and NaN are in no bin',
    `CASE WHEN i % 2 = 0 THEN NULL WHEN i % 4 = 1 THEN 'NaN'::FLOAT ELSE 1 END`,
    [],
    [25],
  ],
  ['all null', 'NULL::FLOAT', [], [0]],
])('%s', async (_, expression, edges, counts) => {
  expect((await reference(rows(expression), numeric)).columns[0]).toMatchObject({ edges, counts });
});

test('texts: the hundred most frequent, the rest together, and all that are known up to ten thousand', async () => {
  const feature: Feature[] = [{ name: 'f', type: 'string' }];
  const [column] = (await reference(rows(`CASE WHEN i < 500 THEN 'top' ELSE 'c' || i % 150 END`, 1000), feature))
    .columns;
  if (column?.kind !== 'categorical') throw new Error('not categorical');
  expect(column.categories).toHaveLength(100);
  expect(column.categories[0]).toEqual({ value: 'top', count: 500 });
  expect(column.known).toHaveLength(151);
  expect(column.other + column.categories.reduce((sum, { count }) => sum + count, 0)).toBe(1000);
  const [many] = (await reference(rows(`'c' || i`, 10_001), feature)).columns;
  expect(many).toMatchObject({ known: null, other: 9901 });
});

test('equal rows give an equal profile, to the byte, in any order', async () => {
  const features: Feature[] = [...numeric, { name: 'c', type: 'string' }];
  const select = `SELECT hash(i) % 997 / 7.0 AS f, 'c' || hash(i) % 13 AS c, (hash(i * 3) % 1000) / 1000.0 AS score, (hash(i * 5) % 2)::INTEGER AS late FROM range(5000) t(i)`;
  const one = await reference(select, features);
  const other = await reference(`${select} ORDER BY hash(i * 11)`, features);
  expect(canonicalJson(other)).toBe(canonicalJson(one));
});

test('no score, an empty holdout or a broken file is an error that says so', async () => {
  await expect(reference('SELECT 1 AS f, 1 AS late', numeric)).rejects.toMatchObject({
    type: 'BadData',
    message: expect.stringContaining('none of 1 rows'),
  });
  await expect(reference(`${rows('i')} WHERE false`, numeric)).rejects.toMatchObject({ type: 'BadData' });
  const missing = { files: [join(folder, 'none.parquet')], features: numeric, labelColumn: 'late' };
  await expect(buildReference({ tempDir: folder }, missing)).rejects.toMatchObject({
    type: 'BadData',
    message: expect.stringContaining('none.parquet'),
  });
});
