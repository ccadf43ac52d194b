import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { asLogFile, type FilesRequest, profileFiles } from '../../../../src/adapters/duckdb/profile/index.js';
import type { CategoricalSketch, NumericSketch } from '../../../../src/contracts/index.js';
import { writeJsonLines, writeParquet } from '../files.js';

let folder: string;
let made = 0;
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'profile-'))));
afterAll(() => rm(folder, { recursive: true, force: true }));

const at = (ending: string) => join(folder, `${made++}.${ending}`);
const parquet = (select: string) => writeParquet(at('parquet'), select);
const lines = (rows: Record<string, unknown>[]) => writeJsonLines(at('jsonl'), rows);
async function csv(content: string) {
  const path = at('csv');
  await writeFile(path, content);
  return asLogFile(path);
}
const profile = (files: FilesRequest['files'], more: Partial<FilesRequest> = {}) =>
  profileFiles({ tempDir: folder }, { files, ...more });
const numeric = (sketch: unknown) => sketch as NumericSketch;
const categorical = (sketch: unknown) => sketch as CategoricalSketch;

describe('what a profile holds', () => {
  test('every type that can be counted, and a word about those that cannot', async () => {
    const file = await parquet(`SELECT i::TINYINT AS tiny, (i / 8)::DECIMAL(9, 3) AS money, i % 2 = 0 AS yes,
      DATE '2001-01-01' + i::INTEGER AS day, TIMESTAMP '2001-01-01' + INTERVAL (i) SECOND AS moment,
      'c' || i % 3 AS code, [i] AS list, {'a': i} AS record, 9007199254740993 + i AS big,
      170141183460469231731687303715884105727::HUGEINT AS huge FROM range(10) t(i)`);
    const { profile: table, skipped } = await profile([file]);
    expect(table.rows).toBe(10);
    expect(skipped.map(({ column }) => column)).toEqual(['list', 'record']);
    const sketches = Object.fromEntries(table.columns.map(({ name, sketch }) => [name, sketch]));
    expect(Object.keys(sketches)).toEqual(['tiny', 'money', 'yes', 'day', 'moment', 'code', 'big', 'huge']);
    expect(numeric(sketches['tiny']).starts).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(numeric(sketches['money']).starts.slice(0, 3)).toEqual([0, 0.125, 0.25]);
    expect(sketches['yes']).toMatchObject({ of: 'values', categories: ['false', 'true'], counts: [5, 5] });
    expect(numeric(sketches['day'])).toMatchObject({ min: Date.UTC(2001, 0, 1), max: Date.UTC(2001, 0, 10) });
    expect(numeric(sketches['moment'])).toMatchObject({ max: Date.UTC(2001, 0, 1, 0, 0, 9) });
    expect(sketches['code']).toMatchObject({ categories: ['c0', 'c1', 'c2'], counts: [4, 3, 3] });
    expect(numeric(sketches['big'])).toMatchObject({ min: 9007199254740992, max: 9007199254741002 });
    expect(numeric(sketches['huge'])).toMatchObject({ min: 2 ** 127, counts: [10] });
  });

  test('the same rows give the same profile in any format, order and number of files', async () => {
    const select = (where: string, order: string) =>
      `SELECT sin(i) * 1e6 AS x, i % 7 AS n, 'k' || i % 50 AS c FROM range(20000) t(i) WHERE ${where} ORDER BY ${order}`;
    const whole = await profile([await parquet(select('true', 'i'))]);
    const parts = [await parquet(select('i % 3 = 0', '-i')), await parquet(select('i % 3 > 0', 'hash(i)'))];
    expect((await profile(parts.toReversed())).profile).toEqual(whole.profile);
    expect((await profileFiles({ tempDir: folder, threads: 1 }, { files: parts })).profile).toEqual(whole.profile);
    const rows = Array.from({ length: 20_000 }, (_, i) => ({ x: 0.1 * i, n: i % 7, c: `k${i % 50}` }));
    const typed = await profile([await lines(rows)]);
    const text = ['x,n,c', ...rows.map(({ x, n, c }) => `${x},${n},${c}`), ''].join('\n');
    expect((await profile([await csv(text)])).profile).toEqual(typed.profile);
    expect(numeric(typed.profile.columns[0]!.sketch).bits).toBeLessThan(52);
  });

  test('columns and kinds of an earlier profile: what is missing, extra or of another type is said', async () => {
    const file = await parquet(`SELECT 'x' || i AS a, i AS more FROM range(5) t(i)`);
    const columns = [
      { name: 'a', kind: 'numeric' },
      { name: 'b', kind: 'categorical' },
    ] as const;
    const { profile: table, extra } = await profile([file], { columns });
    expect(extra).toEqual(['more']);
    expect(table.columns[0]).toMatchObject({ rows: 5, nulls: 0, missing: 0, wrong: [{ kind: 'text', rows: 5 }] });
    expect(table.columns[1]).toMatchObject({ rows: 5, missing: 5, wrong: [] });
  });
});

describe('bad input', () => {
  test('an empty table, and a column of nulls', async () => {
    const empty = await profile([await parquet('SELECT 1 AS a, NULL::VARCHAR AS b WHERE false')]);
    expect(empty.profile).toMatchObject({ rows: 0, columns: [{ name: 'a' }, { name: 'b' }] });
    const { profile: table } = await profile([await parquet('SELECT NULL::DOUBLE AS a, NULL AS b FROM range(4)')]);
    for (const column of table.columns) expect(column).toMatchObject({ rows: 4, nulls: 4 });
    const text = await profile([await csv('a,b\n'), await csv('a,b\n,\n,\n')]);
    expect(text.profile).toMatchObject({ rows: 2, columns: [{ nulls: 2 }, { nulls: 2 }] });
  });

  test('NaN and infinities are counted, in no cell', async () => {
    const file = await parquet(`SELECT unnest([1.5, 'nan'::DOUBLE, 'inf'::DOUBLE, '-inf'::DOUBLE, NULL]) AS x`);
    const [column] = (await profile([file])).profile.columns;
    expect(column).toMatchObject({ rows: 5, nulls: 1 });
    expect(column!.sketch).toMatchObject({ counts: [1], min: 1.5, nan: 1, positiveInfinity: 1, negativeInfinity: 1 });
  });

  test('a column that changes its type midway: the rows of the other type are counted by their type', async () => {
    const rows = [{ x: 1 }, { x: 2 }, { x: 3 }, { x: 'three' }, { x: true }, { x: [1] }, { x: null }, { y: 1 }];
    const [json] = (await profile([await lines(rows)])).profile.columns;
    expect(json).toMatchObject({ name: 'x', rows: 8, nulls: 1, missing: 1 });
    expect(json!.wrong).toEqual([
      { kind: 'other', rows: 1 },
      { kind: 'text', rows: 1 },
    ]);
    const files = [
      await parquet('SELECT i AS x FROM range(6) t(i)'),
      await parquet(`SELECT 't' || i AS x FROM range(4) t(i)`),
    ];
    const [column] = (await profile(files)).profile.columns;
    expect(column).toMatchObject({ rows: 10, wrong: [{ kind: 'text', rows: 4 }], sketch: { kind: 'numeric' } });
    const text = await profile([await csv(`x\n${'1\n'.repeat(95)}${'oops\n'.repeat(5)}`)]);
    expect(text.profile.columns[0]).toMatchObject({ wrong: [{ kind: 'text', rows: 5 }], sketch: { kind: 'numeric' } });
  });

  test('files that are cut off, empty or broken are named; the others are read', async () => {
    const good = await parquet('SELECT i AS x FROM range(1000) t(i)');
    const half = await parquet('SELECT i AS x FROM range(100000) t(i)');
    await truncate(half.path, 1000);
    const rotten = await parquet('SELECT i AS x FROM range(100000) t(i)');
    const bytes = await readFile(rotten.path);
    await writeFile(rotten.path, bytes.fill(0xff, 10, bytes.length >> 1));
    const empty = asLogFile(at('parquet'));
    await writeFile(empty.path, '');
    const other = asLogFile(at('docx'));
    const broken = asLogFile(at('jsonl'));
    await writeFile(broken.path, '{"x": 1}\n{"x": 2\n17\n');
    const { profile: table, unreadable } = await profile([half, good, rotten, empty, other, broken]);
    expect(table.rows).toBe(1001);
    const named = (name: string) => unreadable.find(({ file }) => file === name);
    for (const one of [half, rotten, empty, other]) expect(named(one.name)).toMatchObject({ lines: null });
    expect(named(broken.name)).toMatchObject({ lines: 2 });
    await expect(profile([half, empty])).rejects.toThrow(/none of the files can be read/);
  });

  test('CSV: lines that do not fit are counted, columns of one name told apart', async () => {
    const { profile: table, unreadable, notes } = await profile([await csv('a,a,b\n1,2,x\n3,4\n5,6,y,z\n7,8,w\n')]);
    expect(table.columns.map(({ name }) => name)).toEqual(['a', 'a_1', 'b']);
    expect(table.rows).toBe(2);
    expect(unreadable).toMatchObject([{ lines: 2 }]);
    expect(notes).toEqual([expect.stringContaining('column a more than once')]);
  });

  test('a text with a million values is counted in bounded memory, with its frequent ones', async () => {
    const file = await parquet(
      `SELECT CASE WHEN i % 10 = 0 THEN 'often' ELSE 'user-' || i END AS c FROM range(1000000) t(i)`,
    );
    const sketch = categorical((await profile([file])).profile.columns[0]!.sketch);
    expect(sketch).toMatchObject({
      of: 'buckets',
      frequent: [{ value: 'often', count: 100_000 }],
      frequentError: 1,
    });
    expect(sketch.counts.reduce((a, b) => a + b)).toBe(1_000_000);
    expect(Math.abs(sketch.distinct / 900_001 - 1)).toBeLessThan(0.05);
  });
});

describe('roles of columns', () => {
  const judged = (select: string, roles: FilesRequest['roles'], more: Partial<FilesRequest> = {}) =>
    parquet(select).then((file) => profile([file], { roles, ...more }));
  const roles = { label: 'y', prediction: 'p' };

  test('probabilities as prediction: binary, with the score', async () => {
    const { profile: table, notes } = await judged('SELECT i % 2 AS y, i / 10.0 AS p FROM range(10) t(i)', roles);
    expect(table.roles).toEqual({ task: 'binary', label: 'y', classes: ['0', '1'], prediction: null, scores: ['p'] });
    expect(table.quality).toMatchObject({ task: 'binary', rows: 10, positives: [0, 1, 0, 1, 0, 1, 0, 1, 0, 1] });
    expect(notes.join()).toMatch(/p holds probabilities/);
  });

  test('labels as words, or as booleans', async () => {
    const words = await judged(
      `SELECT CASE i % 2 WHEN 1 THEN 'yes' ELSE 'no' END AS y, i / 10.0 AS p FROM range(10) t(i)`,
      roles,
    );
    expect(words.profile.roles?.classes).toEqual(['no', 'yes']);
    expect(words.profile.quality).toMatchObject({ positives: [0, 1, 0, 1, 0, 1, 0, 1, 0, 1] });
    expect(words.notes.join()).toMatch(/positive is the label yes/);
    const booleans = await judged('SELECT i % 2 = 1 AS y, i / 10.0 AS p FROM range(10) t(i)', roles);
    expect(booleans.profile.quality).toEqual(words.profile.quality);
  });

  test('classes as prediction, with and without a score', async () => {
    const select = 'SELECT i % 2 AS y, (i > 5)::INTEGER AS p, i / 10.0 AS s FROM range(10) t(i)';
    const classes = await judged(select, roles);
    expect(classes.profile.quality).toMatchObject({
      task: 'multiclass',
      classes: ['0', '1'],
      confusion: [
        [3, 2],
        [3, 2],
      ],
    });
    const scored = await judged(select, { ...roles, score: 's' });
    expect(scored.profile.quality).toMatchObject({
      task: 'binary',
      confusion: { truePositives: 2, falsePositives: 2, trueNegatives: 3, falseNegatives: 3 },
    });
  });

  test('numbers of many values: regression; few whole numbers: classes, unless told otherwise', async () => {
    const many = await judged('SELECT i * 1.5 AS y, i * 1.5 + 1 AS p FROM range(50) t(i)', roles);
    expect(many.profile.quality).toMatchObject({ task: 'regression', rows: 50, sums: { error: 50, absolute: 50 } });
    const few = 'SELECT i % 4 AS y, (i + 1) % 4 AS p FROM range(40) t(i)';
    expect((await judged(few, roles)).profile.quality).toMatchObject({ task: 'multiclass', rows: 40 });
    expect((await judged(few, { ...roles, task: 'regression' })).profile.quality).toMatchObject({
      rows: 40,
      sums: { error: 0 },
    });
  });

  test('one class only, constant predictions, no labels: judged as far as possible', async () => {
    const one = await judged('SELECT 0 AS y, 0.25 AS p FROM range(10) t(i)', roles);
    expect(one.profile.quality).toMatchObject({ task: 'binary', positives: [0], negatives: [10] });
    const none = await judged('SELECT NULL::INTEGER AS y, 0.25 AS p FROM range(10) t(i)', roles);
    expect(none.profile.quality).toBeNull();
    expect(none.notes.join()).toMatch(/label y has no values/);
  });

  test('slices are the frequent categories and the ranges between quartiles, the same in the next table', async () => {
    const select = `SELECT i % 2 AS y, (i % 10) / 10.0 AS p, 'c' || i % 3 AS c, i AS n FROM range(90) t(i)`;
    const first = await judged(select, roles, { slices: ['c', 'n'] });
    const parts = first.profile.slices.map(({ column, value, quality }) => [column, value, quality.rows]);
    expect(parts).toEqual([
      ['c', 'c0', 30],
      ['c', 'c1', 30],
      ['c', 'c2', 30],
      ['n', '(-inf, 22)', 22],
      ['n', '[22, 45)', 23],
      ['n', '[45, 67)', 22],
      ['n', '[67, inf)', 23],
    ]);
    const next = await judged(`${select} WHERE i < 30`, first.profile.roles, {
      slices: ['c', 'n'],
      sameSlices: first.profile.slices,
      columns: first.profile.columns.map(({ name, sketch }) => ({ name, kind: sketch.kind })),
    });
    expect(next.profile.slices.map(({ value }) => value)).toEqual(parts.map(([, value]) => value));
    expect(next.profile.slices.map(({ quality }) => quality.rows)).toEqual([10, 10, 10, 22, 8, 0, 0]);
  });

  test('a column that is not there: the error names those that are', async () => {
    await expect(judged('SELECT 1 AS a, 2 AS b', { label: 'y' })).rejects.toMatchObject({
      message: 'there is no column y (label)',
      next: 'The columns are: a, b.',
    });
    await expect(
      judged(`SELECT i AS y, 'c' || i AS p FROM range(2000) t(i)`, { ...roles, task: 'multiclass' }),
    ).rejects.toThrow(/too many for classes/);
  });
});
