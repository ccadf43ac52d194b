import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ProfiledColumn, Quality, TableProfile } from '../../../src/contracts/index.js';
import {
  BinaryBuilder,
  mergeProfiles,
  mergeQuality,
  MulticlassBuilder,
  NumericBuilder,
  RegressionBuilder,
} from '../../../src/domain/profiles/index.js';

type Row = [number, number, number];
const builders: Record<Quality['task'], (rows: readonly Row[]) => Quality> = {
  binary: (rows) => {
    const builder = new BinaryBuilder();
    builder.addAll(
      Float64Array.from(rows, ([score]) => score),
      Float64Array.from(rows, ([, label]) => label),
      Float64Array.from(rows, ([, , prediction]) => prediction),
    );
    return builder.quality();
  },
  multiclass: (rows) => {
    const builder = new MulticlassBuilder(['a', 'b', 'c'], true);
    for (const [score, label, prediction] of rows)
      builder.add(Number.isNaN(label) ? null : label, prediction > 0.5 ? null : 1, [score, 1 - score, 0]);
    return builder.quality();
  },
  regression: (rows) => {
    const builder = new RegressionBuilder();
    for (const [prediction, label] of rows) builder.add(prediction * 1e6, label / 3);
    return builder.quality();
  },
};

const rows = fc.array(
  fc.tuple(
    fc.oneof(fc.double({ min: 0, max: 1, noNaN: true }), fc.constantFrom(0, 1, 0.5, NaN, -1, Infinity)),
    fc.constantFrom(0, 1, 0, 1, 2, -1, NaN),
    fc.constantFrom(0, 1, NaN),
  ),
  { maxLength: 200 },
);

describe.each(['binary', 'multiclass', 'regression'] as const)('the quality of %s predictions', (task) => {
  test('does not depend on order, and merges to that of all rows', () => {
    fc.assert(
      fc.property(rows, rows, (a, b) => {
        const of = builders[task];
        const whole = of([...a, ...b]);
        expect(of([...b, ...a].toReversed())).toEqual(whole);
        expect(mergeQuality(of(b), of(a))).toEqual(whole);
        expect(JSON.parse(JSON.stringify(whole))).toEqual(whole);
      }),
    );
  });
});

test('binary quality counts by hand', () => {
  const quality = builders.binary([
    [0.9, 1, NaN],
    [0.8, 0, NaN],
    [0.1, 1, 1],
    [0.2, 0, 0],
    [0.2, NaN, 0],
    [1.5, 1, 0],
  ]);
  if (quality.task !== 'binary') throw new Error('binary is wanted');
  expect(quality.rows).toBe(4);
  expect(quality.cells).toEqual({ bits: 52, starts: [0.1, 0.2, 0.8, 0.9] });
  expect(quality.positives).toEqual([1, 0, 0, 1]);
  expect(quality.negatives).toEqual([0, 1, 1, 0]);
  expect(quality.confusion).toEqual({ truePositives: 2, falsePositives: 1, trueNegatives: 1, falseNegatives: 0 });
  const losses = [-Math.log(0.9), -Math.log(1 - 0.8), -Math.log(0.1), -Math.log(1 - 0.2)];
  expect(quality.sums.logLoss).toBeCloseTo(
    losses.reduce((a, b) => a + b),
    6,
  );
  expect(quality.sums.logLossSquared).toBeCloseTo(
    losses.reduce((a, b) => a + b * b, 0),
    6,
  );
  expect(quality.sums.brier).toBeCloseTo(0.01 + 0.64 + 0.81 + 0.04, 6);
});

test('labels that are no class are counted, and nowhere else', () => {
  const builder = new MulticlassBuilder(['a', 'b'], false);
  builder.add(0, 1, []);
  builder.add(-1, 0, []);
  builder.add(null, 0, []);
  builder.add(1, null, []);
  expect(builder.quality()).toMatchObject({
    rows: 1,
    unknownLabels: 1,
    confusion: [
      [0, 1],
      [0, 0],
    ],
    oneVsRest: [],
  });
});

function table(name: string, values: readonly number[], over: Partial<ProfiledColumn> = {}): TableProfile {
  const builder = new NumericBuilder();
  for (const value of values) builder.add(value);
  const column = { name, rows: values.length, nulls: 0, missing: 0, wrong: [], sketch: builder.sketch(), ...over };
  return { kind: 'profile', schema: 1, rows: values.length, columns: [column], quality: null, slices: [] };
}

test('merged tables: a column that one of them lacks is missing in its rows', () => {
  const merged = mergeProfiles(table('a', [1, 2]), table('b', [3]));
  expect(merged.rows).toBe(3);
  expect(merged.columns.map(({ name, rows: n, missing }) => [name, n, missing])).toEqual([
    ['a', 3, 1],
    ['b', 3, 2],
  ]);
  const wrong = { wrong: [{ kind: 'text', rows: 1 } as const] };
  const [column] = mergeProfiles(table('a', [1], wrong), table('a', [2], wrong)).columns;
  expect(column).toMatchObject({ rows: 2, wrong: [{ kind: 'text', rows: 2 }] });
});

test('what cannot be merged says so', () => {
  const categorical = table('a', []);
  categorical.columns[0]!.sketch = {
    kind: 'categorical',
    of: 'values',
    categories: [],
    counts: [],
    distinct: 0,
    distinctRegisters: '',
    frequent: [],
    frequentError: 0,
  };
  expect(() => mergeProfiles(table('a', [1]), categorical)).toThrow(/column a is numeric in one profile/);
  expect(() => mergeQuality(builders.binary([]), builders.regression([]))).toThrow(/cannot be merged/);
});
