/** What a classifier's performance should be, before labels come. */
import {
  type BinaryQuality,
  EXACT_BITS,
  type Measured,
  type NumericSketch,
  type Performance,
} from '../../../contracts/index.js';
import { clippedLog } from '../../profiles/index.js';
import { zOf } from '../distributions.js';
import { coarsen, total } from '../drift/joint.js';
import { aucOf } from './auc.js';
import { type CalibrationBlock, isotonicBlocks, scoresOf, shareIn } from './calibration.js';
import { CONFIDENCE } from './performance.js';

/** The window's rows in cells of scores, each with the probability of a positive label that the reference taught. */
interface Expected {
  scores: number[];
  rows: number[];
  chances: number[];
  /** Which of the reference's blocks taught it. */
  block: number[];
  blocks: CalibrationBlock[];
  exact: boolean;
}

/** A metric and how it changes with one row's label, per cell. */
interface Estimate {
  value: number;
  slopes: number[];
  /** What the width of cells hides. */
  cellError: number;
}

/**
 * Confidence-based estimation (CBPE, as in NannyML): scores are calibrated on the reference (isotonic regression), and a calibrated
 * score says with which probability a row's label is positive; so each metric has an expected value without any label.
 * It sees what a change of the rows (covariate shift) does to performance. It cannot see that the same rows now have
 * other labels (concept drift), nor rows of a kind that the reference never had.
 *
 * The interval is for the figure that the labels will show: chance of the labels given the scores, and the reference's
 * own uncertainty about what a score means.
 * @param current the window's scores
 * @returns null when the reference has no labelled rows or the window no scores; accuracy and F1 are null when the reference's
 *   predictions are no threshold on its scores
 */
export function estimatePerformance(
  reference: BinaryQuality,
  current: NumericSketch,
  confidence = CONFIDENCE,
): Performance | null {
  const rows = total(current.counts);
  if (reference.rows === 0 || rows === 0) return null;
  const expected = expectedLabels(reference, current);
  const threshold = thresholdOf(reference);
  const measured = (estimate: Estimate | null, most = 1): Measured =>
    estimate && withInterval(estimate, expected, most, confidence);
  return {
    task: 'binary',
    rows,
    metrics: {
      auc: measured(estimatedAuc(expected)),
      logLoss: measured(estimatedLogLoss(expected), Infinity),
      brier: measured(
        estimatedMean(
          expected,
          (s) => (1 - s) ** 2,
          (s) => s ** 2,
        ),
      ),
      accuracy: measured(threshold === null ? null : estimatedAccuracy(expected, threshold)),
      f1: measured(threshold === null ? null : estimatedF1(expected, threshold)),
    },
  };
}

function expectedLabels(reference: BinaryQuality, current: NumericSketch): Expected {
  const bits = Math.min(reference.cells.bits, current.bits);
  const { starts: from, bits: fine } = reference.cells;
  const positives = coarsen({ starts: from, counts: reference.positives, bits: fine }, bits);
  const negatives = coarsen({ starts: from, counts: reference.negatives, bits: fine }, bits);
  const now = coarsen(current, bits);
  const blocks = isotonicBlocks(positives.counts, negatives.counts);
  const blockOf = blocks.flatMap(({ from: first, to }, b) => Array.from({ length: to - first }, () => b));
  const known = scoresOf({ starts: [...positives.starts], bits });
  const scores = scoresOf({ starts: [...now.starts], bits });
  const taught = scores.map((score) => chanceAt(score, known, blockOf, blocks));
  return {
    scores,
    rows: [...now.counts],
    chances: taught.map(({ chance }) => chance),
    block: taught.map(({ block }) => block),
    blocks,
    exact: bits === EXACT_BITS,
  };
}

/** Between two scores of the reference on the straight line between them, beyond the last ones as there. */
function chanceAt(
  score: number,
  known: number[],
  blockOf: number[],
  blocks: CalibrationBlock[],
): { chance: number; block: number } {
  let [low, high] = [0, known.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (known[middle]! < score) low = middle + 1;
    else high = middle;
  }
  const above = blockOf[low]!;
  const chance = shareIn(blocks[above]!);
  const nearest = known[low]!;
  if (low === 0 || nearest <= score) return { chance, block: above };
  const below = known[low - 1]!;
  const part = (score - below) / (nearest - below);
  const before = shareIn(blocks[blockOf[low - 1]!]!);
  return { chance: before + part * (chance - before), block: part < 0.5 ? blockOf[low - 1]! : above };
}

/** Of this share of the rows, a threshold may mistake for one another those that a cell or a rounding puts on its other side. */
const THRESHOLD_TOLERANCE = 0.01;

/**
 * The score from which on the reference's rows were called positive: the one that gives as many of them.
 * @returns null when the rows above it are not those that were called positive
 */
function thresholdOf({ cells, positives, negatives, confusion, rows }: BinaryQuality): number | null {
  const wanted = confusion.truePositives + confusion.falsePositives;
  let [called, hits, first] = [0, 0, positives.length];
  for (let i = positives.length - 1; i >= 0; i--) {
    const more = positives[i]! + negatives[i]!;
    if (wanted - called < called + more - wanted) break;
    called += more;
    hits += positives[i]!;
    first = i;
  }
  const wrong = Math.max(Math.abs(called - wanted), Math.abs(hits - confusion.truePositives));
  if (wrong > THRESHOLD_TOLERANCE * rows) return null;
  const above = cells.starts[first] ?? Infinity;
  const below = cells.starts[first - 1] ?? -Infinity;
  // Where the reference has no scores between, the usual threshold is the likely one.
  return below < 0.5 && above >= 0.5 ? 0.5 : above;
}

function withInterval(
  { value, slopes, cellError }: Estimate,
  expected: Expected,
  most: number,
  confidence: number,
): Measured {
  const { rows, chances, block, blocks } = expected;
  let chanceOfLabels = 0;
  const byBlock = new Map<number, number>();
  for (const [i, n] of rows.entries()) {
    chanceOfLabels += n * chances[i]! * (1 - chances[i]!) * slopes[i]! ** 2;
    byBlock.set(block[i]!, (byBlock.get(block[i]!) ?? 0) + n * slopes[i]!);
  }
  let calibration = 0;
  for (const [b, slope] of byBlock) {
    const { rows: taught, positives } = blocks[b]!;
    // Half a row more of each class: a block of one class is not certain.
    const share = (positives + 0.5) / (taught + 1);
    calibration += (slope ** 2 * share * (1 - share)) / taught;
  }
  const reach = zOf(confidence) * Math.sqrt(chanceOfLabels + calibration) + cellError;
  return { value, low: Math.max(0, value - reach), high: Math.min(most, value + reach) };
}

function estimatedAuc({ rows, chances, exact }: Expected): Estimate | null {
  const positives = rows.map((n, i) => n * chances[i]!);
  const negatives = rows.map((n, i) => n - positives[i]!);
  const auc = aucOf({ positives, negatives });
  if (auc === null) return null;
  const all = { positives: total(positives), negatives: total(negatives) };
  let [positivesAbove, negativesBelow] = [all.positives, 0];
  const slopes = rows.map((_, i) => {
    positivesAbove -= positives[i]!;
    const pairs = negativesBelow + negatives[i]! / 2 - positivesAbove - positives[i]! / 2;
    negativesBelow += negatives[i]!;
    return (pairs - auc.value * (all.negatives - all.positives)) / (all.positives * all.negatives);
  });
  return { value: auc.value, slopes, cellError: exact ? 0 : auc.cellError };
}

const estimatedLogLoss = (expected: Expected): Estimate =>
  estimatedMean(expected, clippedLog, (score) => clippedLog(1 - score));

const estimatedAccuracy = (expected: Expected, threshold: number): Estimate =>
  estimatedMean(
    expected,
    (s) => (s >= threshold ? 1 : 0),
    (s) => (s >= threshold ? 0 : 1),
  );

/** Of what a row counts with a positive label, and with a negative one. */
function estimatedMean(
  { scores, rows, chances }: Expected,
  ofPositive: (score: number) => number,
  ofNegative: (score: number) => number,
): Estimate {
  const all = total(rows);
  const values = scores.map((s, i) => rows[i]! * (chances[i]! * ofPositive(s) + (1 - chances[i]!) * ofNegative(s)));
  return { value: total(values) / all, slopes: scores.map((s) => (ofPositive(s) - ofNegative(s)) / all), cellError: 0 };
}

function estimatedF1({ scores, rows, chances }: Expected, threshold: number): Estimate | null {
  const called = scores.map((s) => s >= threshold);
  const positives = total(rows.map((n, i) => n * chances[i]!));
  const hits = total(rows.map((n, i) => (called[i] ? n * chances[i]! : 0)));
  const size = positives + total(rows.filter((_, i) => called[i]));
  if (size === 0) return null;
  const slopes = called.map((yes) => (2 * (yes ? size : 0) - 2 * hits) / size ** 2);
  return { value: (2 * hits) / size, slopes, cellError: 0 };
}
