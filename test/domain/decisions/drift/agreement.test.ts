/** Against SciPy, NumPy and Evidently: docs/monitoring.md has the table. */
import { describe, expect, test } from 'vitest';
import type { ColumnDrift, ProfiledColumn } from '../../../../src/contracts/index.js';
import { DRIFT_POLICY, driftOf } from '../../../../src/domain/decisions/drift/column.js';
import { joinNumeric } from '../../../../src/domain/decisions/drift/joint.js';
import { orderStatistics } from '../../../../src/domain/decisions/drift/order.js';
import { monitoringFixtures } from '../../../support/monitoring-fixtures.js';
import { column, numeric, numericSketch } from '../../../support/sketches.js';

/** Exact sketches: rounding only, relative to the value. */
const EXACT = 1e-9;

const { numeric: numbers, categorical: categories } = monitoringFixtures('drift');
const exact = numbers.filter(({ name }) => !name.startsWith('wider'));
const wide = numbers.filter(({ name }) => name.startsWith('wider'));
const drift = (reference: ProfiledColumn, current: ProfiledColumn): ColumnDrift =>
  driftOf(reference, current, DRIFT_POLICY);

describe('numbers whose values have a cell each', () => {
  for (const statistic of ['psi', 'jensenShannon', 'ks', 'wasserstein'] as const)
    test.each(exact)(`${statistic}: $name`, ({ reference, current, expected }) => {
      const value = drift(numeric(reference), numeric(current))[statistic]!;
      expect(Math.abs(value - expected[statistic])).toBeLessThanOrEqual(EXACT * Math.max(1, expected[statistic]));
    });
});

describe('numbers in wider cells', () => {
  test.each(wide)('$name: within the stated error of the cells', ({ reference, current, expected }) => {
    const joint = joinNumeric(numericSketch(reference), numericSketch(current));
    expect(joint.bits).toBeLessThan(52);
    const { ks, wasserstein } = orderStatistics(joint, 0.95);
    for (const [stated, truth] of [
      [ks, expected.ks],
      [wasserstein!, expected.wasserstein],
    ] as const) {
      expect(truth).toBeGreaterThanOrEqual(stated.from - EXACT);
      expect(truth).toBeLessThanOrEqual(stated.to + EXACT);
      // The bound is of use, and the value is much nearer than it.
      expect(stated.to - stated.from).toBeLessThan(0.2 * truth);
      expect(Math.abs(stated.value - truth)).toBeLessThan(0.01 * truth);
    }
  });
  test.each(wide)('$name: PSI and Jensen-Shannon over bins that end at cells', ({ reference, current, expected }) => {
    const measured = drift(numeric(reference), numeric(current));
    expect(measured.psi).toBeCloseTo(expected.psi, 2);
    expect(measured.jensenShannon).toBeCloseTo(expected.jensenShannon, 2);
  });
});

const counted = (counts: Record<string, [number, number]>, side: 0 | 1): ProfiledColumn => {
  const present = Object.entries(counts).filter(([, pair]) => pair[side] > 0);
  return column({
    kind: 'categorical',
    of: 'values',
    categories: present.map(([category]) => category),
    counts: present.map(([, pair]) => pair[side]),
    distinct: present.length,
    distinctRegisters: '',
    frequent: [],
    frequentError: 0,
  });
};

describe('categories', () => {
  for (const statistic of ['psi', 'jensenShannon', 'newCategories'] as const)
    test.each(categories)(`${statistic}: $name`, ({ counts, expected }) => {
      expect(drift(counted(counts, 0), counted(counts, 1))[statistic]).toBeCloseTo(expected[statistic], 9);
    });
  const comparable = categories.filter(({ expected }) => expected.evidentlyPsi !== null);
  test.each(comparable)("PSI as Evidently's, but for half a row per bin: $name", ({ counts, expected }) => {
    const { psi } = drift(counted(counts, 0), counted(counts, 1));
    expect(Math.abs(psi! - expected.evidentlyPsi!)).toBeLessThan(0.005 * expected.evidentlyPsi! + 1e-9);
  });
  test('there is something to compare with Evidently', () => expect(comparable.length).toBeGreaterThanOrEqual(2));
});
