/** Sketches, columns and quality from plain arrays, built as profiles build them from tables. */
import {
  type BinaryQuality,
  type CategoricalSketch,
  type MulticlassQuality,
  type NumericSketch,
  type ProfiledColumn,
  type RegressionQuality,
  SKETCH_CELLS,
} from '../../src/contracts/index.js';
import {
  BinaryBuilder,
  CategoricalBuilder,
  MulticlassBuilder,
  NumericBuilder,
  RegressionBuilder,
} from '../../src/domain/profiles/index.js';

/** @param most cells */
export function numericSketch(values: ArrayLike<number>, most = SKETCH_CELLS): NumericSketch {
  const builder = new NumericBuilder(most);
  for (let i = 0; i < values.length; i++) builder.add(values[i]!);
  return builder.sketch();
}

export function categoricalSketch(values: readonly string[]): CategoricalSketch {
  const builder = new CategoricalBuilder();
  for (const value of values) builder.add(value);
  return builder.sketch();
}

export function column(sketch: ProfiledColumn['sketch'], name = 'x'): ProfiledColumn {
  const rows = sketch.counts.reduce((a, b) => a + b, 0) + (sketch.kind === 'numeric' ? sketch.nan : 0);
  return { name, rows, nulls: 0, missing: 0, wrong: [], sketch };
}
export const numeric = (values: ArrayLike<number>): ProfiledColumn => column(numericSketch(values));
export const categorical = (values: readonly string[]): ProfiledColumn => column(categoricalSketch(values));

/** Scores with their labels; predicted is score >= 0.5. */
export function binaryQuality(scores: ArrayLike<number>, labels: ArrayLike<number>): BinaryQuality {
  const builder = new BinaryBuilder();
  for (let i = 0; i < scores.length; i++) builder.add(scores[i]!, labels[i]!, NaN);
  return builder.quality();
}

/** @param probabilities one row each, one column per class; the likeliest class is predicted */
export function multiclassQuality(probabilities: number[][], labels: number[], classes: string[]): MulticlassQuality {
  const builder = new MulticlassBuilder(classes, true);
  for (const [i, row] of probabilities.entries()) builder.add(labels[i]!, null, row);
  return builder.quality();
}

export function regressionQuality(predictions: readonly number[], labels: readonly number[]): RegressionQuality {
  const builder = new RegressionBuilder();
  for (const [i, prediction] of predictions.entries()) builder.add(prediction, labels[i]!);
  return builder.quality();
}

/** Mulberry32: small, and the same everywhere. */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Box and Muller. */
export const normalFrom = (random: () => number): number =>
  Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
