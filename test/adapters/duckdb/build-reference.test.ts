import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildReference, type ReferenceRequest } from '../../../src/adapters/duckdb/index.js';
import { performanceOf } from '../../../src/domain/decisions/performance/performance.js';
import { canonicalJson, type Feature, type ReferenceProfile } from '../../../src/contracts/index.js';
import { writeParquet } from './files.js';

let folder: string;
let files = 0;
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'reference-'))));
afterAll(() => rm(folder, { recursive: true, force: true }));

const binary = {
  task: 'binary',
  labelColumn: 'late',
  outputs: [{ name: 'score', column: 'score' }],
  slices: [],
} as const;
const reference = async (
  select: string,
  features: Feature[],
  change: Partial<ReferenceRequest> = {},
): Promise<ReferenceProfile> => {
  const { path } = await writeParquet(join(folder, `${files++}.parquet`), select);
  return buildReference(
    { tempDir: folder },
    { ...binary, outputs: [...binary.outputs], slices: [], files: [path], features, ...change },
  );
};
const rows = (expression: string, n = 100): string =>
  `SELECT ${expression} AS f, (i % 4) / 4.0 AS score, i % 2 AS late FROM range(${n}) t(i)`;
const numeric: Feature[] = [{ name: 'f', type: 'float32' }];

test('features, answers and label are profiled, and how good the answers were', async () => {
  const { profile, labelColumn } = await reference(rows('i'), numeric);
  expect([labelColumn, profile.rows, profile.columns.map(({ name }) => name)]).toEqual([
    'late',
    100,
    ['f', 'score', 'late'],
  ]);
  expect(profile.columns[0]).toMatchObject({ nulls: 0, sketch: { kind: 'numeric', bits: 52, min: 0, max: 99 } });
  // Scores 0 and 0.5 go with label 0, 0.25 and 0.75 with label 1: of four kinds of pairs one is in the wrong order.
  expect(performanceOf(profile.quality!)).toMatchObject({
    task: 'binary',
    rows: 100,
    metrics: { auc: { value: 0.75 } },
  });
});

test('by the parts of a column: its most frequent categories, or quarters of its numbers', async () => {
  const features: Feature[] = [...numeric, { name: 'c', type: 'string' }];
  const select = `SELECT i AS f, CASE WHEN i < 60 THEN 'a' ELSE 'b' || i END AS c, (i % 4) / 4.0 AS score, i % 2 AS late FROM range(100) t(i)`;
  const { profile } = await reference(select, features, { slices: ['c', 'f', 'none'] });
  const of = (column: string) => profile.slices.filter((slice) => slice.column === column);
  expect(of('f').map(({ value, quality }) => [value, quality.rows])).toEqual([
    ['(-inf, 25)', 25],
    ['[25, 50)', 25],
    ['[50, 75)', 25],
    ['[75, inf)', 25],
  ]);
  expect(of('c')).toHaveLength(20);
  expect(of('c')[0]).toMatchObject({ value: 'a', quality: { rows: 60 } });
});

test('several classes, and numbers', async () => {
  const classes = ['x', 'y'];
  const select = `SELECT i AS f, CASE WHEN i % 2 = 0 THEN 'x' ELSE 'y' END AS late, 'x' AS p, 0.75 AS a, 0.25 AS b, i * 2.0 AS n, i AS m FROM range(10) t(i)`;
  const several = await reference(select, numeric, {
    task: 'multiclass',
    classes,
    outputs: [
      { name: 'prediction', column: 'p' },
      { name: 'score_x', column: 'a' },
      { name: 'score_y', column: 'b' },
    ],
  });
  expect(performanceOf(several.profile.quality!)).toMatchObject({ metrics: { accuracy: { value: 0.5 } } });
  expect(several.profile.columns.map(({ name, sketch }) => [name, sketch.kind])).toEqual([
    ['f', 'numeric'],
    ['prediction', 'categorical'],
    ['score_x', 'numeric'],
    ['score_y', 'numeric'],
    ['late', 'categorical'],
  ]);
  const numbers = await reference(select, numeric, {
    ...{ task: 'regression', labelColumn: 'm', outputs: [{ name: 'prediction', column: 'n' }] },
  });
  expect(performanceOf(numbers.profile.quality!)).toMatchObject({ metrics: { mae: { value: 4.5 } } });
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
  const missing = { ...binary, outputs: [], slices: [], files: [join(folder, 'none.parquet')], features: numeric };
  await expect(buildReference({ tempDir: folder }, missing)).rejects.toMatchObject({
    type: 'BadData',
    message: expect.stringContaining('none.parquet'),
  });
});
