/** Whether a score of 0.3 comes true in 30 of 100 cases. */
import type { Answers } from './answers.js';

export interface CalibrationBin {
  rows: number;
  /** Mean score, and the share that came true. */
  score: number;
  share: number;
}

const BINS = 15;

/**
 * 15 bins of equal width (Naeini, Cooper, Hauskrecht 2015). Two classes: P(1) against the positives. Several: the highest score
 * against being right. null: there are no scores.
 */
export function calibration({ width, labels, scores }: Answers): CalibrationBin[] | null {
  if (width === 0 || labels.length === 0) return null;
  const bins = Array.from({ length: BINS }, () => ({ rows: 0, scores: 0, hits: 0 }));
  for (let i = 0; i < labels.length; i++) {
    let best = 0;
    for (let c = 1; c < width; c++) if (scores[i * width + c]! > scores[i * width + best]!) best = c;
    const score = scores[i * width + best] as number;
    const bin = bins[Math.min(BINS - 1, Math.floor(score * BINS))]!;
    bin.rows += 1;
    bin.scores += score;
    if (labels[i] === (width === 1 ? 1 : best)) bin.hits += 1;
  }
  return bins
    .filter(({ rows }) => rows > 0)
    .map(({ rows, scores: sum, hits }) => ({ rows, score: sum / rows, share: hits / rows }));
}

/** Expected calibration error: the mean distance of share and score, by rows (Guo et al. 2017). */
export function calibrationError(bins: CalibrationBin[]): number {
  const rows = bins.reduce((sum, bin) => sum + bin.rows, 0);
  return bins.reduce((sum, bin) => sum + (bin.rows / rows) * Math.abs(bin.share - bin.score), 0);
}
