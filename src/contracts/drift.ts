/** What two profiles say when they are held against each other. */

/**
 * Two-sided, at the stated confidence; it covers sampling and what the width of cells hides. It is about the truth, which plain
 * statistics of distance overstate with few rows: so it may lie below the statistic itself.
 */
export interface Interval {
  low: number;
  high: number;
}

/**
 * `drifted`: the whole interval lies at or above the limit. `stable`: all of it lies below. `undecided`: the limit lies within, too
 * few rows to tell. `notJudged`: there is nothing to judge, and `because` says why. A p-value decides nothing: with enough
 * rows every difference is significant, and most do no harm.
 */
export type DriftVerdict = 'stable' | 'drifted' | 'undecided' | 'notJudged';

export type DriftStatistic = 'psi' | 'jensenShannon' | 'ks' | 'wasserstein';

/** How columns are judged. Limits are on effect size: what is below them does no harm, however sure it is. */
export interface DriftPolicy {
  /** The statistic that decides; the others are told. */
  numeric: DriftStatistic;
  categorical: 'psi' | 'jensenShannon';
  /** Of the Wasserstein distance in standard deviations of the reference. */
  limits: Record<DriftStatistic, number>;
  /** Largest share of windows of unchanged data in which any of the columns may be called drifted; between 0 and 1. */
  falseAlarms: number;
  /** How many columns are judged together: each gets its part of `falseAlarms`. */
  columns: number;
}

/** Where a column's drift comes from: a bin of numbers or a category. */
export interface DriftPart {
  /** A category, `[a, b)`, or `other`. */
  part: string;
  /** Shares of the rows, 0 to 1. */
  reference: number;
  current: number;
  /** Its share of the column's PSI, 0 to 1. */
  share: number;
}

export interface ColumnDrift {
  name: string;
  kind: 'numeric' | 'categorical';
  /** Population stability index over the reference's deciles or frequent categories. */
  psi: number | null;
  /** Jensen-Shannon distance, base 2, 0 to 1. */
  jensenShannon: number | null;
  /** Kolmogorov-Smirnov statistic, 0 to 1; null for categories. */
  ks: number | null;
  /** In the column's unit; null for categories. */
  wasserstein: number | null;
  intervals: Partial<Record<DriftStatistic, Interval>>;
  /** Share of rows with categories that the reference never saw; null for numbers, or where that cannot be known. */
  newCategories: number | null;
  verdict: DriftVerdict;
  /** One sentence for a person: which statistic decided, against which limit, or why nothing can be said. */
  because: string;
  /** Largest first, ten at most. */
  parts: DriftPart[];
}

/** A value and how sure it is; null: it cannot be computed (no rows, one class). */
export type Measured = ({ value: number } & Interval) | null;

export interface Performance {
  task: 'binary' | 'multiclass' | 'regression';
  rows: number;
  /** By the metric's name: auc, logLoss, brier, accuracy, f1, ece; macroF1; mae, rmse, r2. */
  metrics: Record<string, Measured>;
}
