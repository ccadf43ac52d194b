import { describe, expect, it } from 'vitest';
import { partitionOf, withoutBlocked } from '../../src/activities/blocked-data.js';

const day = (iso: string): string => `${iso}T00:00:00.000Z`;

describe('files of blocked windows', () => {
  it('reads the innermost part that is a date', () => {
    expect(partitionOf('dt=2001-02-05/a.parquet')).toEqual({
      fromMs: Date.parse('2001-02-05'),
      toMs: Date.parse('2001-02-06'),
    });
    expect(partitionOf('week=2001-02-05/a.parquet')?.toMs).toBe(Date.parse('2001-02-12'));
    expect(partitionOf('week=2001-02-05/dt=2001-02-07/a.parquet')?.fromMs).toBe(Date.parse('2001-02-07'));
    expect(partitionOf('a.parquet')).toBeUndefined();
    expect(partitionOf('dt=2001-13-41/a.parquet')).toBeUndefined();
  });

  it.each([
    ['date=2001-02-05/a', '2001-02-05', '2001-02-06'],
    ['day=2001-02-05/a', '2001-02-05', '2001-02-06'],
    ['month=2001-02/a', '2001-02-01', '2001-03-01'],
    ['month=2001-02-01/a', '2001-02-01', '2001-03-01'],
    ['month=2001-12/a', '2001-12-01', '2002-01-01'],
    ['year=2001/a', '2001-01-01', '2002-01-01'],
    ['year=2001/month=02/a', '2001-02-01', '2001-03-01'],
    ['year=2001/month=2/day=5/a', '2001-02-05', '2001-02-06'],
    ['week=2001-12-31/a', '2001-12-31', '2002-01-07'],
    ['window=20010205T000000Z_20010205T060000Z/a', '2001-02-05', '2001-02-05T06:00:00Z'],
  ])('%s is from %s to %s', (path, from, to) => {
    expect(partitionOf(path)).toEqual({ fromMs: Date.parse(from), toMs: Date.parse(to) });
  });

  it.each([
    'month=2001-02-15/a',
    'dt=2001-02-30/a',
    'month=13/a',
    'day=5/a',
    'batch=2001-02-05/a',
    'year=01/a',
    'window=20010205T000000Z/a',
    'window=20010206T000000Z_20010205T000000Z/a',
  ])('%s does not say its time', (path) => expect(partitionOf(path)).toBeUndefined());

  it('leaves out a month of which a week is blocked', () => {
    const blocked = [{ from: day('2001-02-19'), to: day('2001-02-26') }];
    const paths = ['month=2001-02-01/a', 'month=2001-03/a', 'a'];
    expect(withoutBlocked(paths, blocked)).toEqual({ include: [paths[1]], excluded: [paths[0]], undated: ['a'] });
    expect(withoutBlocked(paths, [])).toEqual({ include: paths, excluded: [], undated: [] });
  });

  it.each([
    ['a day inside', 'dt=2001-02-07/a', true],
    ['the first day', 'dt=2001-02-05/a', true],
    ['the day of the end, which is exclusive', 'dt=2001-02-12/a', false],
    ['the day before', 'dt=2001-02-04/a', false],
    ['a week that overlaps', 'week=2001-02-01/a', true],
    ['a week that ends where the window begins', 'week=2001-01-29/a', false],
    ['no date at all', 'all/a', false],
  ])('%s', (_, path, excluded) => {
    const blocked = [{ from: day('2001-02-05'), to: day('2001-02-12') }];
    expect(withoutBlocked([path], blocked).excluded).toEqual(excluded ? [path] : []);
  });

  it('leaves out a day of which one hour is blocked', () => {
    const blocked = [{ from: '2001-02-05T13:00:00.000Z', to: '2001-02-05T14:00:00.000Z' }];
    expect(withoutBlocked(['dt=2001-02-05/a', 'dt=2001-02-06/a'], blocked).include).toEqual(['dt=2001-02-06/a']);
  });
});
