/** Agreement with SciPy, scikit-learn, statsmodels and MLstatkit: test/fixtures/evaluation/make.py. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Metric } from '../../../src/contracts/index.js';
import type { Answers } from '../../../src/domain/evaluation/answers.js';
import { compare, quickCompare } from '../../../src/domain/evaluation/compare.js';
import { accuracyInterval, mcnemar } from '../../../src/domain/evaluation/mcnemar.js';
import { normalCdf, normalQuantile } from '../../../src/domain/evaluation/normal.js';
import { measure } from '../../../src/domain/evaluation/performance.js';

type Task = Answers['task'];
interface Interval {
  gain: number;
  error: number;
  interval: [number, number];
}
interface Reference {
  rows: Record<'labels' | 'before' | 'now' | 'beforeClass' | 'nowClass', number[]>;
  performance: Record<string, number>;
}
const folder = join(import.meta.dirname, '../../fixtures/evaluation');
const reference = JSON.parse(readFileSync(join(folder, 'reference.json'), 'utf8')) as Record<
  Task,
  Reference & Record<string, Interval>
> & {
  normal: Record<'x' | 'cdf' | 'p' | 'quantile', number[]>;
  mcnemar: { table: [[number, number], [number, number]]; exact: number; corrected: number }[];
  binary: { delong: { gain: number; error: number; pValue: number }; mcnemar: { table: number[][]; exact: number } };
};

function answers(task: Task, which: 'before' | 'now'): Answers {
  const { rows } = reference[task];
  const isNumber = task === 'regression';
  return {
    task,
    width: { binary: 1, multiclass: 3, regression: 0 }[task],
    labels: Float64Array.from(rows.labels),
    predictions: Float32Array.from(isNumber ? rows[which] : rows[`${which}Class`]),
    scores: Float32Array.from(isNumber ? [] : rows[which]),
  };
}

test.each(['binary', 'multiclass', 'regression'] as const)('%s: the numbers are those of scikit-learn', (task) => {
  const measured = measure(answers(task, 'now')) as unknown as Record<string, number>;
  for (const [name, value] of Object.entries(reference[task].performance))
    expect(measured[name], name).toBeCloseTo(value, 6);
});

describe.each<[Task, Metric]>([
  ['binary', 'logLoss'],
  ['binary', 'brier'],
  ['binary', 'f1'],
  ['multiclass', 'logLoss'],
  ['multiclass', 'f1'],
  ['regression', 'rmse'],
  ['regression', 'mae'],
])('%s, %s: the paired bootstrap is SciPy’s', (task, metric) => {
  const theirs = reference[task][metric]!;
  const width = theirs.interval[1] - theirs.interval[0];

  test('gain, interval and error', () => {
    const own = compare(answers(task, 'before'), answers(task, 'now'), metric, 'any seed');
    expect(own.gain).toBeCloseTo(theirs.gain, 6);
    // 2,000 draws here against 20,000 there: the ends of a 95 % interval vary by some percent of its width.
    expect(Math.abs(own.interval![0] - theirs.interval[0])).toBeLessThan(0.05 * width);
    expect(Math.abs(own.interval![1] - theirs.interval[1])).toBeLessThan(0.05 * width);
    expect(own.error! / theirs.error).toBeCloseTo(1, 1);
  });

  test('gain and error without drawing', () => {
    const own = quickCompare(answers(task, 'before'), answers(task, 'now'), metric);
    expect(own.gain).toBeCloseTo(theirs.gain, 6);
    expect(Math.abs(own.error! / theirs.error - 1)).toBeLessThan(0.03);
  });
});

test('the paired AUC is DeLong’s', () => {
  const { gain, error } = compare(answers('binary', 'before'), answers('binary', 'now'), 'auc', '');
  expect(gain).toBeCloseTo(reference.binary.delong.gain, 12);
  expect(error).toBeCloseTo(reference.binary.delong.error, 9);
});

test('accuracy is tested by McNemar’s', () => {
  const { gain, interval, pValue } = compare(answers('binary', 'before'), answers('binary', 'now'), 'accuracy', '');
  const [[, lost], [won]] = reference.binary.mcnemar.table as [[number, number], [number, number]];
  expect(gain).toBeCloseTo((won - lost) / 900, 12);
  expect(pValue).toBeCloseTo(reference.binary.mcnemar.exact, 10);
  expect(interval![0]).toBeLessThan(gain!);
  expect(interval![1]).toBeGreaterThan(gain!);
  const [few, many] = reference.mcnemar as [(typeof reference.mcnemar)[0], (typeof reference.mcnemar)[0]];
  const discordant = ({ table: [[, b], [c]] }: typeof few) => ({ rows: 10_000, won: c, lost: b });
  expect(mcnemar(discordant(few))).toBeCloseTo(few.exact, 10);
  expect(mcnemar(discordant(many)) / many.corrected).toBeCloseTo(1, 9);
  expect(mcnemar({ rows: 10, won: 0, lost: 0 })).toBe(1);
});

test('Bonett and Price’s interval: the example of their formula by hand', () => {
  // (12 - 4) of 50 discordant: p21 = 13/52, p12 = 5/52, d = 8/52, se = √((18/52 - d²) / 52).
  const d = 8 / 52;
  const half = 1.959963984540054 * Math.sqrt((18 / 52 - d * d) / 52);
  expect(accuracyInterval({ rows: 50, won: 12, lost: 4 })).toEqual(
    [d - half, d + half].map((end) => expect.closeTo(end, 12)),
  );
});

test('the normal distribution is SciPy’s', () => {
  const { x, cdf, p, quantile } = reference.normal;
  x.forEach((value, i) => expect(normalCdf(value) / cdf[i]!).toBeCloseTo(1, 10));
  p.forEach((value, i) => expect(normalQuantile(value)).toBeCloseTo(quantile[i]!, 9));
  expect([normalQuantile(0), normalQuantile(1)]).toEqual([-Infinity, Infinity]);
});
