import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { CategoricalProfile, NumericProfile } from '../../../src/contracts/index.js';
import { psi, psiOfCounts } from '../../../src/domain/decisions/psi.js';

const numeric = (counts: number[], edges = counts.slice(1).map((_, i) => i), nulls = 0): NumericProfile => ({
  kind: 'numeric',
  name: 'x',
  rows: counts.reduce((a, b) => a + b, nulls),
  nulls,
  min: 0,
  max: 1,
  edges,
  counts,
});
const categorical = (counts: Record<string, number>, other = 0): CategoricalProfile => ({
  kind: 'categorical',
  name: 'c',
  rows: Object.values(counts).reduce((a, b) => a + b, other),
  nulls: 0,
  categories: Object.entries(counts).map(([value, count]) => ({ value, count })),
  other,
  known: null,
});

describe('psiOfCounts', () => {
  test('is the formula, with half a row added to every bin', () => {
    // Shares (with the prior): 60.5/101 and 40.5/101 against 30.5/101 and 70.5/101.
    const expected =
      (30.5 / 101 - 60.5 / 101) * Math.log(30.5 / 60.5) + (70.5 / 101 - 40.5 / 101) * Math.log(70.5 / 40.5);
    expect(psiOfCounts([60, 40], [30, 70])).toBeCloseTo(expected, 12);
  });
  test('an empty bin gives a large finite number', () => {
    const value = psiOfCounts([500, 500], [1000, 0])!;
    expect(value).toBeGreaterThan(3);
    expect(Number.isFinite(value)).toBe(true);
  });
  test('is zero for equal shares, never negative, and symmetric', () => {
    expect(psiOfCounts([10, 20], [10, 20])).toBe(0);
    const counts = fc.array(fc.integer({ min: 0, max: 1000 }), { minLength: 4, maxLength: 4 });
    fc.assert(
      fc.property(counts, counts, (a, b) => {
        fc.pre(a.some((n) => n > 0) && b.some((n) => n > 0));
        expect(psiOfCounts(a, b)!).toBeGreaterThanOrEqual(0);
        expect(psiOfCounts(a, b)!).toBeCloseTo(psiOfCounts(b, a)!, 9);
      }),
    );
  });
  test('cannot be judged without rows', () => {
    expect(psiOfCounts([0, 0], [1, 2])).toBeNull();
    expect(psiOfCounts([1, 2], [0, 0])).toBeNull();
    expect(psiOfCounts([1, 2], [1, 2, 3])).toBeNull();
  });
});

describe('psi of profiles', () => {
  test('numbers: nulls are not drift, other bins cannot be compared', () => {
    expect(psi(numeric([50, 50]), numeric([50, 50], [0], 900))).toBe(0);
    expect(psi(numeric([50, 50], [0]), numeric([50, 50], [1]))).toBeNull();
    expect(psi(numeric([50, 50]), categorical({ a: 1 }))).toBeNull();
  });
  test('categories are matched by name; new ones count as other', () => {
    const reference = categorical({ a: 600, b: 400 });
    expect(psi(reference, categorical({ b: 400, a: 600 }))).toBe(0);
    expect(psi(reference, categorical({ a: 300, b: 200 }, 500))).toBeGreaterThan(1);
  });
  test('rare categories are judged together: in a small window they alone are noise', () => {
    const rare = Object.fromEntries(Array.from({ length: 80 }, (_, i) => [`r${i}`, 10]));
    const reference = categorical({ big: 9200, ...rare });
    // 80 of 1,000 rows are rare, as in the reference, but they are 80 rows of one of them.
    expect(
      psi(
        reference,
        categorical({
          big: 920,
          ...rare,
          ...Object.fromEntries(Object.keys(rare).map((key) => [key, key === 'r7' ? 80 : 0])),
        }),
      ),
    ).toBeLessThan(0.01);
    expect(psi(reference, categorical({ big: 500 }, 500))).toBeGreaterThan(0.5);
  });
});
