import { describe, expect, test } from 'vitest';
import type {
  DataCheck,
  ExpectedVolume,
  MonitorPolicy,
  ProfiledColumn,
  TableProfile,
  WindowFeed,
} from '../../../src/contracts/index.js';
import type { CheckInput } from '../../../src/domain/decisions/check-input.js';
import { checkWindow } from '../../../src/domain/decisions/checks.js';
import { categoricalSketch, numericSketch } from '../../support/sketches.js';
import { config, feed } from './samples.js';

const profiled = (
  name: string,
  sketch: ProfiledColumn['sketch'],
  change: Partial<ProfiledColumn> = {},
): ProfiledColumn => ({
  name,
  rows: 1000,
  nulls: 0,
  missing: 0,
  wrong: [],
  sketch,
  ...change,
});
const hours = Array.from({ length: 1000 }, (_, i) => i % 24);
const airports = Array.from({ length: 900 }, (_, i) => (i % 3 === 0 ? 'ORD' : 'ATL'));
const scores = Array.from({ length: 1000 }, (_, i) => (i % 10) / 10);
const hour = (values: number[] = hours, change?: Partial<ProfiledColumn>) =>
  profiled('hour', numericSketch(values), change);
const origin = (values: string[] = airports, change: Partial<ProfiledColumn> = { nulls: 100 }) =>
  profiled('origin', categoricalSketch(values), change);
const score = (values: number[] = scores) => profiled('score', numericSketch(values));
const table = (...columns: ProfiledColumn[]): TableProfile => ({
  ...{ kind: 'profile', schema: 1, rows: 1000, columns, quality: null, slices: [] },
});
const fine: CheckInput = {
  rows: 1000,
  lateRows: 0,
  feed,
  expected: null,
  profile: table(hour(), origin(), score()),
  reference: table(hour(), origin(), score()),
  columns: [
    { name: 'hour', type: 'int64', output: false },
    { name: 'origin', type: 'string', output: false },
    { name: 'score', type: 'float32', output: true },
  ],
  policy: config.monitor,
};
const check = (change: Partial<CheckInput> = {}): DataCheck[] => checkWindow({ ...fine, ...change });
const withColumn = (column: ProfiledColumn, policy: Partial<MonitorPolicy> = {}): DataCheck[] =>
  check({
    profile: table(...fine.profile.columns.map((one) => (one.name === column.name ? column : one))),
    policy: { ...config.monitor, ...policy },
  });
const withFeed = (change: Partial<WindowFeed>, more: Partial<CheckInput> = {}): DataCheck[] =>
  check({ feed: { ...feed, ...change }, ...more });

test('nothing is wrong with a window like the reference', () => {
  expect(check()).toEqual([]);
});

describe('the feed', () => {
  test('silent: one alarm, not one per column', () => {
    const silent = check({ rows: 0, profile: table(hour([], { rows: 0 })) });
    expect(silent).toMatchObject([{ check: 'silent', severity: 'block', value: 0, limit: 100 }]);
    expect(silent[0]!.text).toContain('the feed is silent');
  });
  test('few rows are a warning', () => {
    expect(check({ rows: 99 })).toMatchObject([{ check: 'fewRows', severity: 'warn', value: 99, limit: 100 }]);
  });
  test('unreadable log objects block, and say which', () => {
    const unreadable = [
      { file: 'predictions/late/dt=2001-02-05/a.jsonl', lines: 3, problem: 'not JSON' },
      { file: 'b.parquet', lines: null, problem: 'no magic' },
    ];
    expect(withFeed({ unreadable })).toMatchObject([
      {
        check: 'unreadable',
        severity: 'block',
        value: 2,
        text: expect.stringMatching(/a\.jsonl cannot be read: 3 lines: not JSON \(and 1 more/),
      },
    ]);
  });
  test('rows without an id or a time, duplicates, late rows, and rows of another day', () => {
    const [id] = withFeed({ withoutId: 300 });
    expect(id).toMatchObject({ check: 'nulls', column: '_prediction_id', severity: 'block', value: 300 / 1300 });
    expect(withFeed({ duplicates: 20 })).toMatchObject([{ check: 'duplicates', severity: 'warn', value: 20 / 1020 }]);
    expect(withFeed({ duplicates: 10 })).toEqual([]);
    expect(withFeed({ duplicates: 2000 })).toMatchObject([{ check: 'duplicates', severity: 'block' }]);
    expect(check({ lateRows: 50 })).toMatchObject([{ check: 'late', severity: 'warn', value: 0.05 }]);
    const [misdated] = withFeed({ misdated: { before: 0, after: 1 } });
    expect(misdated).toMatchObject({
      check: 'misdated',
      severity: 'warn',
      text: expect.stringContaining('in the future'),
    });
    const old = { misdated: { before: 500, after: 0 } };
    expect(withFeed({ ...old, objectRows: 1500 })).toMatchObject([{ check: 'misdated', severity: 'block' }]);
    // An hour beside the others of its day.
    expect(withFeed({ ...old, objectRows: 24_000 })).toMatchObject([{ check: 'misdated', severity: 'warn' }]);
    expect(withFeed({ withoutTime: 500, objectRows: 24_000 })).toEqual([]);
  });

  const expected: ExpectedVolume = {
    ...{ rows: 1000, parts: [150, 150, 150, 150, 150, 150, 100], spread: 0.03, windows: 8 },
    ...{ of: 'preceding', alike: true },
  };
  const volume = (...rows: number[]): Partial<WindowFeed> => ({ volume: { partMs: 86_400_000, rows } });
  const sum = (rows: number[]): number => rows.reduce((a, b) => a + b);
  const traffic = (rows: number[], more: Partial<ExpectedVolume> = {}): DataCheck[] =>
    withFeed(volume(...rows), { rows: sum(rows), expected: { ...expected, ...more } });

  test('a missing day is partial, however good the rest is; it is said which', () => {
    const [partial, ...others] = traffic([160, 160, 160, 160, 160, 160, 0]);
    expect(others).toEqual([]);
    expect(partial).toMatchObject({ check: 'partial', severity: 'warn', value: 0.1 });
    expect(partial!.text).toBe(
      'the feed is partial: day 7 of 7 is silent, where windows before it (median of 8) had traffic (10 % of it)',
    );
    expect(traffic([0, 0, 0, 0, 150, 150, 100])).toMatchObject([
      { check: 'volume', severity: 'warn' },
      { check: 'partial', severity: 'block', value: 0.6 },
    ]);
  });
  test('a day that is usually silent is not missed', () => {
    expect(traffic([150, 150, 150, 150, 150, 250, 0], { parts: [150, 150, 150, 150, 150, 250, 0] })).toEqual([]);
  });
  test('less than usual warns, much less blocks; beside unlike windows it only warns', () => {
    const thin = (share: number): number[] => expected.parts.map((n) => n * share);
    expect(traffic(thin(0.7))).toEqual([]);
    expect(traffic(thin(0.55))).toMatchObject([{ check: 'volume', severity: 'warn', value: expect.closeTo(0.45, 9) }]);
    expect(traffic(thin(0.25))).toMatchObject([{ check: 'volume', severity: 'block' }]);
    expect(traffic(thin(0.25), { alike: false })).toMatchObject([{ check: 'volume', severity: 'warn' }]);
    // Traffic that varies by itself must vary more to be noticed.
    expect(traffic(thin(0.55), { spread: 0.1 })).toEqual([]);
    expect(traffic(thin(2.5))).toMatchObject([
      { check: 'surplus', severity: 'warn', text: expect.stringContaining('150 % more') },
    ]);
  });
  test('without windows before it a window is held against itself, at its ends', () => {
    const alone = (rows: number[]): DataCheck[] => withFeed(volume(...rows), { rows: sum(rows) });
    expect(alone([150, 150, 140, 150, 160, 150, 0])).toMatchObject([{ check: 'partial', severity: 'warn' }]);
    expect(alone([150, 150, 140, 150, 160, 10, 0])).toEqual([]); // it fades out
    expect(alone([0, 150, 0, 150, 0, 150, 0])).toEqual([]); // it is like that
  });
});

describe('a column', () => {
  test('that is missing blocks; missing in part counts as its share', () => {
    expect(withColumn(hour([], { missing: 1000 }))).toMatchObject([
      { check: 'missingColumn', severity: 'block', value: 1 },
    ]);
    expect(withColumn(hour(hours.slice(0, 900), { missing: 100 }))).toMatchObject([
      { check: 'missingColumn', severity: 'warn', value: 0.1, text: expect.stringContaining('10 % of the rows') },
    ]);
  });
  test('of another type warns from one row on', () => {
    const wrong = (rows: number) => withColumn(hour(hours.slice(rows), { wrong: [{ kind: 'text', rows }] }));
    expect(wrong(1)).toMatchObject([
      { check: 'type', severity: 'warn', text: 'column hour must be int64, but is text in 0.1 % of the rows' },
    ]);
    expect(wrong(201)).toMatchObject([{ check: 'type', severity: 'block' }]);
  });
  test('nulls count from the reference’s share on; NaN and infinities are nulls', () => {
    expect(withColumn(hour(hours.slice(50), { nulls: 50 }))).toEqual([]);
    expect(withColumn(hour(hours.slice(60), { nulls: 60 }))).toMatchObject([
      { check: 'nulls', severity: 'warn', value: 0.06 },
    ]);
    expect(withColumn(hour([...hours.slice(300), ...Array<number>(300).fill(NaN)]))).toMatchObject([
      { check: 'nulls', severity: 'block', value: 0.3 },
    ]);
    expect(withColumn(origin(airports.slice(0, 860), { nulls: 140 }))).toEqual([]); // a tenth is null by nature
  });
  test('all null blocks', () => {
    expect(withColumn(hour([], { nulls: 1000 }))).toMatchObject([{ check: 'nulls', severity: 'block', value: 1 }]);
  });
  test('with categories that the reference never saw', () => {
    const some = (n: number) => [...airports.slice(n), ...Array<string>(n).fill('LHR')];
    expect(withColumn(origin(some(10)))).toEqual([]);
    expect(withColumn(origin(some(20)))).toMatchObject([{ check: 'unseenCategories', severity: 'warn', value: 0.02 }]);
    expect(withColumn(origin(some(200)))).toMatchObject([{ check: 'unseenCategories', severity: 'block' }]);
  });
  test('far outside the reference’s range; the range is 0 to 23, widened to -23 to 46', () => {
    expect(withColumn(hour(hours.map((x) => x + 23)))).toEqual([]);
    expect(withColumn(hour(hours.map((x, i) => (i < 20 ? 47 : x))))).toMatchObject([
      { check: 'outOfRange', severity: 'warn', value: 0.02 },
    ]);
    expect(withColumn(hour(hours.map((x, i) => (i < 200 ? -24 : x))))).toMatchObject([
      { check: 'outOfRange', severity: 'block' },
    ]);
  });
  test('a feature that is stuck warns, an answer that is stuck blocks', () => {
    expect(withColumn(hour(Array<number>(1000).fill(7)))).toMatchObject([
      { check: 'constant', severity: 'warn', column: 'hour' },
    ]);
    expect(withColumn(origin(Array<string>(1000).fill('ATL')))).toMatchObject([
      { check: 'constant', severity: 'warn' },
    ]);
    expect(withColumn(score(Array<number>(1000).fill(0.5)))).toMatchObject([
      { check: 'constant', severity: 'block', column: 'score' },
    ]);
    const few = {
      rows: 4,
      profile: table(profiled('hour', numericSketch([7, 7, 7, 7]), { rows: 4 }), origin(), score()),
    };
    expect(check(few).map((one) => one.check)).toEqual(['fewRows']); // four equal hours are chance
  });
});

describe('what people say of a column', () => {
  const schema = (columns: MonitorPolicy['schema']['columns'], extra: 'off' | 'warn' | 'block' = 'off') => ({
    schema: { columns, extra },
  });
  test('its range and categories hold row by row, with the severity that they name', () => {
    expect(withColumn(hour([...hours.slice(1), 24]), schema({ hour: { min: 0, max: 23 } }))).toEqual([]);
    expect(
      withColumn(hour([...hours.slice(1), 24]), schema({ hour: { min: 0, max: 23, severity: 'block' } })),
    ).toMatchObject([
      { check: 'outOfRange', severity: 'block', value: 0.001, text: expect.stringContaining('0 to 23') },
    ]);
    const rules = { categories: ['ATL'], severity: 'block' as const, rules: { categories: 'warn' as const } };
    expect(withColumn(origin(), schema({ origin: rules }))).toMatchObject([
      { check: 'unseenCategories', severity: 'warn' },
    ]);
  });
  test('not nullable: one null is too many; off: none is', () => {
    expect(withColumn(hour(hours.slice(1), { nulls: 1 }), schema({ hour: { nullable: false } }))).toMatchObject([
      { check: 'nulls', severity: 'block', value: 0.001 },
    ]);
    expect(withColumn(hour([], { nulls: 1000 }), schema({ hour: { rules: { nulls: 'off' } } }))).toEqual([]);
    expect(withColumn(hour([], { missing: 1000 }), schema({ hour: { severity: 'off' } }))).toEqual([]);
  });
  test('unique: a repeated value is an incident', () => {
    const policy = { ...config.monitor, ...schema({ hour: { unique: true } }) };
    expect(withFeed({ repeats: [{ name: 'hour', rows: 1 }] }, { policy })).toMatchObject([
      { check: 'notUnique', severity: 'block', value: 0.001 },
    ]);
    expect(withFeed({ repeats: [{ name: 'hour', rows: 0 }] }, { policy })).toEqual([]);
  });
  test('columns that nobody expects', () => {
    const extraColumns = [{ name: 'wind', rows: 1000 }];
    const policy = (extra: 'off' | 'warn') => ({ ...config.monitor, ...schema({}, extra) });
    expect(withFeed({ extraColumns }, { policy: policy('warn') })).toMatchObject([
      { check: 'extraColumn', column: 'wind', severity: 'warn' },
    ]);
    expect(withFeed({ extraColumns }, { policy: policy('off') })).toEqual([]);
  });
});
