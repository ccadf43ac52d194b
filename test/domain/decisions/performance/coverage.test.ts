/** Intervals hold what they promise, and a change is told by both sides' intervals. */
import { describe, expect, test } from 'vitest';
import type { Performance, Quality } from '../../../../src/contracts/index.js';
import { performanceChange, performanceOf } from '../../../../src/domain/decisions/performance/performance.js';
import {
  binaryQuality,
  multiclassQuality,
  normalFrom,
  randomFrom,
  regressionQuality,
} from '../../../support/sketches.js';

const random = randomFrom(20010131);
const logistic = (x: number): number => 1 / (1 + Math.exp(-x));

function binary(rows: number): Quality {
  const odds = Array.from({ length: rows }, () => 1.3 * normalFrom(random) - 1);
  // Scores promise too little: there is a calibration error to be found.
  return binaryQuality(
    odds.map((x) => Math.round(1000 * logistic(x - 0.4)) / 1000),
    odds.map((x) => (random() < logistic(x) ? 1 : 0)),
  );
}
function multiclass(rows: number): Quality {
  const labels = Array.from({ length: rows }, () => Math.floor(random() ** 1.5 * 3));
  const probabilities = labels.map((label) => {
    const weights = [0, 1, 2].map((k) => Math.exp(normalFrom(random) + (k === label ? 1 : 0)));
    const sum = weights[0]! + weights[1]! + weights[2]!;
    const rounded = weights.map((w) => Math.round((100 * w) / sum) / 100);
    return [Math.max(0, 1 - rounded[1]! - rounded[2]!), rounded[1]!, rounded[2]!];
  });
  return multiclassQuality(probabilities, labels, ['a', 'b', 'c']);
}
function regression(rows: number): Quality {
  const x = Array.from({ length: rows }, () => normalFrom(random));
  return regressionQuality(
    x,
    x.map((value) => value + 0.8 * normalFrom(random)),
  );
}

const ROUNDS = 150;
/** Four standard errors below what 95 % give. */
const FEWEST = ROUNDS * (0.95 - 4 * Math.sqrt((0.05 * 0.95) / ROUNDS));

describe.each([
  ['binary', binary, 120],
  ['binary', binary, 1000],
  ['multiclass', multiclass, 300],
  ['regression', regression, 300],
] as const)('%s', (_, draw, rows) => {
  const truth = performanceOf(draw(200_000)).metrics;
  test(`the truth lies in the interval of ${rows} rows`, () => {
    const inside = new Map<string, number>();
    for (let round = 0; round < ROUNDS; round++)
      for (const [name, measured] of Object.entries(performanceOf(draw(rows)).metrics)) {
        const { value } = truth[name]!;
        if (value >= measured!.low && value <= measured!.high) inside.set(name, (inside.get(name) ?? 0) + 1);
      }
    expect([...inside.keys()].sort()).toEqual(Object.keys(truth).sort());
    for (const [name, times] of inside) expect(times, name).toBeGreaterThanOrEqual(FEWEST);
  });
});

describe('few rows', () => {
  test('a perfect separation of ten rows is no certainty', () => {
    const { auc } = performanceOf(
      binaryQuality([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1], [0, 0, 0, 0, 0, 1, 1, 1, 1, 1]),
    ).metrics;
    expect(auc!.value).toBe(1);
    expect(auc!.low).toBeGreaterThan(0.5);
    expect(auc!.low).toBeLessThan(0.9);
    expect(auc!.high).toBe(1);
  });
  test.each([
    ['no rows', [], []],
    ['one row', [0.3], [1]],
  ])('%s: what cannot be computed is null, nothing is NaN', (_, scores, labels) => {
    const performance = performanceOf(binaryQuality(scores, labels));
    expect(performance.metrics['auc']).toBeNull();
    expect(JSON.parse(JSON.stringify(performance))).toEqual(performance);
    expect(performanceOf(regressionQuality(scores, labels)).metrics['r2']).toBeNull();
  });
  test('a label that does not vary has no R2', () => {
    const { r2, mae } = performanceOf(regressionQuality([1, 2, 3], [2, 2, 2])).metrics;
    expect(r2).toBeNull();
    expect(mae!.value).toBeCloseTo(2 / 3, 6);
  });
});

describe('the change of a figure', () => {
  const figure = (value: number, low: number, high: number): Performance => ({
    task: 'binary',
    rows: 100,
    metrics: { auc: { value, low, high } },
  });
  test('reaches as far as both intervals together', () => {
    const change = performanceChange(figure(0.8, 0.76, 0.83), figure(0.7, 0.66, 0.74));
    expect(change['auc']!.value).toBeCloseTo(-0.1, 12);
    expect(change['auc']!.low).toBeCloseTo(-0.1 - Math.hypot(0.04, 0.03), 12);
    expect(change['auc']!.high).toBeCloseTo(-0.1 + Math.hypot(0.04, 0.04), 12);
  });
  test('is null where one side is', () => {
    expect(
      performanceChange({ task: 'binary', rows: 0, metrics: { auc: null } }, figure(0.7, 0.6, 0.8))['auc'],
    ).toBeNull();
    expect(performanceChange({ task: 'binary', rows: 0, metrics: {} }, figure(0.7, 0.6, 0.8))['auc']).toBeNull();
  });
  test('of unchanged rows excludes zero as seldom as promised', () => {
    let excluded = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const { low, high } = performanceChange(performanceOf(binary(400)), performanceOf(binary(150)))['auc']!;
      if (low > 0 || high < 0) excluded++;
    }
    expect(excluded).toBeLessThanOrEqual(ROUNDS - FEWEST);
  });
});
