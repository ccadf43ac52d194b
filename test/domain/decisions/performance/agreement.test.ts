/** Against scikit-learn: docs/monitoring.md has the table. */
import { describe, expect, test } from 'vitest';
import { EXACT_BITS, type Measured, type Performance } from '../../../../src/contracts/index.js';
import { aucOf } from '../../../../src/domain/decisions/performance/auc.js';
import { performanceOf } from '../../../../src/domain/decisions/performance/performance.js';
import { monitoringFixtures } from '../../../support/monitoring-fixtures.js';
import { binaryQuality, multiclassQuality, regressionQuality } from '../../../support/sketches.js';

const { binary, multiclass, regression } = monitoringFixtures('performance');

/** Rounding only: losses are added in multiples of 2^-24, and R2 subtracts large sums. */
function expectAgreement({ metrics }: Performance, expected: Record<string, number | null>, digits = 7): void {
  for (const [name, value] of Object.entries(expected)) {
    const measured: Measured = metrics[name]!;
    if (value === null) expect(measured, name).toBeNull();
    else expect(measured!.value, name).toBeCloseTo(value, digits);
  }
}
function expectSound({ metrics }: Performance): void {
  for (const [name, measured] of Object.entries(metrics)) {
    if (measured === null) continue;
    expect(Number.isFinite(measured.low) && Number.isFinite(measured.high), name).toBe(true);
    expect(measured.low, name).toBeLessThanOrEqual(measured.high);
    if (name !== 'ece') expect(measured.low <= measured.value && measured.value <= measured.high, name).toBe(true);
  }
}

describe('binary', () => {
  const exact = binary.filter(({ name }) => !name.startsWith('wider'));
  test.each(exact)('$name', ({ scores, labels, expected: { aucVariance: _, ...expected } }) => {
    const performance = performanceOf(binaryQuality(scores, labels));
    expectAgreement(performance, expected);
    expectSound(performance);
  });
  test.each(exact.filter(({ expected }) => expected.aucVariance !== null))(
    "$name: DeLong's variance",
    ({ scores, labels, expected }) => {
      const { positives, negatives } = binaryQuality(scores, labels);
      expect(aucOf({ positives, negatives })!.variance).toBeCloseTo(expected.aucVariance!, 12);
    },
  );
  test.each(binary.filter(({ name }) => name.startsWith('wider')))(
    '$name: within the stated error of the cells',
    ({ scores, labels, expected }) => {
      const quality = binaryQuality(scores, labels);
      expect(quality.cells.bits).toBeLessThan(EXACT_BITS);
      const auc = aucOf(quality)!;
      expect(auc.cellError).toBeLessThan(0.0005);
      expect(Math.abs(auc.value - expected.auc!)).toBeLessThanOrEqual(auc.cellError);
      const performance = performanceOf(quality);
      const { logLoss, brier, accuracy, f1 } = expected;
      expectAgreement(performance, { logLoss, brier, accuracy, f1 });
      expectAgreement(performance, { ece: expected.ece }, 3);
      expect(performance.metrics.auc!.low).toBeLessThan(expected.auc! - auc.cellError);
    },
  );
});

test.each(multiclass)('multiclass: $name', ({ probabilities, labels, classes, expected }) => {
  const performance = performanceOf(multiclassQuality(probabilities, labels, classes));
  expectAgreement(performance, expected);
  expectSound(performance);
});

test.each(regression)('regression: $name', ({ predictions, labels, expected }) => {
  const performance = performanceOf(regressionQuality(predictions, labels));
  expectAgreement(performance, expected, 6);
  expectSound(performance);
});
