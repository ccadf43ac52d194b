/** How good a model was, as counts of its rows tell, each figure with its interval. */
import {
  type BinaryQuality,
  EXACT_BITS,
  type Measured,
  type MulticlassQuality,
  type Performance,
  type Quality,
  type RegressionQuality,
} from '../../../contracts/index.js';
import { zOf } from '../distributions.js';
import { total } from '../drift/joint.js';
import { measuredAuc } from './auc.js';
import { calibrationError } from './calibration.js';
import { atMostOne, meanLoss, shareOf, wilson } from './proportion.js';

/** Each figure stands in its interval with this probability. */
export const CONFIDENCE = 0.95;

export function performanceOf(quality: Quality, confidence = CONFIDENCE): Performance {
  const { task, rows } = quality;
  switch (quality.task) {
    case 'binary':
      return { task, rows, metrics: binaryMetrics(quality, confidence) };
    case 'multiclass':
      return { task, rows, metrics: multiclassMetrics(quality, confidence) };
    case 'regression':
      return { task, rows, metrics: regressionMetrics(quality, confidence) };
  }
}

function binaryMetrics(quality: BinaryQuality, confidence: number): Performance['metrics'] {
  const { rows, sums, cells, confusion } = quality;
  const { truePositives, trueNegatives, falsePositives, falseNegatives } = confusion;
  return {
    auc: measuredAuc(quality, cells.bits === EXACT_BITS, confidence),
    logLoss: meanLoss(sums.logLoss, sums.logLossSquared, rows, confidence),
    brier: atMostOne(meanLoss(sums.brier, sums.brierSquared, rows, confidence)),
    accuracy: shareOf(truePositives + trueNegatives, rows, confidence),
    f1: measuredF1(truePositives, falsePositives + falseNegatives, confidence),
    ece: calibrationError(quality, confidence),
  };
}

/**
 * F1 = 2J / (1 + J) with J = hits / (hits + misses) of all rows that are positive or called so: of these, J is a plain share.
 * @returns null when no row is positive and none was called so
 */
function measuredF1(hits: number, misses: number, confidence: number): Measured {
  const share = shareOf(hits, hits + misses, confidence);
  const f1 = (j: number): number => (2 * j) / (1 + j);
  return share && { value: f1(share.value), low: f1(share.low), high: f1(share.high) };
}

function multiclassMetrics(quality: MulticlassQuality, confidence: number): Performance['metrics'] {
  const { rows, confusion, oneVsRest, sums } = quality;
  const scored = oneVsRest.length > 0;
  return {
    accuracy: shareOf(total(confusion.map((row, i) => row[i]!)), rows, confidence),
    macroF1: macroF1(confusion, rows, confidence),
    logLoss: scored ? meanLoss(sums.logLoss, sums.logLossSquared, rows, confidence) : null,
    brier: scored ? meanLoss(sums.brier, sums.brierSquared, rows, confidence) : null,
    auc: meanOf(oneVsRest.map((one) => measuredAuc(one, one.cells.bits === EXACT_BITS, confidence))),
  };
}

/**
 * Mean of the classes' F1, over classes that occur or were predicted, as scikit-learn's `f1_score(average='macro')`.
 * Variance by the delta method on multinomial counts; Wilson's interval for a share of that variance.
 */
function macroF1(confusion: number[][], rows: number, confidence: number): Measured {
  const classes = confusion.map((row, k) => ({ hits: row[k]!, size: total(row) + total(confusion.map((r) => r[k]!)) }));
  const present = classes.filter(({ size }) => size > 0).length;
  if (present === 0) return null;
  const value = total(classes.map(({ hits, size }) => (size > 0 ? (2 * hits) / size : 0))) / present;
  // How much one more row in this place of the table changes the sum of F1, per row.
  const lost = classes.map(({ hits, size }) => (size > 0 ? (2 * hits) / size ** 2 : 0));
  const won = classes.map(({ size }) => (size > 0 ? 2 / size : 0));
  let squares = 0;
  for (const [i, row] of confusion.entries())
    for (const [j, n] of row.entries()) squares += n * ((i === j ? won[i]! : 0) - lost[i]! - lost[j]!) ** 2;
  const variance = squares / present ** 2;
  const certain = variance === 0 || value === 0 || value >= 1;
  return { value, ...wilson(value, certain ? rows : (value * (1 - value)) / variance, confidence) };
}

/** As if all moved together: the widest that the interval of a mean can be. */
function meanOf(measured: Measured[]): Measured {
  const all = measured.filter((m) => m !== null);
  if (all.length === 0 || all.length < measured.length) return null;
  const mean = (key: 'value' | 'low' | 'high'): number => total(all.map((m) => m[key])) / all.length;
  return { value: mean('value'), low: mean('low'), high: mean('high') };
}

function regressionMetrics({ rows, sums }: RegressionQuality, confidence: number): Performance['metrics'] {
  const square = meanLoss(sums.squared, sums.squaredSquared, rows, confidence);
  return {
    mae: meanLoss(sums.absolute, sums.squared, rows, confidence),
    rmse: square && { value: Math.sqrt(square.value), low: Math.sqrt(square.low), high: Math.sqrt(square.high) },
    r2: determination(sums, rows, square, confidence),
  };
}

/**
 * R2 = 1 - mean squared error / variance of the label. Delta method, for errors whose size does not depend on the label, and a label
 * whose variance is as uncertain as a normal one's: its fourth moment is not in the profile.
 * @returns null when the label does not vary
 */
function determination(sums: RegressionQuality['sums'], rows: number, square: Measured, confidence: number): Measured {
  const variance = (sums.labelSquared - (sums.label * sums.label) / rows) / rows;
  // Below this, rounding is all that is left of the difference.
  if (square === null || !(variance > 1e-12 * (sums.labelSquared / rows))) return null;
  const unexplained = square.value / variance;
  const half = (square.high - square.value) / variance;
  const ofLabel = unexplained * zOf(confidence) * Math.sqrt(2 / rows);
  const reach = Math.hypot(half, ofLabel);
  return { value: 1 - unexplained, low: 1 - unexplained - reach, high: Math.min(1, 1 - unexplained + reach) };
}

/**
 * Current - reference, by metric, for independent samples: each side's own interval gives the reach of the difference.
 * Source: Zou and Donner 2008, "Construction of confidence limits about effect measures" (MOVER).
 */
export function performanceChange(reference: Performance, current: Performance): Record<string, Measured> {
  return Object.fromEntries(
    Object.entries(current.metrics).map(([name, now]) => [name, changeOf(reference.metrics[name] ?? null, now)]),
  );
}

function changeOf(before: Measured, now: Measured): Measured {
  if (before === null || now === null) return null;
  const value = now.value - before.value;
  return {
    value,
    low: value - Math.hypot(now.value - now.low, before.high - before.value),
    high: value + Math.hypot(now.high - now.value, before.value - before.low),
  };
}
