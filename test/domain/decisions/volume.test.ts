import { expect, test } from 'vitest';
import { comparableWindows, expectedOf, partMsOf } from '../../../src/domain/decisions/volume.js';
import { DAY_MS, feed, report } from './samples.js';

const HOUR_MS = DAY_MS / 24;
const windowOf = (lengthMs: number, from = '2001-03-05T00:00:00.000Z') => ({
  from,
  to: new Date(Date.parse(from) + lengthMs).toISOString(),
});

test.each<[string, number, number]>([
  ['a week is counted by the day', 7 * DAY_MS, DAY_MS],
  ['a day by the hour', DAY_MS, HOUR_MS],
  ['an hour by five minutes', HOUR_MS, HOUR_MS / 12],
  ['a second as one', 1000, 1000],
])('%s', (_, length, part) => expect(partMsOf(windowOf(length))).toBe(part));

test.each<[string, number, unknown[]]>([
  [
    'a day: the weekday, then the days before',
    DAY_MS,
    [
      ['weekday', true, 4, '2001-02-26'],
      ['preceding', false, 8, '2001-03-04'],
    ],
  ],
  [
    'an hour: of the weekday, then of the day; never the hour before',
    HOUR_MS,
    [
      ['weekday', true, 4, '2001-02-26'],
      ['hour', true, 7, '2001-03-04'],
    ],
  ],
  ['a week: the weeks before', 7 * DAY_MS, [['preceding', true, 8, '2001-02-26']]],
  ['three days fall on other weekdays each time', 3 * DAY_MS, [['preceding', false, 8, '2001-03-02']]],
])('%s', (_, length, choices) => {
  const found = comparableWindows(windowOf(length));
  expect(found.map(({ of, alike, windows }) => [of, alike, windows.length, windows[0]!.from.slice(0, 10)])).toEqual(
    choices,
  );
});

test('expected is the median of whole windows, three at least, with the usual spread', () => {
  const past = (rows: number, parts: number[], check?: 'partial' | 'volume') => ({
    ...report,
    rows,
    feed: { ...feed, volume: { partMs: DAY_MS, rows: parts } },
    checks: check ? [{ check, column: null, severity: 'warn' as const, value: 1, limit: 0, text: '' }] : [],
  });
  const weeks = [past(70, [10, 60]), past(100, [20, 80]), past(110, [30, 80])];
  const choice = { of: 'preceding', alike: true } as const;
  expect(expectedOf(choice, weeks)).toEqual({
    ...{ rows: 100, parts: [20, 80], windows: 3, ...choice },
    spread: expect.closeTo(0.14826, 9),
  });
  // A new level of traffic is learnt; a torn window teaches nothing.
  expect(expectedOf(choice, [...weeks, past(900, [1, 1], 'volume')])).toMatchObject({ rows: 105, windows: 4 });
  expect(expectedOf(choice, [...weeks.slice(0, 2), past(110, [30, 80], 'partial')])).toBeNull();
});
