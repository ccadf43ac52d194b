import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EXACT_BITS, SKETCH_CELLS } from '../../../src/contracts/index.js';
import { ABSENT_HIGH_WORD, CategoricalBuilder, NumericBuilder } from '../../../src/domain/profiles/index.js';
import { bucketOf, cellEnd, cellStart, mergeSketches } from '../../../src/domain/profiles/index.js';
import { ExactSum } from '../../../src/domain/profiles/exact-sum.js';

/** Few values and many, near and far apart, with all that is special. */
const numbers = fc.oneof(
  fc.array(fc.double(), { maxLength: 300 }),
  // Near enough that cells of one bit or two hold them all, and too many for cells of more.
  fc.array(fc.double({ min: 0.5, max: 7, noNaN: true }), { minLength: 50, maxLength: 300 }),
  fc.array(fc.integer({ min: -3, max: 3 }), { maxLength: 300 }),
  fc.array(fc.constantFrom(0, -0, 5e-324, -5e-324, 1e308, -1e308, NaN, Infinity, -Infinity, 0.1), { maxLength: 60 }),
);

function numericOf(values: readonly number[], limit: number) {
  const builder = new NumericBuilder(limit);
  builder.addAll(Float64Array.from(values));
  return builder.sketch();
}

/** Splits into parts and puts them together again in another order, as a tree of merges. */
function mergedInParts<T>(parts: T[], merge: (a: T, b: T) => T, order: number[]): T {
  const left = [...parts];
  for (let step = 0; left.length > 1; step++) {
    const [a] = left.splice((order[step % order.length] ?? 0) % left.length, 1);
    const at = (order[(step + 1) % order.length] ?? 0) % left.length;
    left[at] = merge(a!, left[at]!);
  }
  return left[0]!;
}

/** What the definition says, done the slow way. */
function cellsByDefinition(values: readonly number[], limit: number) {
  const finite = values.filter(Number.isFinite);
  for (let bits = EXACT_BITS; bits >= 0; bits--) {
    const starts = [...new Set(finite.map((x) => cellStart(x, bits)))].sort((a, b) => a - b);
    if (starts.length <= limit || bits === 0) {
      return { bits, starts, counts: starts.map((s) => finite.filter((x) => cellStart(x, bits) === s).length) };
    }
  }
  throw new Error('unreachable');
}

describe('a sketch of numbers', () => {
  test('is what the definition says: the most bits for which the cells fit', () => {
    fc.assert(
      fc.property(numbers, fc.constantFrom(2500, 40), (values, limit) => {
        fc.pre(cellsByDefinition(values, limit).starts.length <= limit);
        const { bits, starts, counts } = numericOf(values, limit);
        expect({ bits, starts, counts }).toEqual(cellsByDefinition(values, limit));
      }),
      { numRuns: 60 },
    );
  });

  test('does not depend on order, batches or the tree of merges', () => {
    fc.assert(
      fc.property(
        fc.array(numbers, { minLength: 1, maxLength: 5 }),
        fc.array(fc.nat(), { minLength: 1 }),
        fc.constantFrom(2500, 40),
        (parts, order, limit) => {
          fc.pre(cellsByDefinition(parts.flat(), limit).starts.length <= limit);
          const whole = numericOf(parts.flat(), limit);
          expect(numericOf(parts.flat().toReversed(), limit)).toEqual(whole);
          const merge = (a: typeof whole, b: typeof whole) => {
            const builder = new NumericBuilder(limit);
            builder.addSketch(a);
            builder.addSketch(b);
            return builder.sketch();
          };
          const sketches = parts.map((part) => numericOf(part, limit));
          expect(mergedInParts(sketches, merge, order)).toEqual(whole);
        },
      ),
      { numRuns: 100 },
    );
  });

  test('of many values is merged to the same cells as all at once, bit for bit', () => {
    const random = (i: number) => Math.sin(i * 12.9898) * 43758.5453;
    const values = Array.from({ length: 60_000 }, (_, i) => random(i) * (i % 3 === 0 ? 1e-9 : 1e5));
    const whole = numericOf(values, SKETCH_CELLS);
    expect(whole.bits).toBeLessThan(EXACT_BITS);
    expect(whole.starts.length).toBeGreaterThan(SKETCH_CELLS / 2);
    const parts = [0, 1, 2, 3].map((k) =>
      numericOf(
        values.filter((_, i) => i % 4 === k),
        SKETCH_CELLS,
      ),
    );
    expect(mergedInParts(parts, (a, b) => mergeSketches('x', a, b) as typeof a, [3, 1, 0, 2])).toEqual(whole);
    for (const start of whole.starts) expect(cellStart(cellEnd(start, whole.bits), whole.bits)).not.toBe(start);
  });

  test('counts what is no number on the line, and rows without a value, apart', () => {
    const values = Float64Array.of(1, NaN, Infinity, -Infinity, -0, 0);
    const marked = new Float64Array(1);
    new Uint32Array(marked.buffer).set([1, ABSENT_HIGH_WORD]);
    const builder = new NumericBuilder();
    builder.addAll(values);
    builder.addAll(marked);
    expect(builder.sketch()).toEqual({
      kind: 'numeric',
      bits: 52,
      starts: [0, 1],
      counts: [2, 1],
      min: 0,
      max: 1,
      nan: 1,
      positiveInfinity: 1,
      negativeInfinity: 1,
    });
    expect(builder.absent[1]).toBe(1);
  });
});

function categoricalOf(values: readonly string[]) {
  const builder = new CategoricalBuilder();
  for (const value of values) builder.add(value);
  return builder.sketch();
}

describe('a sketch of categories', () => {
  test('does not depend on order or merges, whether by name or in buckets', () => {
    const few = fc.array(fc.string(), { maxLength: 50 });
    const many = fc.nat({ max: 50 }).map((k) => Array.from({ length: 3000 }, (_, i) => `category ${i * 7 + k}`));
    fc.assert(
      fc.property(fc.array(fc.oneof(few, many), { minLength: 1, maxLength: 4 }), fc.array(fc.nat()), (parts, order) => {
        const comparable = (sketch: ReturnType<typeof categoricalOf>) => ({
          ...sketch,
          frequent: [],
          frequentError: 0,
        });
        const whole = comparable(categoricalOf(parts.flat()));
        expect(comparable(categoricalOf(parts.flat().toReversed()))).toEqual(whole);
        const merge = (a: ReturnType<typeof categoricalOf>, b: typeof a) => mergeSketches('x', a, b) as typeof a;
        expect(comparable(mergedInParts(parts.map(categoricalOf), merge, [...order, 0]))).toEqual(whole);
      }),
      { numRuns: 25 },
    );
  });

  test('in buckets estimates how many there are within 5 %, and puts each where bucketOf says', () => {
    for (const distinct of [4097, 9000, 30_000, 200_000]) {
      const sketch = categoricalOf(Array.from({ length: distinct }, (_, i) => `user-${i}`));
      expect(sketch.of).toBe('buckets');
      expect(Math.abs(sketch.distinct / distinct - 1)).toBeLessThan(0.05);
      expect(sketch.categories).toContain(bucketOf('user-7'));
      expect(sketch.counts.reduce((a, b) => a + b, 0)).toBe(distinct);
    }
  });

  test('in buckets names the frequent ones, within the stated error', () => {
    const counts = new Map(Array.from({ length: 20_000 }, (_, i) => [`c${i}`, i < 20 ? 5000 - i : 1 + (i % 7)]));
    const rows = [...counts].flatMap(([value, count]) => Array.from({ length: count }, () => value));
    const half = Math.floor(rows.length / 3);
    const parts = [rows.slice(0, half), rows.slice(half)].map(categoricalOf);
    const sketch = mergeSketches('x', parts[0]!, parts[1]!);
    if (sketch.kind !== 'categorical') throw new Error('categorical is wanted');
    const named = new Map(sketch.frequent.map(({ value, count }) => [value, count]));
    for (const [value, count] of counts) {
      const known = named.get(value) ?? 0;
      expect(known).toBeLessThanOrEqual(count);
      expect(known).toBeGreaterThanOrEqual(count - sketch.frequentError);
    }
    for (let i = 0; i < 20; i++) expect(named.has(`c${i}`)).toBe(true);
    expect(sketch.frequentError).toBeLessThan(rows.length / 1000);
  });

  test('keeps no endless text', () => {
    const long = 'x'.repeat(1_000_000);
    const sketch = categoricalOf([long, `${long}y`, 'short']);
    expect(sketch.distinct).toBe(3);
    expect(Math.max(...sketch.categories.map((category) => category.length))).toBeLessThanOrEqual(256);
  });
});

describe('an exact sum', () => {
  test('is the sum of rationals, rounded once, in any order and from any parts', () => {
    const finite = fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e200, max: 1e200 });
    fc.assert(
      fc.property(fc.array(finite, { maxLength: 40 }), fc.nat({ max: 40 }), (values, cut) => {
        const of = (list: readonly number[]) => {
          const sum = new ExactSum();
          for (const x of list) sum.add(x);
          return sum.parts();
        };
        const whole = of(values);
        expect(of(values.toReversed())).toEqual(whole);
        expect(of([...of(values.slice(0, cut)), ...of(values.slice(cut))])).toEqual(whole);
        expect(whole.reduce((total, part) => total + asInteger(part), 0n)).toBe(
          values.reduce((total, x) => total + asInteger(x), 0n),
        );
      }),
    );
  });
});

/** A float64 in units of 2^-1074. */
function asInteger(x: number): bigint {
  const words = new BigUint64Array(Float64Array.of(x).buffer)[0]!;
  const exponent = (words >> 52n) & 0x7ffn;
  const mantissa = words & 0xf_ffff_ffff_ffffn;
  const size = exponent === 0n ? mantissa : (mantissa | (1n << 52n)) << (exponent - 1n);
  return words >> 63n === 1n ? -size : size;
}
