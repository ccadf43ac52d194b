import { expect, test } from 'vitest';
import { calibration, calibrationError } from '../../../src/domain/evaluation/calibration.js';
import { curvesOf } from '../../../src/domain/evaluation/curves.js';
import { correctSlices, measureSlice, type Slice } from '../../../src/domain/evaluation/slices.js';
import type { Answers } from '../../../src/domain/evaluation/answers.js';
import { ascending } from '../../../src/domain/evaluation/ranking.js';
import { randomFrom } from '../../../src/domain/evaluation/random.js';

const numbers = (labels: number[], predictions: number[]): Answers => ({
  ...{ task: 'regression', width: 0, scores: new Float32Array(0) },
  ...{ labels: Float64Array.from(labels), predictions: Float32Array.from(predictions) },
});

/** 100 rows per slice; in slice s the challenger's errors are larger by a mean of `losses[s]`, with a spread of 1 (so an error of 0.1). */
function sliced(losses: number[]): { champion: Answers; challenger: Answers; slices: Slice[] } {
  const labels = new Array<number>(100 * losses.length).fill(0);
  const now = labels.map((_, row) => 10 + losses[Math.floor(row / 100)]! + (row % 2 === 0 ? 0.995 : -0.995));
  const slices = losses.map((_, s) => ({
    name: `s = ${s}`,
    rows: Uint32Array.from({ length: 100 }, (__, i) => 100 * s + i),
  }));
  return {
    champion: numbers(
      labels,
      labels.map(() => 10),
    ),
    challenger: numbers(labels, now),
    slices,
  };
}
const worse = (losses: number[], margin = 0): number[] => {
  const { champion, challenger, slices } = sliced(losses);
  const outcomes = correctSlices(slices.map((slice) => measureSlice(champion, challenger, slice, 'mae', margin)));
  return outcomes.flatMap((outcome, s) => (outcome.worse ? [s] : []));
};

test('a loss of two standard errors is worse in one slice, and chance in one of ten', () => {
  expect(worse([0.2])).toEqual([0]);
  expect(worse([0.2, ...new Array<number>(9).fill(0)])).toEqual([]);
  expect(worse([0.35, ...new Array<number>(9).fill(0)])).toEqual([0]);
});

test('Holm: what is found makes the limit for the rest wider', () => {
  // p = 0.0008 and 0.0139: below 0.05 / 4 the first, and then below 0.05 / 3 the second; alone it would not be below 0.05 / 4.
  expect(worse([0.315, 0.22, 0, 0])).toEqual([0, 1]);
  expect(worse([0, 0.22, 0, 0])).toEqual([]);
});

test('a loss within the margin is none', () => {
  expect(worse([0.5], 0.4)).toEqual([]);
  expect(worse([0.65], 0.4)).toEqual([0]);
});

test('an empty slice, and one of one row, give no number', () => {
  const { champion, challenger } = sliced([1]);
  const slices = [
    { name: 'nothing', rows: new Uint32Array(0) },
    { name: 'one', rows: Uint32Array.of(3) },
  ];
  const outcomes = slices.map((slice) => measureSlice(champion, challenger, slice, 'mae', 0));
  for (const outcome of correctSlices(outcomes))
    expect(outcome).toMatchObject({ gain: null, pValue: null, worse: false });
});

test('the radix sort is a sort: ties keep their order, signs and zeros are as numbers are', () => {
  const random = randomFrom('sort');
  const values = Float32Array.from({ length: 5000 }, () => Math.round(((random() / 2 ** 32) * 4 - 2) * 50) / 50);
  values.set([-0, 0, Infinity, -Infinity, -0]);
  const expected = [...values.keys()].sort((a, b) => values[a]! - values[b]! || a - b);
  expect([...ascending(values)]).toEqual(expected);
});

test('calibration error by hand, and a ROC that ends where it must', () => {
  const answers: Answers = {
    ...{ task: 'binary', width: 1, labels: Float64Array.of(0, 1, 1, 0, 1), predictions: new Float32Array(5) },
    scores: Float32Array.of(0.1, 0.1, 0.9, 0.9, 1),
  };
  const bins = calibration(answers)!;
  expect(bins.map(({ rows }) => rows)).toEqual([2, 2, 1]);
  // |0.5 - 0.1| and |0.5 - 0.9| for two rows each, nothing for the last.
  expect(calibrationError(bins)).toBeCloseTo(0.32, 6);
  const { roc } = curvesOf(answers);
  expect(roc!.at(-1)).toEqual({ falseAlarms: 1, hits: 1 });
  expect(roc).toContainEqual({ falseAlarms: 0.5, hits: 2 / 3 });
});

test('a champion without any error in a slice is still compared: RMSE', () => {
  const labels = Array.from({ length: 100 }, (_, i) => i);
  const slice = { name: 's', rows: Uint32Array.from(labels) };
  const off = numbers(
    labels,
    labels.map((label) => label + (label % 2 === 0 ? 4 : 6)),
  );
  const perfect = numbers(labels, labels);
  const outcome = measureSlice(perfect, off, slice, 'rmse', 0.5);
  // The root of the mean of 16 and 36; its error is that of the mean, divided by twice the root.
  expect(outcome).toMatchObject({ gain: expect.closeTo(-Math.sqrt(26), 9) as number });
  expect(outcome.error).toBeCloseTo(10 / Math.sqrt(99) / (2 * Math.sqrt(26)), 9);
  expect(correctSlices([outcome])[0]!.worse).toBe(true);
  expect(correctSlices([measureSlice(off, perfect, slice, 'rmse', 0)])[0]!.worse).toBe(false);
  expect(measureSlice(perfect, perfect, slice, 'rmse', 0)).toMatchObject({ gain: 0, error: 0, pValue: 1 });
});
