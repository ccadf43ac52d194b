/** Sketches and profiled columns from plain arrays, as profiles make them from tables. */
import {
  type BinaryQuality,
  type CategoricalSketch,
  type Cells,
  EXACT_BITS,
  type MulticlassQuality,
  type NumericSketch,
  type ProfiledColumn,
  type RegressionQuality,
  SCORE_CELLS,
  SKETCH_CELLS,
} from '../../src/contracts/index.js';
import { cellStart } from '../../src/domain/profiles/cells.js';

/** @param most cells */
export function numericSketch(values: ArrayLike<number>, most = SKETCH_CELLS): NumericSketch {
  const counts = new Map<number, number>();
  const sketch: NumericSketch = {
    kind: 'numeric',
    bits: EXACT_BITS,
    starts: [],
    counts: [],
    min: null,
    max: null,
    nan: 0,
    positiveInfinity: 0,
    negativeInfinity: 0,
  };
  for (let i = 0; i < values.length; i++) {
    const x = values[i]! + 0;
    if (Number.isNaN(x)) sketch.nan++;
    else if (x === Infinity) sketch.positiveInfinity++;
    else if (x === -Infinity) sketch.negativeInfinity++;
    else {
      counts.set(x, (counts.get(x) ?? 0) + 1);
      sketch.min = Math.min(sketch.min ?? x, x);
      sketch.max = Math.max(sketch.max ?? x, x);
    }
  }
  const { bits, cells } = cellsOf(counts, most);
  return { ...sketch, bits, starts: cells.map(([start]) => start), counts: cells.map(([, n]) => n) };
}

/** The largest number of bits that fits. */
function cellsOf(values: Map<number, number>, most: number): { bits: number; cells: [number, number][] } {
  let bits = EXACT_BITS;
  for (let step = 32; step > 0; step = Math.floor(step / 2))
    while (bits >= step && starts(values, bits).size > most) bits -= step;
  while (bits < EXACT_BITS && starts(values, bits + 1).size <= most) bits++;
  const cells = new Map<number, number>();
  for (const [x, n] of values) cells.set(cellStart(x, bits), (cells.get(cellStart(x, bits)) ?? 0) + n);
  return { bits, cells: [...cells].sort(([a], [b]) => a - b) };
}

const starts = (values: Map<number, number>, bits: number): Set<number> =>
  new Set([...values.keys()].map((x) => cellStart(x, bits)));

export function categoricalSketch(values: readonly string[]): CategoricalSketch {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  const categories = [...counts.keys()].sort();
  return {
    kind: 'categorical',
    of: 'values',
    categories,
    counts: categories.map((c) => counts.get(c)!),
    distinct: categories.length,
    distinctRegisters: '',
    frequent: [],
    frequentError: 0,
  };
}

export function column(sketch: ProfiledColumn['sketch'], name = 'x'): ProfiledColumn {
  const rows = sketch.counts.reduce((a, b) => a + b, 0) + (sketch.kind === 'numeric' ? sketch.nan : 0);
  return { name, rows, nulls: 0, missing: 0, wrong: [], sketch };
}
export const numeric = (values: ArrayLike<number>, name?: string): ProfiledColumn =>
  column(numericSketch(values), name);
export const categorical = (values: readonly string[], name?: string): ProfiledColumn =>
  column(categoricalSketch(values), name);

/** Scores with their labels; predicted is score >= 0.5. */
export function binaryQuality(scores: ArrayLike<number>, labels: ArrayLike<number>, most = SCORE_CELLS): BinaryQuality {
  const all = numericSketch(scores, most);
  const cells: Cells = { bits: all.bits, starts: all.starts };
  const index = new Map(all.starts.map((start, i) => [start, i]));
  const quality: BinaryQuality = {
    task: 'binary',
    rows: scores.length,
    cells,
    positives: all.starts.map(() => 0),
    negatives: all.starts.map(() => 0),
    confusion: { truePositives: 0, falsePositives: 0, trueNegatives: 0, falseNegatives: 0 },
    sums: { logLoss: 0, logLossSquared: 0, brier: 0, brierSquared: 0 },
  };
  const { confusion, sums } = quality;
  for (let i = 0; i < scores.length; i++) {
    const [s, y] = [scores[i]!, labels[i]!];
    (y === 1 ? quality.positives : quality.negatives)[index.get(cellStart(s, all.bits))!]!++;
    confusion[
      s >= 0.5 ? (y === 1 ? 'truePositives' : 'falsePositives') : y === 1 ? 'falseNegatives' : 'trueNegatives'
    ]++;
    const certain = Math.min(Math.max(s, 2 ** -52), 1 - 2 ** -52);
    const loss = -Math.log(y === 1 ? certain : 1 - certain);
    sums.logLoss += loss;
    sums.logLossSquared += loss * loss;
    sums.brier += (s - y) ** 2;
    sums.brierSquared += (s - y) ** 4;
  }
  return quality;
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

/** @param probabilities one row each, one column per class; the likeliest class is predicted */
export function multiclassQuality(probabilities: number[][], labels: number[], classes: string[]): MulticlassQuality {
  const quality: MulticlassQuality = {
    task: 'multiclass',
    rows: labels.length,
    classes,
    unknownLabels: 0,
    confusion: classes.map(() => classes.map(() => 0)),
    oneVsRest: classes.map((_, k) => {
      const { cells, positives, negatives } = binaryQuality(
        probabilities.map((row) => row[k]!),
        labels.map((label) => (label === k ? 1 : 0)),
      );
      return { cells, positives, negatives };
    }),
    sums: { logLoss: 0, logLossSquared: 0, brier: 0, brierSquared: 0 },
  };
  for (const [i, row] of probabilities.entries()) {
    quality.confusion[labels[i]!]![row.indexOf(Math.max(...row))]!++;
    const loss = -Math.log(Math.max(row[labels[i]!]!, 2 ** -52));
    const brier = row.reduce((sum, p, k) => sum + (p - (k === labels[i] ? 1 : 0)) ** 2, 0);
    quality.sums.logLoss += loss;
    quality.sums.logLossSquared += loss * loss;
    quality.sums.brier += brier;
    quality.sums.brierSquared += brier * brier;
  }
  return quality;
}

export function regressionQuality(predictions: readonly number[], labels: readonly number[]): RegressionQuality {
  const errors = predictions.map((prediction, i) => prediction - labels[i]!);
  const sum = (of: (error: number, label: number) => number): number =>
    errors.reduce((all, error, i) => all + of(error, labels[i]!), 0);
  return {
    task: 'regression',
    rows: labels.length,
    sums: {
      error: sum((e) => e),
      absolute: sum(Math.abs),
      squared: sum((e) => e ** 2),
      squaredSquared: sum((e) => e ** 4),
      label: sum((_, y) => y),
      labelSquared: sum((_, y) => y * y),
    },
    errors: numericSketch(errors),
  };
}
