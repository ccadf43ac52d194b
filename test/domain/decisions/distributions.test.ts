/** Against SciPy and statsmodels. */
import { describe, expect, test } from 'vitest';
import {
  noncentralityAt,
  noncentralZ,
  normalQuantile,
  studentOf,
  zOf,
} from '../../../src/domain/decisions/distributions.js';
import { wilson } from '../../../src/domain/decisions/performance/proportion.js';
import { monitoringFixtures } from '../../support/monitoring-fixtures.js';

const { normal, student, noncentral, wilson: shares } = monitoringFixtures('distributions');

test.each(normal)('normal quantile of %d', (p, z) => {
  expect(normalQuantile(p)).toBeCloseTo(z, 12);
});
test('two-sided 95 %', () => expect(zOf(0.95)).toBeCloseTo(1.959963984540054, 12));

test.each(student)("Student's t at %d with %d degrees of freedom: within 2 %%", (confidence, degrees, t) => {
  expect(Math.abs(studentOf(confidence, degrees) / t - 1)).toBeLessThan(0.02);
});

/** How far from certain: x stands at z where the truth is `p`; both tails count. */
const off = (z: number, p: number): number => (z - normalQuantile(p)) / Math.abs(normalQuantile(p));

describe('noncentral chi-squared', () => {
  test.each(noncentral)('probability %d at x = %d, %d degrees of freedom, noncentrality %d', (p, x, degrees, nc) => {
    const z = noncentralZ(x, degrees, nc);
    // The lower tail of few degrees of freedom may be told too heavy, which makes intervals wider, and never too light.
    if (degrees >= 9 || p > 0.5) expect(Math.abs(off(z, p))).toBeLessThan(0.03);
    else expect(z).toBeGreaterThan(normalQuantile(p) - 0.04);
  });
  test('the noncentrality is found again', () => {
    for (const [x, degrees, nc] of [
      [12, 3, 9],
      [2000, 9, 1900],
      [5, 1, 0.7],
    ] as const)
      expect(noncentralityAt(noncentralZ(x, degrees, nc), x, degrees)).toBeCloseTo(nc, 4);
    expect(noncentralityAt(1.96, 0.5, 9)).toBe(0);
  });
});

test.each(shares)('Wilson: %d of %d', (part, rows, low, high) => {
  const interval = wilson(part / rows, rows, 0.95);
  expect(interval.low).toBeCloseTo(low, 9);
  expect(interval.high).toBeCloseTo(high, 9);
});
