/** Against NannyML on the flights: docs/monitoring.md has the table. */
import { describe, expect, test } from 'vitest';
import type { BinaryQuality, NumericSketch } from '../../../../src/contracts/index.js';
import { estimatePerformance } from '../../../../src/domain/decisions/performance/estimate.js';
import { performanceOf } from '../../../../src/domain/decisions/performance/performance.js';
import { monitoringFixtures } from '../../../support/monitoring-fixtures.js';
import { binaryQuality, normalFrom, numericSketch, randomFrom } from '../../../support/sketches.js';

const { cases } = monitoringFixtures('estimate');

function referenceOf(counts: [number, number, number][]): BinaryQuality {
  const rows = counts.flatMap(([score, positives, negatives]) => [
    ...Array.from({ length: positives }, () => [score, 1] as const),
    ...Array.from({ length: negatives }, () => [score, 0] as const),
  ]);
  return binaryQuality(
    rows.map(([score]) => score),
    rows.map(([, label]) => label),
  );
}
const scoresOf = (counts: [number, number][]): NumericSketch => ({
  ...numericSketch(counts.map(([score]) => score)),
  counts: counts.map(([, rows]) => rows),
});

for (const { name, reference, windows, calibratedByNannyml } of cases)
  describe(`${name}, ${calibratedByNannyml ? '' : 'not '}calibrated by NannyML`, () => {
    const quality = referenceOf(reference);
    test.each(windows.map((window, i) => ({ ...window, i })))('window $i', ({ scores, nannyml, expected }) => {
      const { metrics } = estimatePerformance(quality, scoresOf(scores))!;
      // NannyML rounds to five digits of a row in the area.
      for (const [metric, value] of Object.entries(nannyml))
        expect(metrics[metric]!.value, metric).toBeCloseTo(value, 8);
      for (const [metric, value] of Object.entries(expected))
        expect(metrics[metric]!.value, metric).toBeCloseTo(value, 9);
    });
  });

/** Scores that are true probabilities, and labels that follow them. */
function honest(random: () => number, rows: number, shift: number): { scores: number[]; labels: number[] } {
  const scores = Array.from({ length: rows }, () => 1 / (1 + Math.exp(-(normalFrom(random) * 1.2 - 1 + shift))));
  return { scores, labels: scores.map((score) => (random() < score ? 1 : 0)) };
}

test('when only the rows change, the figure that the labels show lies in the interval as often as promised', () => {
  const random = randomFrom(20010131);
  const inside: Record<string, number> = { auc: 0, accuracy: 0, f1: 0, logLoss: 0, brier: 0 };
  const ROUNDS = 150;
  // A model that is too sure of itself: calibration has something to do.
  const tilted = (scores: number[]): number[] => scores.map((s) => s ** 2 / (s ** 2 + (1 - s) ** 2));
  for (let round = 0; round < ROUNDS; round++) {
    const before = honest(random, 3000, 0);
    const now = honest(random, 600, 0.5);
    const reference = binaryQuality(tilted(before.scores), before.labels);
    const estimate = estimatePerformance(reference, numericSketch(tilted(now.scores)))!;
    const truth = performanceOf(binaryQuality(tilted(now.scores), now.labels)).metrics;
    for (const metric of Object.keys(inside)) {
      const { low, high } = estimate.metrics[metric]!;
      if (truth[metric]!.value >= low && truth[metric]!.value <= high) inside[metric]!++;
    }
  }
  for (const [metric, times] of Object.entries(inside)) expect(times / ROUNDS, metric).toBeGreaterThan(0.9);
});

describe('what cannot be estimated', () => {
  const random = randomFrom(7);
  const { scores, labels } = honest(random, 500, 0);
  const quality = binaryQuality(scores, labels);
  test('no scores, no reference: nothing', () => {
    expect(estimatePerformance(quality, numericSketch([]))).toBeNull();
    expect(estimatePerformance(binaryQuality([], []), numericSketch(scores))).toBeNull();
  });
  test('a reference of one class has no area', () => {
    const none = scores.map(() => 0);
    const { metrics } = estimatePerformance(binaryQuality(scores, none), numericSketch(scores))!;
    expect(metrics.auc).toBeNull();
    expect(metrics.brier).not.toBeNull();
  });
  test('predictions that no threshold on the score makes: no accuracy, no F1', () => {
    const confusion = { truePositives: 40, falsePositives: 160, trueNegatives: 200, falseNegatives: 100 };
    const { metrics } = estimatePerformance({ ...quality, confusion }, numericSketch(scores))!;
    expect(metrics.accuracy).toBeNull();
    expect(metrics.f1).toBeNull();
    expect(metrics.auc).not.toBeNull();
  });
  test('another threshold than a half is found', () => {
    const confusion = { truePositives: 0, falsePositives: 0, trueNegatives: 0, falseNegatives: 0 };
    for (const [i, score] of scores.entries()) {
      const called = score >= 0.3;
      if (labels[i] === 1) confusion[called ? 'truePositives' : 'falseNegatives']++;
      else confusion[called ? 'falsePositives' : 'trueNegatives']++;
    }
    const { metrics } = estimatePerformance({ ...quality, confusion }, numericSketch(scores))!;
    const { f1 } = performanceOf({ ...quality, confusion }).metrics;
    // On the reference's own rows, isotonic regression gives back nearly what it was taught.
    expect(Math.abs(metrics.f1!.value - f1!.value)).toBeLessThan(0.03);
    expect(Math.abs(metrics.f1!.value - performanceOf(quality).metrics.f1!.value)).toBeGreaterThan(0.1);
  });
});
