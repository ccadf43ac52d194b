/** How far scores are from the shares that they promise, and what they should have said. */
import { type BinaryQuality, type Cells, EXACT_BITS, type Measured } from '../../../contracts/index.js';
import { cellEnd } from '../../profiles/index.js';
import { intervalOfSquare, rootOf } from '../drift/interval.js';
import { total } from '../drift/joint.js';
import { widened } from './proportion.js';

const BINS = 10;

/** The middles of cells of scores. */
export const scoresOf = ({ starts, bits }: Cells): number[] =>
  bits === EXACT_BITS ? starts : starts.map((start) => (start + Math.min(1, cellEnd(start, bits))) / 2);

/**
 * Expected calibration error over ten bins `(a, b]` of equal width: the mean distance between score and share of positives.
 * Source: Guo et al. 2017, "On Calibration of Modern Neural Networks". Noise makes it too large: the interval knows by how much.
 */
export function calibrationError(quality: BinaryQuality, confidence: number): Measured {
  const { rows } = quality;
  if (rows === 0) return null;
  const bins = calibrationBins(quality);
  const gaps = bins.map(({ score, positive }) => Math.abs(positive - score) / rows);
  // The standard deviation of each gap; half a row more of each class, so that a pure bin is not certain.
  const noises = bins.map(({ rows: n, positive }) => {
    const share = (positive + 0.5) / (n + 1);
    return Math.sqrt(share * (1 - share) * n) / rows;
  });
  const scale = total(noises.map((sd) => sd * sd));
  // E(sum of |N|)^2 for independent normal N.
  const bias = scale + ((total(noises) ** 2 - scale) * 2) / Math.PI;
  const value = total(gaps);
  const interval = rootOf(intervalOfSquare(value ** 2, { scale, bias: { least: bias, most: bias } }, confidence));
  return { value, ...widened(interval, meanHalfWidth(quality)) };
}

function calibrationBins({
  cells,
  positives,
  negatives,
}: BinaryQuality): { rows: number; score: number; positive: number }[] {
  const bins = Array.from({ length: BINS }, () => ({ rows: 0, score: 0, positive: 0 }));
  for (const [i, score] of scoresOf(cells).entries()) {
    const bin = bins[Math.max(0, Math.ceil(score * BINS) - 1)]!;
    const rows = positives[i]! + negatives[i]!;
    bin.rows += rows;
    bin.score += rows * score;
    bin.positive += positives[i]!;
  }
  return bins.filter(({ rows }) => rows > 0);
}

/** By how much the middles of cells can be wrong on average. */
function meanHalfWidth({ cells: { starts, bits }, positives, negatives, rows }: BinaryQuality): number {
  if (bits === EXACT_BITS) return 0;
  return total(starts.map((start, i) => ((positives[i]! + negatives[i]!) * (cellEnd(start, bits) - start)) / 2)) / rows;
}

/** Neighbouring cells in which scores promise the same. */
export interface CalibrationBlock {
  /** The first of its cells, and the one after the last. */
  from: number;
  to: number;
  rows: number;
  positives: number;
}

/**
 * Isotonic regression of label on score by pooling neighbours that are in the wrong order, as scikit-learn's
 * `IsotonicRegression`. Source: Ayer et al. 1955, "An empirical distribution function for sampling with incomplete information".
 */
export function isotonicBlocks(positives: readonly number[], negatives: readonly number[]): CalibrationBlock[] {
  const blocks: CalibrationBlock[] = [];
  for (const [i, positive] of positives.entries()) {
    let block: CalibrationBlock = { from: i, to: i + 1, rows: positive + negatives[i]!, positives: positive };
    for (let last = blocks.at(-1); last && shareIn(last) >= shareIn(block); last = blocks.at(-1)) {
      blocks.pop();
      block = {
        from: last.from,
        to: block.to,
        rows: last.rows + block.rows,
        positives: last.positives + block.positives,
      };
    }
    blocks.push(block);
  }
  return blocks;
}

export const shareIn = ({ positives, rows }: CalibrationBlock): number => positives / rows;
