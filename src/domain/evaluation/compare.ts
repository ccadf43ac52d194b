/** How much better a challenger answers than the champion, on the same rows. */
import { isError, type Metric } from '../../contracts/index.js';
import { studentOf } from '../decisions/distributions.js';
import type { Answers } from './answers.js';
import { blockCount, type Blocks, bootstrap } from './bootstrap.js';
import { meanAndError, rowLosses, type RowMetric } from './losses.js';
import { accuracyInterval, type Discordant, mcnemar } from './mcnemar.js';
import { Z_95 } from './normal.js';
import { confusion, macroF1 } from './performance.js';
import { randomFrom } from './random.js';
import { placements } from './ranking.js';

export type Method = 'bootstrap' | 'delong' | 'mcnemar';

export interface Difference {
  /** Positive: the challenger is better. null: one of them has no such number on these rows. */
  gain: number | null;
  /** Paired 95 % interval. */
  interval: [number, number] | null;
  /** Standard error of the gain. */
  error: number | null;
  method: Method;
  /** Of the test that goes with the method; two-sided. */
  pValue?: number;
}

/**
 * The gain in a metric and how sure it is: for AUC DeLong's paired variance, for accuracy McNemar's test with Bonett and Price's
 * interval, for the others the paired bootstrap (BCa), for means no narrower than Student's. Pairing removes what makes rows hard for both, which is most of the spread.
 * @param seed by which the bootstrap draws: the same seed and answers give the same interval
 */
export function compare(champion: Answers, challenger: Answers, metric: Metric, seed: string): Difference {
  if (metric === 'auc') return compareAuc(champion, challenger);
  if (metric === 'accuracy') return compareAccuracy(champion, challenger);
  const rows = champion.labels.length;
  const nothing: Difference = { gain: null, interval: null, error: null, method: 'bootstrap' };
  if (rows < 2) return nothing;
  const random = randomFrom(seed);
  const blocks =
    metric === 'f1' ? f1Blocks(champion, challenger, random) : lossBlocks(champion, challenger, metric, random);
  const { gain, interval, error } = bootstrap(blocks, random);
  if (Number.isNaN(gain)) return nothing;
  const isMean = metric !== 'f1' && metric !== 'rmse';
  return {
    gain,
    interval: isMean ? atLeastStudents(interval, quickCompare(champion, challenger, metric), rows) : interval,
    error,
    method: 'bootstrap',
  };
}

/** Of few rows the bootstrap's intervals are too narrow: of a mean no end lies nearer than that of Student's t interval. */
function atLeastStudents(
  [low, high]: [number, number],
  { gain, error }: { gain: number | null; error: number | null },
  rows: number,
): [number, number] {
  if (gain === null || error === null) return [low, high];
  const half = studentOf(0.95, rows - 1) * error;
  return [Math.min(low, gain - half), Math.max(high, gain + half)];
}

function compareAuc(champion: Answers, challenger: Answers): Difference {
  const before = placements(champion.scores, champion.labels);
  const now = placements(challenger.scores, challenger.labels);
  const nothing: Difference = { gain: null, interval: null, error: null, method: 'delong' };
  if (before.auc === null || now.auc === null) return nothing;
  const gain = now.auc - before.auc;
  // The variance of each class's mean of differences; a class of one row has none.
  const { positives, negatives } = before;
  if (positives < 2 || negatives < 2) return { ...nothing, gain };
  const squares = [0, 0];
  for (let i = 0; i < before.values.length; i++) {
    const difference = (now.values[i] as number) - (before.values[i] as number);
    squares[champion.labels[i] as 0 | 1]! += (difference - gain) ** 2;
  }
  const variance = squares[1]! / (positives - 1) / positives + squares[0]! / (negatives - 1) / negatives;
  const error = Math.sqrt(variance);
  return { gain, interval: [gain - Z_95 * error, gain + Z_95 * error], error, method: 'delong' };
}

function compareAccuracy(champion: Answers, challenger: Answers): Difference {
  const found = discordant(champion, challenger);
  const { rows, won, lost } = found;
  const method = 'mcnemar';
  if (rows < 2) return { gain: null, interval: null, error: null, method };
  const gain = (won - lost) / rows;
  const error = Math.sqrt(((won + lost) / rows - gain ** 2) / (rows - 1));
  return { gain, interval: accuracyInterval(found), error, method, pValue: mcnemar(found) };
}

function discordant(champion: Answers, challenger: Answers): Discordant {
  const [before, now] = [rowLosses(champion, 'accuracy'), rowLosses(challenger, 'accuracy')];
  const found = { rows: before.length, won: 0, lost: 0 };
  for (let i = 0; i < before.length; i++) {
    if (now[i]! > before[i]!) found.won += 1;
    else if (now[i]! < before[i]!) found.lost += 1;
  }
  return found;
}

/** Which block a row belongs to: its own where there are as many, else any. */
function dealer(rows: number, count: number, random: () => number): (row: number) => number {
  return count === rows ? (row) => row : () => Math.floor((random() / 4294967296) * count);
}

function lossBlocks(champion: Answers, challenger: Answers, metric: RowMetric, random: () => number): Blocks {
  const [before, now] = [rowLosses(champion, metric), rowLosses(challenger, metric)];
  const count = blockCount(before.length, 3);
  const block = dealer(before.length, count, random);
  const sums = new Float64Array(3 * count);
  for (let i = 0; i < before.length; i++) {
    const at = 3 * block(i);
    sums[at]! += 1;
    sums[at + 1]! += before[i] as number;
    sums[at + 2]! += now[i] as number;
  }
  const value = metric === 'rmse' ? Math.sqrt : (mean: number) => mean;
  const sign = isError(metric) ? 1 : -1;
  // A sum of squares that rounds below nothing has no root.
  const mean = (sum: number, n: number) => value(Math.max(0, sum / n));
  return { count, width: 3, sums, statistic: ([n, b, c]) => sign * (mean(b!, n!) - mean(c!, n!)) };
}

/** Per class and model: hits, false alarms, misses. */
function f1Blocks(champion: Answers, challenger: Answers, random: () => number): Blocks {
  const { task, labels } = champion;
  const classes = task === 'binary' ? 1 : champion.width;
  const width = 6 * classes;
  const count = blockCount(labels.length, width);
  const block = dealer(labels.length, count, random);
  const sums = new Float64Array(width * count);
  // With two classes only the positive one counts; place -1 is nobody's.
  const place = task === 'binary' ? (label: number) => label - 1 : (label: number) => label;
  const add = (at: number, label: number, prediction: number): void => {
    const [l, p] = [place(label), place(prediction)];
    if (l === p && l >= 0) sums[at + l]! += 1;
    if (l === p) return;
    if (p >= 0) sums[at + classes + p]! += 1;
    if (l >= 0) sums[at + 2 * classes + l]! += 1;
  };
  for (let i = 0; i < labels.length; i++) {
    const at = width * block(i);
    add(at, labels[i] as number, champion.predictions[i] as number);
    add(at + 3 * classes, labels[i] as number, challenger.predictions[i] as number);
  }
  const f1 = (found: Float64Array, from: number): number => {
    const part = (k: number) => found.subarray(from + k * classes, from + (k + 1) * classes);
    return macroF1({ hits: part(0), falseAlarms: part(1), misses: part(2) }) ?? Number.NaN;
  };
  return { count, width, sums, statistic: (found) => f1(found, 3 * classes) - f1(found, 0) };
}

/**
 * The gain and its standard error alone, for the many slices of a holdout: linear where `compare` draws (the delta method).
 */
export function quickCompare(
  champion: Answers,
  challenger: Answers,
  metric: Metric,
): { gain: number | null; error: number | null } {
  if (metric === 'auc') return compareAuc(champion, challenger);
  if (champion.labels.length < 2) return { gain: null, error: null };
  if (metric === 'f1') return quickF1(champion, challenger);
  const [before, now] = [rowLosses(champion, metric), rowLosses(challenger, metric)];
  if (metric !== 'rmse') {
    const sign = isError(metric) ? 1 : -1;
    const { mean, error } = meanAndError(before.map((loss, i) => sign * (loss - (now[i] as number))));
    return { gain: mean, error };
  }
  const [a, b] = [Math.sqrt(meanAndError(before).mean), Math.sqrt(meanAndError(now).mean)];
  // The root has no derivative at zero: who makes no error at all contributes none.
  const slope = (root: number) => (root > 0 ? 1 / (2 * root) : 0);
  const [ofBefore, ofNow] = [slope(a), slope(b)];
  const { error } = meanAndError(before.map((square, i) => square * ofBefore - (now[i] as number) * ofNow));
  return { gain: a - b, error };
}

function quickF1(champion: Answers, challenger: Answers): { gain: number | null; error: number | null } {
  const [before, now] = [f1Influence(champion), f1Influence(challenger)];
  if (!before || !now) return { gain: null, error: null };
  const { error } = meanAndError(now.rows.map((value, i) => value - (before.rows[i] as number)));
  return { gain: now.f1 - before.f1, error };
}

/** How each row moves the mean of F1: the derivatives by hits, false alarms and misses. */
function f1Influence(answers: Answers): { f1: number; rows: Float64Array } | null {
  const found = confusion(answers);
  const f1 = macroF1(found);
  if (f1 === null) return null;
  const n = answers.labels.length;
  const sizes = found.hits.map((hits, c) => 2 * hits + found.falseAlarms[c]! + found.misses[c]!);
  const classes = sizes.filter((size) => size > 0).length;
  const scale = (c: number) => (sizes[c]! > 0 ? n / (sizes[c]! ** 2 * classes) : 0);
  const ofHit = sizes.map((_, c) => 2 * (found.falseAlarms[c]! + found.misses[c]!) * scale(c));
  const ofError = sizes.map((_, c) => -2 * found.hits[c]! * scale(c));
  const place = answers.task === 'binary' ? (label: number) => label - 1 : (label: number) => label;
  const rows = answers.labels.map((label, i) => {
    const [l, p] = [place(label), place(answers.predictions[i] as number)];
    return l === p ? (ofHit[l] ?? 0) : (ofError[l] ?? 0) + (ofError[p] ?? 0);
  });
  return { f1, rows };
}
