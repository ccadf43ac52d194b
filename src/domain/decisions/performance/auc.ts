/** Area under the ROC curve from scores in cells. */
import type { Interval, Measured } from '../../../contracts/index.js';
import { zOf } from '../distributions.js';
import { total } from '../drift/joint.js';
import { widened } from './proportion.js';

/** Scores of both classes in the same cells, ascending; counts may be fractional (expected ones). */
export interface ClassCounts {
  positives: readonly number[];
  negatives: readonly number[];
}

export interface Auc {
  value: number;
  /** DeLong's. */
  variance: number;
  /** The true area of these rows differs from `value` by no more, if values in a cell differ. */
  cellError: number;
}

/**
 * The share of pairs of a positive and a negative row in which the positive one has the higher score, ties half (Mann-Whitney);
 * rows of one cell count as ties.
 * Variance: DeLong, DeLong and Clarke-Pearson 1988, "Comparing the areas under two or more correlated ROC curves".
 * @returns null when there are rows of one class only
 */
export function aucOf({ positives, negatives }: ClassCounts): Auc | null {
  const all = { positives: total(positives), negatives: total(negatives) };
  if (all.positives <= 0 || all.negatives <= 0) return null;
  let [area, ties, ofPositives, ofNegatives] = [0, 0, 0, 0];
  let [positivesBelow, negativesBelow] = [0, 0];
  for (let i = 0; i < positives.length; i++) {
    const [positive, negative] = [positives[i]!, negatives[i]!];
    // Shares of the other class that a row of this cell beats.
    const beats = (negativesBelow + negative / 2) / all.negatives;
    const isBeatenBy = 1 - (positivesBelow + positive / 2) / all.positives;
    area += positive * beats;
    ties += positive * negative;
    ofPositives += positive * beats * beats;
    ofNegatives += negative * isBeatenBy * isBeatenBy;
    positivesBelow += positive;
    negativesBelow += negative;
  }
  const value = area / all.positives;
  const spread = (squares: number, rows: number): number =>
    rows > 1 ? Math.max(0, squares / rows - value * value) / (rows - 1) : 0;
  return {
    value,
    variance: spread(ofPositives, all.positives) + spread(ofNegatives, all.negatives),
    cellError: ties / (2 * all.positives * all.negatives),
  };
}

/** @param exact whether a cell is one value: then rows of one cell are true ties */
export function measuredAuc(counts: ClassCounts, exact: boolean, confidence: number): Measured {
  const auc = aucOf(counts);
  if (auc === null) return null;
  const interval = scoreInterval(auc, total(counts.positives), total(counts.negatives), confidence);
  return { value: auc.value, ...widened(interval, exact ? 0 : auc.cellError) };
}

/**
 * Interval by inversion: all areas from which the measured one is not further than z of *their* standard errors; it never
 * leaves 0 to 1, and says something of a perfect separation of ten rows. The variance of an area is Hanley and McNeil's (1982),
 * as changed in method 5 of Newcombe 2006, "Confidence intervals for an effect size measure based on the Mann-Whitney
 * statistic", times the ratio by which DeLong's differs from it at the measured area.
 */
function scoreInterval({ value, variance }: Auc, positives: number, negatives: number, confidence: number): Interval {
  const z = zOf(confidence);
  const mean = (positives + negatives) / 2;
  const hanley = (area: number): number =>
    (area * (1 - area) * (1 + (mean - 1) * ((1 - area) / (2 - area) + area / (1 + area)))) / (positives * negatives);
  const measured = hanley(value);
  const ratio = measured > 0 ? Math.min(Math.max(variance / measured, 0.5), 4) : 1;
  const end = (limit: number): number => {
    let [inside, outside] = [value, limit];
    for (let step = 0; step < 50; step++) {
      const area = (inside + outside) / 2;
      if (Math.abs(value - area) <= z * Math.sqrt(ratio * hanley(area))) inside = area;
      else outside = area;
    }
    return inside;
  };
  return { low: end(0), high: end(1) };
}
