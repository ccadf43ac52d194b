import { createHash } from 'node:crypto';
import { copyFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type DatasetFile, splitHoldout } from '../../../src/adapters/duckdb/index.js';
import { sql, writeParquet } from './files.js';

let folder: string;
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'split-'))));
afterAll(() => rm(folder, { recursive: true, force: true }));

const rule = { rowId: 'row', fraction: 0.2 };
/** The rule as anybody can recompute it. */
const isHeldOut = (id: string, fraction: number): boolean =>
  createHash('md5').update(id, 'utf8').digest().readUInt32BE(0) / 2 ** 32 < fraction;
const split = (files: DatasetFile[], name: string, by = rule) =>
  splitHoldout({ tempDir: folder }, files, by, join(folder, name, 'train'), join(folder, name, 'holdout.parquet'));
const idsIn = async (path: string): Promise<string[]> =>
  (await sql(`SELECT row::VARCHAR AS id FROM read_parquet('${path}')`)).map((row) => String(row['id']));

async function dataset(): Promise<DatasetFile[]> {
  const week = async (n: number): Promise<DatasetFile> => {
    const local = join(folder, `blob-${n}`);
    await writeParquet(local, `SELECT i + ${n * 3000} AS row, i / 7.0 AS x, 'é' || i AS c FROM range(3000) t(i)`);
    return { path: `week=2001-01-0${n + 1}/data.parquet`, local };
  };
  return [await week(0), await week(1)];
}

test('a row is held out by the MD5 of its id, on the same side in every version', async () => {
  const files = await dataset();
  const { trainRows, holdoutRows } = await split(files, 'by-md5');
  const ids = Array.from({ length: 6000 }, (_, i) => String(i));
  const expected = ids.filter((id) => isHeldOut(id, 0.2));
  expect(await idsIn(join(folder, 'by-md5', 'holdout.parquet'))).toEqual(expected);
  expect([trainRows, holdoutRows]).toEqual([6000 - expected.length, expected.length]);
  const second = await idsIn(join(folder, 'by-md5', 'train', files[1]!.path));
  expect(second).toEqual(ids.slice(3000).filter((id) => !isHeldOut(id, 0.2)));
  // The folder week=… is no column.
  const [first] = await sql(
    `SELECT * FROM read_parquet('${join(folder, 'by-md5', 'train', files[0]!.path)}', hive_partitioning = false) LIMIT 1`,
  );
  expect(Object.keys(first!)).toEqual(['row', 'x', 'c']);
});

test('the same input gives the same bytes', async () => {
  const files = await dataset();
  await split(files, 'once');
  await split(files, 'again');
  for (const path of ['holdout.parquet', ...files.map((file) => join('train', file.path))]) {
    expect(await readFile(join(folder, 'again', path))).toEqual(await readFile(join(folder, 'once', path)));
  }
});

test('names that look like patterns are only names, and JSON lines become Parquet', async () => {
  await writeParquet(join(folder, 'a1.parquet'), 'SELECT 99 AS row');
  await writeParquet(join(folder, 'tmp.parquet'), 'SELECT 1 AS row');
  await copyFile(join(folder, 'tmp.parquet'), join(folder, 'a[1].parquet'));
  await writeFile(join(folder, 'b.jsonl'), '{"row":"ä","x":1}\n{"row":"b","y":2}\n');
  const files = ['a[1].parquet', 'b.jsonl'].map((path) => ({ path, local: join(folder, path) }));
  expect(await split(files, 'patterns', { rowId: 'row', fraction: 1 })).toEqual({ trainRows: 0, holdoutRows: 3 });
  expect((await idsIn(join(folder, 'patterns', 'holdout.parquet'))).sort()).toEqual(['1', 'b', 'ä']);
  expect((await readdir(join(folder, 'patterns', 'train'))).sort()).toEqual(['a[1].parquet', 'b.parquet']);
  await split(files, 'none', { rowId: 'row', fraction: 0 });
  expect(await idsIn(join(folder, 'none', 'train', 'b.parquet'))).toEqual(['ä', 'b']);
});

describe('what cannot be split is refused', () => {
  const refused = async (path: string, select: string | null, words: string): Promise<void> => {
    const local = join(folder, 'refused.bin');
    if (select) await writeParquet(local, select);
    else await writeFile(local, 'no data');
    const files = [{ path, local }];
    await expect(split(files, 'refused')).rejects.toMatchObject({
      name: 'SeawallError',
      type: 'BadData',
      message: expect.stringContaining(words),
    });
  };
  test('a missing row id', () => refused('a.parquet', 'SELECT 1 AS x, 2 AS "Row"', 'a.parquet has no column row'));
  test('a missing feature or label', async () => {
    const local = join(folder, 'columns.parquet');
    await writeParquet(local, 'SELECT 1 AS row, 2 AS hour');
    const by = { ...rule, columns: ['hour', 'origin', 'late'] };
    await expect(split([{ path: 'week=1/a.parquet', local }], 'columns', by)).rejects.toMatchObject({
      type: 'BadData',
      message: expect.stringContaining('week=1/a.parquet has no column origin, late'),
    });
  });
  test('a null row id', () => refused('a.parquet', 'SELECT unnest([1, NULL, NULL]) AS row', '2 rows without row'));
  test('a broken file', () => refused('a.parquet', null, 'a.parquet'));
  test('another format', () => refused('a.csv', null, 'a.csv'));
  test('a path that leaves the folder', () => refused('x/../../a.parquet', 'SELECT 1 AS row', '../../a.parquet'));
  test('a column of two types', async () => {
    const files = [
      { path: 'a.parquet', local: (await writeParquet(join(folder, 'k1'), 'SELECT 1 AS row, [1] AS x')).path },
      { path: 'b.parquet', local: (await writeParquet(join(folder, 'k2'), 'SELECT 2 AS row, 5 AS x')).path },
    ];
    await expect(split(files, 'types', { rowId: 'row', fraction: 1 })).rejects.toMatchObject({ type: 'BadData' });
  });
  test('no files', async () => {
    await expect(split([], 'empty')).rejects.toMatchObject({
      type: 'BadData',
      message: expect.stringContaining('no files'),
    });
  });
});
