/** How good a model's answers are. */
import {
  type BinaryPerformance,
  hanleyMcNeil,
  type ModelPerformance,
  type MulticlassPerformance,
  type RegressionPerformance,
} from '../../contracts/index.js';
import type { Answers } from './answers.js';
import { meanAndError, rowLosses, type RowMetric, sumOf } from './losses.js';
import { placements } from './ranking.js';

/** Every number that the task has. */
export function measure(answers: Answers): ModelPerformance {
  switch (answers.task) {
    case 'binary':
      return binary(answers);
    case 'multiclass':
      return multiclass(answers);
    case 'regression':
      return regression(answers);
  }
}

function binary(answers: Answers): BinaryPerformance {
  const { labels, scores } = answers;
  const rows = labels.length;
  const { positives, negatives, auc } = placements(scores, labels);
  const loss = rows > 0 ? meanAndError(rowLosses(answers, 'logLoss')) : undefined;
  return {
    rows,
    positives,
    auc,
    aucSe: auc === null ? null : hanleyMcNeil(auc, positives, negatives),
    logLoss: loss?.mean ?? null,
    logLossSe: loss?.error ?? null,
    brier: mean(answers, 'brier'),
    accuracy: mean(answers, 'accuracy'),
    f1: macroF1(confusion(answers)),
  };
}

function multiclass(answers: Answers): MulticlassPerformance {
  const { labels, width } = answers;
  const rows = labels.length;
  const counts = new Array<number>(width).fill(0);
  for (const label of labels) counts[label] = (counts[label] ?? 0) + 1;
  const loss = rows > 0 ? meanAndError(rowLosses(answers, 'logLoss')) : undefined;
  return {
    task: 'multiclass',
    rows,
    counts,
    logLoss: loss?.mean ?? null,
    logLossSe: loss?.error ?? null,
    brier: mean(answers, 'brier'),
    accuracy: mean(answers, 'accuracy'),
    f1: macroF1(confusion(answers)),
  };
}

function regression(answers: Answers): RegressionPerformance {
  const { labels } = answers;
  const rows = labels.length;
  const squared = mean(answers, 'rmse');
  if (squared === null) return { task: 'regression', rows, rmse: null, mae: null, r2: null, ofMean: null };
  const { mean: middle } = meanAndError(labels);
  const spread = sumOf(labels.map((label) => (label - middle) ** 2)) / rows;
  const ofMean = { rmse: Math.sqrt(spread), mae: sumOf(labels.map((label) => Math.abs(label - middle))) / rows };
  const r2 = spread > 0 ? 1 - squared / spread : null;
  return { task: 'regression', rows, rmse: Math.sqrt(squared), mae: mean(answers, 'mae'), r2, ofMean };
}

function mean(answers: Answers, metric: RowMetric): number | null {
  return answers.labels.length === 0 ? null : meanAndError(rowLosses(answers, metric)).mean;
}

/** Per class that F1 is asked of: hits, false alarms, misses. With two classes only the positive one. */
export interface Confusion {
  hits: ArrayLike<number>;
  falseAlarms: ArrayLike<number>;
  misses: ArrayLike<number>;
}

export function confusion({ task, width, labels, predictions }: Answers): Record<keyof Confusion, number[]> {
  const classes = task === 'binary' ? 2 : width;
  const empty = (): number[] => new Array<number>(classes).fill(0);
  const found = { hits: empty(), falseAlarms: empty(), misses: empty() };
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i] as number;
    const prediction = predictions[i] as number;
    if (label === prediction) found.hits[label]! += 1;
    else {
      found.misses[label]! += 1;
      found.falseAlarms[prediction]! += 1;
    }
  }
  if (task !== 'binary') return found;
  return { hits: [found.hits[1]!], falseAlarms: [found.falseAlarms[1]!], misses: [found.misses[1]!] };
}

/** The mean of 2·hits / (2·hits + false alarms + misses) over the classes that occur. null: none does. */
export function macroF1({ hits, falseAlarms, misses }: Confusion): number | null {
  let sum = 0;
  let classes = 0;
  for (let c = 0; c < hits.length; c++) {
    const all = 2 * hits[c]! + falseAlarms[c]! + misses[c]!;
    if (all === 0) continue;
    sum += (2 * hits[c]!) / all;
    classes += 1;
  }
  return classes === 0 ? null : sum / classes;
}
