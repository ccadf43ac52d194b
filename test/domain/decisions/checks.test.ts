import { describe, expect, test } from 'vitest';
import { checkWindow } from '../../../src/domain/decisions/checks.js';
import type { WindowColumn, WindowProfile } from '../../../src/domain/decisions/window-profile.js';
import { config, reference } from './samples.js';

const column = (index: number, change: Partial<WindowColumn> = {}, nulls = 0): WindowColumn => {
  const profile = { ...reference.columns[index]!, rows: 1000, nulls };
  return {
    name: profile.name,
    expected: index === 0 ? 'int64' : 'string',
    profile,
    missing: 0,
    wrong: [],
    unseen: null,
    outOfRange: null,
    ...change,
  };
};
const fine: WindowProfile = {
  rows: 1000,
  duplicates: 0,
  withoutId: 0,
  withoutTime: 0,
  servedBy: [{ release: 1, rows: 1000 }],
  columns: [column(0), column(1, {}, 100)],
  score: {
    name: 'score',
    expected: 'float32',
    profile: reference.prediction,
    missing: 0,
    wrong: [],
    unseen: null,
    outOfRange: 0,
  },
  unreadable: [],
};
const check = (change: Partial<WindowProfile>) => checkWindow({ ...fine, ...change }, reference, config.monitor);
const hour = (change: Partial<WindowColumn>, nulls = 0) =>
  check({ columns: [column(0, change, nulls), column(1, {}, 100)] });
const origin = (change: Partial<WindowColumn>, nulls = 100) =>
  check({ columns: [column(0), column(1, change, nulls)] });

test('nothing is wrong with a window like the reference', () => {
  expect(check({})).toEqual([]);
});

test('a silent feed is one alarm, not one per column', () => {
  expect(check({ rows: 0, columns: [column(0, { missing: 0 })] })).toEqual([
    { check: 'feed', column: null, severity: 'block', value: 0, limit: 100, text: expect.stringContaining('silent') },
  ]);
});
test('few rows are a warning', () => {
  expect(
    check({ rows: 99, columns: [], score: { ...fine.score, profile: { ...reference.prediction, nulls: 0 } } }),
  ).toMatchObject([{ check: 'feed', severity: 'warn', value: 99, limit: 100 }]);
});
test('unreadable log objects block, and say which', () => {
  const unreadable = [
    { file: 'predictions/late/dt=2001-02-05/a.jsonl', lines: 3, problem: 'not JSON' },
    { file: 'b.parquet', lines: null, problem: 'no magic' },
  ];
  expect(check({ unreadable })).toMatchObject([
    {
      check: 'feed',
      severity: 'block',
      text: 'predictions/late/dt=2001-02-05/a.jsonl cannot be read: 3 lines: not JSON (and 1 more log objects)',
    },
  ]);
});
test('rows without id or time', () => {
  expect(check({ withoutId: 400, withoutTime: 100 })).toMatchObject([
    { check: 'nulls', column: '_prediction_id', severity: 'block' },
    { check: 'nulls', column: '_event_time', severity: 'warn' },
  ]);
});

describe('columns', () => {
  test('missing altogether: one alarm', () => {
    expect(hour({ missing: 1000 }, 1000)).toMatchObject([
      { check: 'missingColumn', column: 'hour', severity: 'block' },
    ]);
  });
  test('missing from some log objects', () => {
    expect(hour({ missing: 100 }, 100)).toMatchObject([{ check: 'missingColumn', severity: 'warn', value: 0.1 }]);
    expect(hour({ missing: 300 }, 300)).toMatchObject([{ check: 'missingColumn', severity: 'block', value: 0.3 }]);
  });
  test('of another type: a warning from the first row on', () => {
    expect(hour({ wrong: [{ type: 'text', rows: 1 }] }, 1)).toMatchObject([
      {
        check: 'type',
        severity: 'warn',
        value: 0.001,
        text: 'column hour must be int64, but is text in 0.1 % of the rows',
      },
    ]);
    expect(hour({ wrong: [{ type: 'text', rows: 500 }] }, 500)).toMatchObject([{ check: 'type', severity: 'block' }]);
  });
  test('nulls, above the share that the reference has', () => {
    expect(hour({}, 50)).toEqual([]);
    expect(hour({}, 51)).toMatchObject([{ check: 'nulls', severity: 'warn', value: 0.051, limit: 0.05 }]);
    expect(hour({}, 201)).toMatchObject([{ check: 'nulls', severity: 'block', limit: 0.2 }]);
    expect(origin({}, 250)).toMatchObject([
      { severity: 'warn', text: 'column origin has no value in 25 % of the rows, in the reference in 10 %' },
    ]);
    expect(origin({}, 301)).toMatchObject([{ severity: 'block' }]);
  });
  test('all null', () => {
    expect(hour({}, 1000)).toMatchObject([{ check: 'nulls', severity: 'block', value: 1 }]);
  });
  test('categories that the reference never saw', () => {
    expect(origin({ unseen: 10 })).toEqual([]);
    expect(origin({ unseen: 50 })).toMatchObject([{ check: 'unseenCategories', severity: 'warn', value: 0.05 }]);
    expect(origin({ unseen: 101 })).toMatchObject([{ check: 'unseenCategories', severity: 'block' }]);
  });
  test('far outside the range', () => {
    expect(hour({ outOfRange: 200 })).toMatchObject([
      { check: 'outOfRange', severity: 'block', value: 0.2, limit: 0.1 },
    ]);
  });
  test('the score is checked too', () => {
    const score = { ...fine.score, profile: { ...reference.prediction, nulls: 1000 } };
    expect(check({ score })).toMatchObject([{ check: 'nulls', column: 'score', severity: 'block' }]);
  });
});
