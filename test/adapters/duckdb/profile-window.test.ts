import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ExpectedColumn, LogFile, WindowProfile } from '../../../src/activities/monitor.js';
import { profileWindow } from '../../../src/adapters/duckdb/index.js';
import type { CategoricalProfile, NumericProfile } from '../../../src/contracts/index.js';
import { logFile, type Row, writeJsonLines, writeParquet } from './files.js';

const window = { from: '2001-02-05T00:00:00.000Z', to: '2001-02-06T00:00:00.000Z' };
let folder: string;
let files = 0;
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'profile-'))));
afterAll(() => rm(folder, { recursive: true, force: true }));

const numeric = (name: string, edges: number[], min = 0, max = 10): NumericProfile => ({
  kind: 'numeric',
  name,
  rows: 100,
  nulls: 0,
  min,
  max,
  edges,
  counts: Array.from({ length: edges.length + 1 }, () => 10),
});
const categorical = (name: string, top: string[], known: string[] | null): CategoricalProfile => ({
  kind: 'categorical',
  name,
  rows: 100,
  nulls: 0,
  categories: top.map((value) => ({ value, count: 10 })),
  other: 0,
  known,
});
const score = numeric('score', [0.5], 0, 1);
const x: ExpectedColumn = { name: 'x', type: 'float32', reference: numeric('x', [1, 5]) };

const profile = (list: LogFile[], columns: ExpectedColumn[]): Promise<WindowProfile> =>
  profileWindow({ tempDir: folder }, { files: list, window, columns, score });
const log = (rows: Row[]): Promise<LogFile> => {
  const whole = rows.map((row, i) => ({
    _prediction_id: `f${files}-${i}`,
    _event_time: '2001-02-05T10:00:00Z',
    _release: 1,
    score: 0.5,
    ...row,
  }));
  return writeJsonLines(join(folder, `${files++}.jsonl`), whole);
};
const parquet = (select: string): Promise<LogFile> =>
  writeParquet(
    join(folder, `${files}.parquet`),
    `SELECT 'q${files++}-' || row_number() OVER () AS _prediction_id, TIMESTAMP '2001-02-05 12:00:00' AS _event_time, 2 AS _release, 0.75::FLOAT AS score, * FROM (${select})`,
  );

describe('numbers', () => {
  test('are counted in the bins of the reference: a value on an edge belongs to the bin above', async () => {
    const [column] = (await profile([await log([0.5, 1, 4.9, 5, 30].map((value) => ({ x: value })))], [x])).columns;
    expect(column).toEqual({
      name: 'x',
      expected: 'float32',
      profile: { kind: 'numeric', name: 'x', rows: 5, nulls: 0, min: 0.5, max: 30, edges: [1, 5], counts: [1, 2, 2] },
      missing: 0,
      wrong: [],
      unseen: null,
      outOfRange: 1, // the range is 0 to 10, widened -10 to 20
    });
  });

  test('of a float32 feature are float32 before they are counted: 0.7 as a float and as a decimal is one value', async () => {
    const edge = Math.fround(0.7);
    const column: ExpectedColumn = { name: 'x', type: 'float32', reference: numeric('x', [edge]) };
    const both = [
      await log([{ x: 0.7 }]),
      await parquet('SELECT 0.7::FLOAT AS x'),
      await parquet('SELECT 0.7::DOUBLE AS x'),
    ];
    const { columns } = await profile(both, [column]);
    expect(columns[0]!.profile).toMatchObject({ counts: [0, 3], min: edge, max: edge });
  });

  test('NaN, infinities and nulls are nulls; an all-null column is no crash', async () => {
    const odd = await parquet(`SELECT unnest(['NaN'::DOUBLE, 'Infinity'::DOUBLE, NULL, 3]) AS x, NULL AS n`);
    const n: ExpectedColumn = { name: 'n', type: 'float32', reference: numeric('n', []) };
    const { columns } = await profile([odd], [x, n]);
    expect(columns[0]).toMatchObject({ profile: { rows: 4, nulls: 3, counts: [0, 1, 0] }, wrong: [], missing: 0 });
    expect(columns[1]).toMatchObject({ profile: { rows: 4, nulls: 4, min: null, max: null, counts: [0] }, wrong: [] });
  });

  test('with fractions are wrong where whole numbers are expected', async () => {
    const whole: ExpectedColumn = { name: 'x', type: 'int64', reference: numeric('x', [1, 5]) };
    const { columns } = await profile(
      [await parquet('SELECT unnest([2.0, 2.5, 7]) AS x'), await log([{ x: 3 }])],
      [whole],
    );
    expect(columns[0]).toMatchObject({ profile: { counts: [0, 2, 1] }, wrong: [{ type: 'number', rows: 1 }] });
  });
});

describe('texts', () => {
  test('are counted in the categories of the reference; the rest is other; unseen ones are known as such', async () => {
    const column: ExpectedColumn = {
      name: 'c',
      type: 'string',
      reference: categorical('c', ["a'", 'b'], ["a'", 'b', 'rare']),
    };
    const rows = ["a'", "a'", 'b', 'rare', 'new', '', null].map((c) => ({ c }));
    const { columns } = await profile([await log(rows)], [column]);
    expect(columns[0]).toMatchObject({
      profile: {
        rows: 7,
        nulls: 1,
        categories: [
          { value: "a'", count: 2 },
          { value: 'b', count: 1 },
        ],
        other: 3,
        known: null,
      },
      unseen: 2,
    });
  });

  test('above the limit of known categories nothing is unseen', async () => {
    const column: ExpectedColumn = { name: 'c', type: 'string', reference: categorical('c', ['a'], null) };
    expect((await profile([await log([{ c: 'new' }])], [column])).columns[0]!.unseen).toBeNull();
  });
});

describe('what is broken becomes a count', () => {
  test('a column that changes its type in mid-window', async () => {
    const list = [
      await parquet('SELECT 3::FLOAT AS x'),
      await parquet(`SELECT 'three' AS x`),
      await log([{ x: '4' }, { x: true }, { x: [4] }]),
    ];
    const { rows, columns } = await profile(list, [x]);
    expect(rows).toBe(5);
    expect(columns[0]).toMatchObject({
      profile: { rows: 5, nulls: 3, counts: [0, 2, 0] },
      wrong: [
        { type: 'text', rows: 2 },
        { type: 'other', rows: 1 },
      ],
    });
  });

  test('a column that is missing from some objects, or from all', async () => {
    const list = [
      await parquet('SELECT 3::FLOAT AS x'),
      await parquet('SELECT 1 AS y'),
      await log([{ y: 1 }, { x: null }]),
    ];
    const z: ExpectedColumn = { name: 'z', type: 'string', reference: categorical('z', [], []) };
    const { columns } = await profile(list, [x, z]);
    expect(columns[0]).toMatchObject({ missing: 2, profile: { rows: 4, nulls: 3 } });
    expect(columns[1]).toMatchObject({ missing: 4 });
  });

  test('names differ by case; quotes, slashes and spaces in them are only characters', async () => {
    const name = `a "b"/c~d'; DROP TABLE predictions; --`;
    const column: ExpectedColumn = { name, type: 'float32', reference: numeric(name, [1]) };
    const list = [await parquet(`SELECT 2 AS "${name.replaceAll('"', '""')}", 5 AS "X"`), await log([{ [name]: 0 }])];
    const { columns } = await profile(list, [column, x]);
    expect(columns[0]).toMatchObject({ missing: 0, profile: { counts: [1, 1] } });
    expect(columns[1]).toMatchObject({ missing: 2 });
  });

  test('objects and lines that cannot be read do not hide the others', async () => {
    const torn = join(folder, 'torn.jsonl');
    await writeFile(
      torn,
      '{"_prediction_id":"t1","_event_time":"2001-02-05T10:00:00Z","x":2,"score":0.1}\n{"_predic\n',
    );
    const junk = join(folder, 'junk.parquet');
    await writeFile(junk, 'PAR1 and then nothing');
    const list = [logFile(torn), logFile(junk), logFile(join(folder, 'notes.txt')), await log([{ x: 2 }])];
    const { rows, unreadable } = await profile(list, [x]);
    expect(rows).toBe(2);
    expect(unreadable).toEqual([
      { file: 'junk.parquet', lines: null, problem: expect.stringMatching(/parquet/i) },
      { file: 'notes.txt', lines: null, problem: 'its name does not end in .parquet or .jsonl' },
      { file: 'torn.jsonl', lines: 1, problem: 'not JSON' },
    ]);
  });

  test('rows without an id or without a time are counted apart', async () => {
    const list = [await log([{}, { _prediction_id: null }, { _event_time: 'soon' }, { _event_time: null }])];
    expect(await profile(list, [])).toMatchObject({ rows: 1, withoutId: 1, withoutTime: 2 });
  });

  test('no files at all', async () => {
    const { rows, columns, servedBy } = await profile([], [x]);
    expect({ rows, servedBy, profile: columns[0]!.profile }).toEqual({
      rows: 0,
      servedBy: [],
      profile: {
        kind: 'numeric',
        name: 'x',
        rows: 0,
        nulls: 0,
        min: null,
        max: null,
        edges: [1, 5],
        counts: [0, 0, 0],
      },
    });
  });
});

test('one row per prediction id: duplicates are counted, and which one stays depends on no file name', async () => {
  const early = await log([{ _prediction_id: 'd', x: 7 }]);
  const late = await log([
    { _prediction_id: 'd', x: 2, _event_time: '2001-02-05T11:00:00Z' },
    { _prediction_id: 'e', x: 0 },
  ]);
  const same = await log([{ _prediction_id: 'd', x: 0.5 }]); // the instant of `early`, other contents
  for (const order of [
    [early, late, same],
    [same, late, early],
  ]) {
    const { rows, duplicates, columns } = await profile(order, [x]);
    expect({ rows, duplicates, counts: columns[0]!.profile }).toMatchObject({
      rows: 2,
      duplicates: 2,
      counts: { counts: [2, 0, 0] },
    });
  }
});

test('which releases answered, most rows first, and the profile of their scores', async () => {
  const result = await profile(
    [await log([{}, { score: 0.25 }]), await parquet('SELECT 1 AS x'), await log([{ _release: null }])],
    [],
  );
  expect(result.servedBy).toEqual([
    { release: 1, rows: 2 },
    { release: 2, rows: 1 },
  ]);
  expect(result.score).toMatchObject({ profile: { counts: [1, 3], nulls: 0 }, missing: 0 });
});
