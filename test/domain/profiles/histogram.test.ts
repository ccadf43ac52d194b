import { expect, test } from 'vitest';
import { histogramOf } from '../../../src/domain/profiles/histogram.js';
import { categoricalSketch, numericSketch } from '../../support/sketches.js';

const total = (bins: ReturnType<typeof histogramOf>, side: 'reference' | 'current'): number =>
  bins.reduce((sum, bin) => sum + bin[side], 0);

test('few values stand each for itself', () => {
  expect(histogramOf(numericSketch([0, 0, 1, 7]), numericSketch([7, 9]))).toEqual([
    { label: '0', reference: 0.5, current: 0 },
    { label: '1', reference: 0.25, current: 0 },
    { label: '7', reference: 0.25, current: 0.5 },
    { label: '9', reference: 0, current: 0.5 },
  ]);
});

test('many values in equal ranges: every row is in one, extremes at the ends', () => {
  const line = Array.from({ length: 20_000 }, (_, i) => i / 100);
  const bins = histogramOf(numericSketch([...line, 1e9]), numericSketch(line.map((x) => x + 100)));
  expect(bins).toHaveLength(24);
  expect([total(bins, 'reference'), total(bins, 'current')]).toEqual([expect.closeTo(1, 9), expect.closeTo(1, 9)]);
  expect(Math.max(...bins.map(({ reference }) => reference))).toBeLessThan(0.1);
  expect(bins[0]!.current).toBe(0);
});

test('categories: the largest on either side, the rest together', () => {
  const many = Array.from({ length: 40 }, (_, i) => `c${i}`);
  const bins = histogramOf(categoricalSketch([...many, 'c7', 'c7']), categoricalSketch(['new', 'new', 'c0']));
  expect(bins).toHaveLength(12);
  expect(bins.slice(0, 2).map(({ label }) => label)).toEqual(['new', 'c0']);
  expect(bins.at(-1)!.label).toBe('30 others');
  expect(total(bins, 'reference')).toBeCloseTo(1, 9);
});

test('nothing to compare: different kinds, or no values', () => {
  expect(histogramOf(numericSketch([1]), categoricalSketch(['a']))).toEqual([]);
  expect(histogramOf(numericSketch([]), numericSketch([]))).toEqual([]);
});
