/** The errors that docs/monitoring.md states for columns of more distinct values than a sketch has cells. */
import { describe, expect, test } from 'vitest';
import type { NumericSketch } from '../../../src/contracts/index.js';
import { DRIFT_POLICY, driftOf } from '../../../src/domain/decisions/drift/column.js';
import { performanceOf } from '../../../src/domain/decisions/performance/performance.js';
import { BinaryBuilder, cellEnd, NumericBuilder, quantile } from '../../../src/domain/profiles/index.js';

const ROWS = 40_000;

/** Deterministic numbers in [0, 1): Weyl's sequence, with a mixer so that neighbours are not alike. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b_79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
const normal = (random: () => number) => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());

const shapes: Record<string, (random: () => number) => number> = {
  uniform: (random) => random(),
  normal,
  'far from zero': (random) => 1e6 + normal(random),
  'many magnitudes': (random) => Math.exp(normal(random) * 8) * (random() < 0.5 ? -1 : 1),
};

function sketchOf(values: readonly number[]): NumericSketch {
  const builder = new NumericBuilder();
  builder.addAll(Float64Array.from(values));
  return builder.sketch();
}

/** The largest difference of the two distribution functions. */
function ks(a: readonly [number, number][], b: readonly [number, number][]): number {
  const [sizeA, sizeB] = [a, b].map((side) => side.reduce((sum, [, count]) => sum + count, 0));
  const steps = [
    ...a.map(([at, count]) => ({ at, by: count / sizeA! })),
    ...b.map(([at, count]) => ({ at, by: -count / sizeB! })),
  ].sort((x, y) => x.at - y.at);
  let [apart, largest] = [0, 0];
  steps.forEach(({ at, by }, i) => {
    apart += by;
    if (steps[i + 1]?.at !== at) largest = Math.max(largest, Math.abs(apart));
  });
  return largest;
}

/** Both at the bits of the coarser, as cells with counts. */
function together(a: NumericSketch, b: NumericSketch): [number, number][][] {
  const bits = Math.min(a.bits, b.bits);
  return [a, b].map((side) => {
    const builder = new NumericBuilder();
    builder.addSketch({ ...b, bits, starts: [], counts: [], min: null, max: null });
    builder.addSketch(side);
    const { starts, counts } = builder.sketch();
    return starts.map((start, i): [number, number] => [start, counts[i]!]);
  });
}

describe.each(Object.entries(shapes))('numbers that are %s', (_, shape) => {
  const values = Array.from(
    { length: ROWS },
    (
      (random) => () =>
        shape(random)
    )(randomOf(1)),
  );
  const others = Array.from(
    { length: ROWS },
    (
      (random) => () =>
        shape(random) * 1.1
    )(randomOf(2)),
  );
  const [sketch, other] = [values, others].map(sketchOf) as [NumericSketch, NumericSketch];

  test('a quantile is the exact one rounded towards zero by less than 2^-bits of it', () => {
    expect(sketch.bits).toBeLessThan(52);
    const sorted = values.toSorted((a, b) => a - b);
    for (const share of [0, 0.01, 0.1, 0.5, 0.9, 0.99]) {
      const exact = sorted[Math.floor(share * ROWS)]!;
      const found = quantile(sketch, share)!;
      expect(Math.abs(found)).toBeLessThanOrEqual(Math.abs(exact));
      expect(Math.abs(exact - found)).toBeLessThan(2 ** -sketch.bits * Math.abs(exact));
    }
  });

  test('Kolmogorov-Smirnov is too small by at most the largest share of the rows in one cell', () => {
    const exact = ks(
      values.map((x) => [x, 1]),
      others.map((x) => [x, 1]),
    );
    const cells = together(sketch, other);
    const largest = Math.max(...cells.flat().map(([, count]) => count)) / ROWS;
    const found = ks(cells[0]!, cells[1]!);
    expect(found).toBeLessThanOrEqual(exact + 1e-12);
    expect(found).toBeGreaterThanOrEqual(exact - largest);
  });

  test('Wasserstein is off by at most the mean width of the cells of both sides', () => {
    const [a, b] = [values, others].map((side) => side.toSorted((x, y) => x - y));
    const exact = a!.reduce((sum, x, i) => sum + Math.abs(x - b![i]!), 0) / ROWS;
    const bits = Math.min(sketch.bits, other.bits);
    const widths = together(sketch, other).flat();
    const mean = widths.reduce((sum, [at, count]) => sum + Math.abs(cellEnd(at, bits) - at) * count, 0) / ROWS;
    const column = { name: 'x', rows: ROWS, nulls: 0, missing: 0, wrong: [] };
    const found = driftOf({ ...column, sketch }, { ...column, sketch: other }, DRIFT_POLICY).wasserstein!;
    expect(Math.abs(found - exact)).toBeLessThanOrEqual(mean);
    expect(mean).toBeLessThan(exact / 10);
  });
});

test('an AUC from more scores than cells: off by at most half of what is tied within cells, and its interval covers it', () => {
  const random = randomOf(3);
  const rows = Array.from({ length: ROWS }, () => {
    const score = 1 / (1 + Math.exp(-normal(random)));
    return { score, label: random() < score ? 1 : 0 };
  });
  const builder = new BinaryBuilder();
  for (const { score, label } of rows) builder.add(score, label, NaN);
  const quality = builder.quality();
  expect(quality.cells.bits).toBeLessThan(52);
  const positives = quality.positives.reduce((a, b) => a + b);
  const pairs = positives * (ROWS - positives);
  const bound = quality.positives.reduce((sum, p, i) => sum + p * quality.negatives[i]!, 0) / pairs / 2;
  const sorted = rows.toSorted((a, b) => a.score - b.score);
  let [below, wins] = [0, 0];
  for (const { label } of sorted) {
    if (label === 0) below++;
    else wins += below;
  }
  const auc = performanceOf(quality).metrics['auc']!;
  expect(bound).toBeLessThan(1e-3);
  expect(Math.abs(auc.value - wins / pairs)).toBeLessThanOrEqual(bound);
  expect(auc.low).toBeLessThanOrEqual(wins / pairs);
  expect(auc.high).toBeGreaterThanOrEqual(wins / pairs);
});
