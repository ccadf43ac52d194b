import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ExpectedColumn, LogFile, WindowReading, WindowRequest } from '../../../src/activities/monitor.js';
import { readWindow } from '../../../src/adapters/duckdb/index.js';
import type { ProfiledColumn } from '../../../src/contracts/index.js';
import { logFile, type Row, sql, writeJsonLines, writeParquet } from './files.js';

const HOUR_MS = 3_600_000;
const window = { from: '2001-02-05T00:00:00.000Z', to: '2001-02-06T00:00:00.000Z' };
let folder: string;
let files = 0;
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'profile-'))));
afterAll(() => rm(folder, { recursive: true, force: true }));

const x: ExpectedColumn = { name: 'x', type: 'float32', output: false };
const c: ExpectedColumn = { name: 'c', type: 'string', output: false };
const score: ExpectedColumn = { name: 'score', type: 'float32', output: true };

const read = (
  list: LogFile[],
  columns: ExpectedColumn[] = [],
  more: Partial<WindowRequest> = {},
): Promise<WindowReading> =>
  readWindow(
    { tempDir: folder },
    {
      ...{ files: list, window, columns: [...columns, score], answering: { task: 'binary' }, slices: [] },
      ...{ partMs: HOUR_MS, extras: false, unique: [], indexFile: join(folder, `index-${files++}.parquet`) },
      ...more,
    },
  );
const column = async (list: LogFile[], wanted: ExpectedColumn): Promise<ProfiledColumn> =>
  (await read(list, [wanted])).profile.columns[0]!;
const numbers = ({ sketch }: ProfiledColumn): [number, number][] => {
  if (sketch.kind !== 'numeric') throw new Error('not numeric');
  return sketch.starts.map((start, i) => [start, sketch.counts[i]!]);
};
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

describe('columns', () => {
  test('of a float32 feature are float32 before they are counted: 0.7 as a float and as a decimal is one value', async () => {
    const both = [
      await log([{ x: 0.7 }]),
      await parquet('SELECT 0.7::FLOAT AS x'),
      await parquet('SELECT 0.7::DOUBLE AS x'),
    ];
    expect(numbers(await column(both, x))).toEqual([[Math.fround(0.7), 3]]);
  });

  test('NaN, infinities and nulls are nulls; an all-null column is no crash', async () => {
    const odd = await parquet(`SELECT unnest(['NaN'::DOUBLE, 'Infinity'::DOUBLE, NULL, 3]) AS x, NULL AS n`);
    const { profile } = await read([odd], [x, { ...x, name: 'n' }]);
    expect(profile.columns[0]).toMatchObject({ rows: 4, nulls: 3, wrong: [], missing: 0 });
    expect(profile.columns[1]).toMatchObject({ rows: 4, nulls: 4, wrong: [], sketch: { min: null } });
  });

  test('with fractions are wrong where whole numbers are expected', async () => {
    const list = [await parquet('SELECT unnest([2.0, 2.5, 7]) AS x'), await log([{ x: 3 }])];
    const found = await column(list, { ...x, type: 'int64' });
    expect(numbers(found)).toEqual([2, 3, 7].map((value) => [value, 1]));
    expect(found.wrong).toEqual([{ kind: 'number', rows: 1 }]);
  });

  test('of text are counted by category', async () => {
    const rows = ["a'", "a'", 'b', '', null].map((value) => ({ c: value }));
    expect(await column([await log(rows)], c)).toMatchObject({
      ...{ rows: 5, nulls: 1 },
      sketch: { of: 'values', categories: ['', "a'", 'b'], counts: [1, 2, 1] },
    });
  });

  test('that change their type in mid-window', async () => {
    const list = [
      await parquet('SELECT 3::FLOAT AS x'),
      await parquet(`SELECT 'three' AS x`),
      await log([{ x: '4' }, { x: true }, { x: [4] }]),
    ];
    expect(await column(list, x)).toMatchObject({
      ...{ rows: 5, nulls: 0 },
      wrong: [
        { kind: 'text', rows: 2 },
        { kind: 'other', rows: 1 },
      ],
    });
  });

  test('that are missing from some objects, or from all', async () => {
    const list = [
      await parquet('SELECT 3::FLOAT AS x'),
      await parquet('SELECT 1 AS y'),
      await log([{ y: 1 }, { x: null }]),
    ];
    const { profile } = await read(list, [x, { ...c, name: 'z' }]);
    expect(profile.columns[0]).toMatchObject({ rows: 4, missing: 2, nulls: 1 });
    expect(profile.columns[1]).toMatchObject({ rows: 4, missing: 4 });
  });

  test('names differ by case; quotes, slashes and spaces in them are only characters', async () => {
    const name = `a "b"/c~d'; DROP TABLE predictions; --`;
    const list = [await parquet(`SELECT 2 AS "${name.replaceAll('"', '""')}", 5 AS "X"`), await log([{ [name]: 0 }])];
    const { profile } = await read(list, [{ ...x, name }, x], { slices: [name] });
    expect(profile.columns[0]).toMatchObject({ name, missing: 0, nulls: 0 });
    expect(profile.columns[1]).toMatchObject({ missing: 2 });
  });

  test('that nobody expects are named, with the rows of the objects that have them', async () => {
    const list = [await parquet('SELECT 3 AS x, 1 AS wind'), await log([{ x: 1, rain: 2 }, { rain: 3 }])];
    const { feed } = await read(list, [x], { extras: true });
    expect(feed.extraColumns).toEqual([
      { name: 'rain', rows: 2 },
      { name: 'wind', rows: 1 },
    ]);
    expect((await read(list, [x])).feed.extraColumns).toEqual([]);
  });

  test('a million categories are counted in buckets, within bounded memory', async () => {
    const many = await parquet(`SELECT 'c' || range AS c FROM range(1000000)`);
    const { sketch } = await column([many], c);
    if (sketch.kind !== 'categorical') throw new Error('not categorical');
    expect(sketch.of).toBe('buckets');
    expect(sketch.counts.reduce((a, b) => a + b)).toBe(1e6);
    expect(Math.abs(sketch.distinct / 1e6 - 1)).toBeLessThan(0.1);
    expect(JSON.stringify(sketch).length).toBeLessThan(200_000);
  }, 120_000);
});

describe('traffic', () => {
  test('objects and lines that cannot be read do not hide the others, and are called by their own names', async () => {
    const torn = join(folder, 'torn.jsonl');
    await writeFile(
      torn,
      '{"_prediction_id":"t1","_event_time":"2001-02-05T10:00:00Z","x":2,"score":0.1}\n{"_predic\n',
    );
    const junk = join(folder, 'junk.parquet');
    await writeFile(junk, 'PAR1 and then nothing');
    const list = [logFile(torn), logFile(junk), logFile(join(folder, 'notes.txt')), await log([{ x: 2 }])];
    const { rows, feed } = await read(list, [x]);
    expect(rows).toBe(2);
    expect(feed.unreadable).toEqual([
      { file: 'junk.parquet', lines: null, problem: expect.stringMatching(/parquet/i) },
      { file: 'notes.txt', lines: null, problem: 'its name does not end in .parquet or .jsonl' },
      { file: 'torn.jsonl', lines: 1, problem: 'not JSON' },
    ]);
    expect(JSON.stringify(feed.unreadable)).not.toContain(folder);
  });

  test('an object that was written by half is one alarm, wherever it was cut', async () => {
    const whole = await parquet(`SELECT range AS x FROM range(20000)`);
    const bytes = await readFile(whole.path);
    for (const share of [0.01, 0.5, 0.99]) {
      const path = join(folder, `half-${share}.parquet`);
      await writeFile(path, bytes.subarray(0, Math.floor(share * bytes.length)));
      const { rows, feed } = await read([logFile(path), await log([{ x: 2 }])], [x]);
      expect([rows, feed.unreadable.map(({ file }) => file)]).toEqual([1, [`half-${share}.parquet`]]);
    }
  });

  test('rows without an id or without a time are counted apart, and rows of another day than their object’s', async () => {
    const list = [
      await log([
        {},
        { _prediction_id: null },
        { _event_time: 'soon' },
        { _event_time: null },
        { _event_time: '2031-02-05T10:00:00Z' },
        { _event_time: '2001-02-06T00:00:00Z' },
        { _event_time: '2001-02-04T23:59:59Z' },
      ]),
    ];
    const { rows, feed } = await read(list);
    expect(rows).toBe(1);
    expect(feed).toMatchObject({ withoutId: 1, withoutTime: 2, misdated: { before: 1, after: 2 } });
  });

  test('repeated values are counted where a sketch cannot tell them', async () => {
    const rows = `SELECT 'u' || i AS _prediction_id, TIMESTAMP '2001-02-05 10:00:00' AS _event_time, 1 AS _release,
      0.5::FLOAT AS score, (i % 9000) * 1000003 AS ticket, 'k' || i % 9000 AS key FROM range(10000) t(i)`;
    const columns: ExpectedColumn[] = [
      { name: 'ticket', type: 'int64', output: false },
      { name: 'key', type: 'string', output: false },
    ];
    const { feed, profile } = await read([await parquet(rows)], columns, { unique: ['ticket', 'key'] });
    const [ticket] = profile.columns;
    expect(ticket!.sketch.kind === 'numeric' && ticket!.sketch.bits).toBeLessThan(52);
    expect(feed.repeats).toEqual([
      { name: 'ticket', rows: 1000 },
      { name: 'key', rows: 1000 },
    ]);
  });

  test('an hour of a day reads the day’s objects: the other hours are no mistake', async () => {
    const list = [await log([{}, { _event_time: '2001-02-05T11:30:00Z' }])];
    const hour = { from: '2001-02-05T11:00:00.000Z', to: '2001-02-05T12:00:00.000Z' };
    const { rows, feed } = await read(list, [], { window: hour, partMs: HOUR_MS / 12 });
    expect(rows).toBe(1);
    expect(feed).toMatchObject({
      objectRows: 2,
      misdated: { before: 0, after: 0 },
      volume: { rows: [0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0] },
    });
  });

  test('is counted by the hour', async () => {
    const { feed } = await read([await log([{}, {}, { _event_time: '2001-02-05T23:59:59.999Z' }])]);
    expect(feed.volume.rows).toHaveLength(24);
    expect([feed.volume.rows[10], feed.volume.rows[23]]).toEqual([2, 1]);
  });

  test('no files at all', async () => {
    const { rows, profile, servedBy } = await read([], [x]);
    expect({ rows, servedBy }).toEqual({ rows: 0, servedBy: [] });
    expect(profile.columns.map((one) => [one.name, one.rows])).toEqual([
      ['x', 0],
      ['score', 0],
    ]);
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
    const { rows, feed, profile } = await read(order, [x]);
    expect([rows, feed.duplicates, numbers(profile.columns[0]!)]).toEqual([
      2,
      2,
      [
        [0, 1],
        [0.5, 1],
      ],
    ]);
  }
});

test('which releases answered, most rows first; the canary’s scores are not the champion’s', async () => {
  const list = [
    await log([{}, { score: 0.25 }]),
    await parquet(`SELECT 1 AS x, 'canary' AS _arm`),
    await log([{ _release: null }]),
  ];
  const { servedBy, profile, rows } = await read(list, [x]);
  expect(servedBy).toEqual([
    { release: 1, rows: 2 },
    { release: 2, rows: 1 },
  ]);
  expect([rows, profile.rows, profile.columns.map((one) => one.rows)]).toEqual([4, 4, [4, 3]]);
  expect(numbers(profile.columns[1]!)).toEqual([
    [0.25, 1],
    [0.5, 2],
  ]);
});

test('the index has one row per prediction, by id: equal rows make an equal file', async () => {
  const a = await log([{ _prediction_id: 'b', c: 'x' }]);
  const b = await log([{ _prediction_id: 'a', c: 'y', score: 0.75, prediction: 1 }]);
  const contents = [];
  for (const [i, order] of [
    [a, b],
    [b, a],
  ].entries()) {
    const indexFile = join(folder, `own-${i}.parquet`);
    await read(order, [c], { slices: ['c'], indexFile });
    contents.push(await readFile(indexFile));
  }
  expect(contents[0]!.equals(contents[1]!)).toBe(true);
  expect(await sql(`SELECT * FROM '${join(folder, 'own-0.parquet')}'`)).toEqual([
    { id: 'a', arm: null, prediction: 1, score: 0.75, 'slice:c': 'y' },
    { id: 'b', arm: null, prediction: null, score: 0.5, 'slice:c': 'x' },
  ]);
});

test('classes that are whole numbers are classes', async () => {
  const list = [await log([{ prediction: 1 }, { prediction: '1' }, { prediction: '2' }])];
  const prediction: ExpectedColumn = { name: 'prediction', type: 'string', output: true };
  const { profile } = await read(list, [prediction], {
    columns: [prediction],
    answering: { task: 'multiclass', classes: ['1', '2'] },
  });
  expect(profile.columns[0]).toMatchObject({ wrong: [], sketch: { categories: ['1', '2'], counts: [2, 1] } });
});
