/** How good scores are, alone and in comparison, on typed arrays. */
import { type BinaryPerformance, hanleyMcNeil, LOG_LOSS_CLIP } from '../contracts/index.js';

/** Two-sided 95 % of the normal distribution. */
const Z_95 = 1.96;

/** Per row -ln p(label), natural logarithm, probabilities clipped to [1e-7, 1 - 1e-7]. Labels are 0 or 1. */
export function rowLosses(scores: Float32Array, labels: Uint8Array): Float64Array {
  return Float64Array.from(scores, (score, i) => {
    const p = Math.min(1 - LOG_LOSS_CLIP, Math.max(LOG_LOSS_CLIP, score));
    return -Math.log(labels[i] === 1 ? p : 1 - p);
  });
}

/** AUC, log loss and Brier score of scores (probabilities of the positive class) with labels 0 or 1. */
export function measure(scores: Float32Array, labels: Uint8Array): BinaryPerformance {
  const rows = scores.length;
  const positives = labels.reduce((sum, label) => sum + label, 0);
  const auc = areaUnderRoc(scores, labels, positives);
  const loss = rows > 0 ? meanAndError(rowLosses(scores, labels)) : undefined;
  const squares = Float64Array.from(scores, (score, i) => (score - (labels[i] as number)) ** 2);
  return {
    rows,
    positives,
    auc,
    aucSe: auc === null ? null : hanleyMcNeil(auc, positives, rows - positives),
    logLoss: loss?.mean ?? null,
    logLossSe: loss?.error ?? null,
    brier: rows > 0 ? sumOf(squares) / rows : null,
  };
}

/**
 * The exact area under the ROC curve: Mann and Whitney's U over the number of pairs, a tie counts half (Fawcett 2006, "An
 * introduction to ROC analysis"). null with one class only.
 */
function areaUnderRoc(scores: Float32Array, labels: Uint8Array, positives: number): number | null {
  const negatives = scores.length - positives;
  if (positives === 0 || negatives === 0) return null;
  const order = Uint32Array.from(scores.keys()).sort((a, b) => (scores[a] as number) - (scores[b] as number));
  let twiceU = 0;
  let below = 0;
  for (let at = 0; at < order.length;) {
    const score = scores[order[at] as number];
    const tied = [0, 0] as [number, number];
    for (; at < order.length && scores[order[at] as number] === score; at++)
      tied[labels[order[at] as number] as 0 | 1] += 1;
    twiceU += tied[1] * (2 * below + tied[0]);
    below += tied[0];
  }
  return twiceU / 2 / (positives * negatives);
}

/**
 * How much lower the challenger's log loss is than the champion's on the same rows, and the normal approximation of the paired
 * mean's 95 % interval: mean of the per-row differences ± 1.96 · sd / √n. Pairing removes what makes rows hard for both, which
 * is most of the spread. The interval is null below two rows.
 */
export function logLossGain(
  champion: Float32Array,
  challenger: Float32Array,
  labels: Uint8Array,
): { gain: number; interval: [number, number] | null } {
  const other = rowLosses(challenger, labels);
  const differences = rowLosses(champion, labels).map((loss, i) => loss - (other[i] as number));
  const { mean, error } = meanAndError(differences);
  return { gain: mean, interval: error === null ? null : [mean - Z_95 * error, mean + Z_95 * error] };
}

/** The mean and its standard error, with n - 1 in the variance; the error of one value is null. */
function meanAndError(values: Float64Array): { mean: number; error: number | null } {
  const n = values.length;
  const mean = sumOf(values) / n;
  if (n < 2) return { mean, error: null };
  const squares = sumOf(values.map((value) => (value - mean) ** 2));
  return { mean, error: Math.sqrt(squares / (n - 1) / n) };
}

/** Kahan's sum: a million small losses would otherwise lose their last digits. */
function sumOf(values: Float64Array): number {
  let sum = 0;
  let lost = 0;
  for (const value of values) {
    const next = value - lost;
    const total = sum + next;
    lost = total - sum - next;
    sum = total;
  }
  return sum;
}
