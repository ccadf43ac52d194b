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
