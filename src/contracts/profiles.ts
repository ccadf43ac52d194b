/**
 * Profiles: what the rows of a table look like, counted. A profile is a function of the rows alone: equal rows give an equal
 * profile in whatever order, batches or files they came, and profiles of disjoint rows merge to the profile of all of them.
 * So a reference is a stored profile, and the cost of watching follows new rows only.
 */

/** Most cells of a sketch. More distinct values than that are counted in wider cells. */
export const SKETCH_CELLS = 4096;
/** Most cells of a sketch of scores with their labels: what AUC is computed from. */
export const SCORE_CELLS = 8192;
/** Bits of the mantissa of a float64: each value has a cell of its own. */
export const EXACT_BITS = 52;

/**
 * Finite numbers in cells. A cell holds the values whose float64 has the same sign, exponent and first `bits` bits of the
 * mantissa; `bits` is the largest number for which not more than the sketch's limit of cells are in use. With 52 every value
 * has its own cell and all that is computed from the sketch is exact.
 */
export interface Cells {
  /** 0 to 52. */
  bits: number;
  /** Ascending. The value of a cell that is nearest to zero; -0 is 0. */
  starts: number[];
}

export interface NumericSketch extends Cells {
  kind: 'numeric';
  /** One per cell, none is 0. */
  counts: number[];
  /** Exact; null without values. */
  min: number | null;
  max: number | null;
  /** Values that are no numbers on the line; they are in no cell. */
  nan: number;
  positiveInfinity: number;
  negativeInfinity: number;
}

export interface CategoricalSketch {
  kind: 'categorical';
  /**
   * `values`: every category has its count. `buckets`: there are more than SKETCH_CELLS categories; each bucket counts those
   * whose hash has the same first bits, so distances between distributions are lower bounds.
   */
  of: 'values' | 'buckets';
  /** Sorted by UTF-16 code unit (values), or the hash prefixes in hexadecimal, of one length (buckets). */
  categories: string[];
  counts: number[];
  /** Distinct categories; with buckets an estimate with a standard error of 1.6 %. */
  distinct: number;
  /** With buckets: what the estimate is made from, so that it can be merged; else empty. */
  distinctRegisters: string;
  /**
   * With buckets: frequent categories by name, most rows first. Their counts may be too small by at most `frequentError`, and one
   * that is not listed has at most that many rows. Alone in a profile, it may depend on how the rows came together.
   */
  frequent: { value: string; count: number }[];
  frequentError: number;
}

export type Sketch = NumericSketch | CategoricalSketch;

/** The kind of a value that is not of its column's type. */
export type WrongKind = 'text' | 'number' | 'boolean' | 'other';

export interface ProfiledColumn {
  name: string;
  /** All rows of the table. Of them `rows - nulls - missing - wrong` have a usable value. */
  rows: number;
  nulls: number;
  /** Rows of files that lack the column altogether. */
  missing: number;
  /** Rows whose value is of another type, by the type found, most first. */
  wrong: { kind: WrongKind; rows: number }[];
  sketch: Sketch;
}

/**
 * A sum that does not depend on the order: rows are rounded to multiples of 2^-24 and added as whole numbers. Exact as long as
 * the total stays below 2^29.
 */
export type QuantizedSum = number;

/** Scores P(1) with their labels. */
export interface BinaryQuality {
  task: 'binary';
  /** Rows with a score in [0, 1] and a label. */
  rows: number;
  cells: Cells;
  /** Per cell: rows with label 1, and with label 0. */
  positives: number[];
  negatives: number[];
  /** Of the column `prediction` (or score >= 0.5 where there is none) against the label. */
  confusion: { truePositives: number; falsePositives: number; trueNegatives: number; falseNegatives: number };
  sums: Record<'logLoss' | 'logLossSquared' | 'brier' | 'brierSquared', QuantizedSum>;
}

/** One of several classes. */
export interface MulticlassQuality {
  task: 'multiclass';
  rows: number;
  /** In the model's order; labels that are none of them are counted in `unknownLabels`, and nowhere else. */
  classes: string[];
  unknownLabels: number;
  /** `confusion[i][j]`: rows of class i for which class j was predicted. */
  confusion: number[][];
  /** One class against the rest, per class; empty when no scores are there. */
  oneVsRest: { cells: Cells; positives: number[]; negatives: number[] }[];
  sums: Record<'logLoss' | 'logLossSquared' | 'brier' | 'brierSquared', QuantizedSum>;
}

export type RegressionSum = 'error' | 'absolute' | 'squared' | 'squaredSquared' | 'label' | 'labelSquared';

/** A number for a number. */
export interface RegressionQuality {
  task: 'regression';
  rows: number;
  /** error = prediction - label. Each is the exact sum, rounded once. */
  sums: Record<RegressionSum, number>;
  /** What that rounding has left, largest first, so that sums can be added exactly, in any order. */
  remainders: Record<RegressionSum, number[]>;
  /** The errors. */
  errors: NumericSketch;
}

export type Quality = BinaryQuality | MulticlassQuality | RegressionQuality;

/** Which columns `quality` was counted from, so that another table can be looked at in the same way. */
export interface QualityRoles {
  task: Quality['task'];
  label: string;
  /** Labels as texts; binary: the negative one, then the positive one; regression: none. */
  classes: string[];
  prediction: string | null;
  /** Binary: P(positive); multiclass: one per class, or none. */
  scores: string[];
}

/** A part of the rows: those with one value in one column. */
export interface QualitySlice {
  column: string;
  /** A category, or the half-open range of a number as `[a, b)`. */
  value: string;
  quality: Quality;
}

export interface TableProfile {
  kind: 'profile';
  schema: 1;
  rows: number;
  /** Features, prediction and score, label: in the order in which they were asked for or found. */
  columns: ProfiledColumn[];
  /** null: no labels, or nobody asked. */
  quality: Quality | null;
  /** Left out where nobody said which columns they are. */
  roles?: QualityRoles;
  slices: QualitySlice[];
}
