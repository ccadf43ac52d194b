/** What the numbers about a model's answers mean, for everybody who computes them: in SQL over logs, or on arrays. */
import type { Metric, Task } from './config.js';
import type { BinaryPerformance } from './monitoring-records.js';

export interface MulticlassPerformance {
  task: 'multiclass';
  rows: number;
  /** Labels of each class, in the order of the configuration. */
  counts: number[];
  /** Mean of -ln p(label), natural logarithm. */
  logLoss: number | null;
  logLossSe: number | null;
  /** Mean over rows of the sum over classes of (p - y)², 0 to 2 (Brier 1950). */
  brier: number | null;
  accuracy: number | null;
  /** Macro: the mean over the classes that labels or predictions have. */
  f1: number | null;
}

export interface RegressionPerformance {
  task: 'regression';
  rows: number;
  /** In the label's unit. */
  rmse: number | null;
  mae: number | null;
  /** 1 - SSE / SST. null: the labels are all equal. */
  r2: number | null;
  /** The errors of always answering the mean of these labels. */
  ofMean: { rmse: number; mae: number } | null;
}

/** `BinaryPerformance` has no `task`: it is older than the others. */
export type ModelPerformance = BinaryPerformance | MulticlassPerformance | RegressionPerformance;

/** Metrics that a task has, the default first. */
export const metricsOf: Readonly<Record<Task, readonly [Metric, ...Metric[]]>> = {
  binary: ['logLoss', 'auc', 'brier', 'accuracy', 'f1'],
  multiclass: ['logLoss', 'brier', 'accuracy', 'f1'],
  regression: ['rmse', 'mae'],
};

/** For people. */
export const metricNames: Readonly<Record<Metric, string>> = {
  logLoss: 'log loss',
  auc: 'AUC',
  brier: 'Brier score',
  accuracy: 'accuracy',
  f1: 'F1',
  rmse: 'RMSE',
  mae: 'MAE',
};

/** Of the others, higher is better. */
export const isError = (metric: Metric): boolean => !['auc', 'accuracy', 'f1'].includes(metric);

/** null: the task has no such number, or these rows give none. */
export function valueOf(performance: ModelPerformance, metric: Metric): number | null {
  return (performance as Partial<Record<Metric, number | null>>)[metric] ?? null;
}

/** The numbers that stand for a performance in a line or table: the one that is judged, and the best known one beside it. */
export function shownMetrics(performance: ModelPerformance, judged: Metric): Metric[] {
  const usual: Record<Task, Metric[]> = {
    binary: ['auc', 'logLoss'],
    multiclass: ['accuracy', 'logLoss'],
    regression: ['rmse', 'mae'],
  };
  const shown = usual['task' in performance ? performance.task : 'binary'];
  return shown.includes(judged) ? shown : [...shown, judged];
}

/**
 * Probabilities are clipped to [clip, 1 - clip] before the logarithm, or one saturated score would make the mean infinite.
 * Scores are float32, whose steps just below 1 are 6e-8: a finer clip would only punish how floats round.
 */
export const LOG_LOSS_CLIP = 1e-7;

/** Standard error of an AUC: Hanley and McNeil 1982, "The meaning and use of the area under a ROC curve", Radiology 143. */
export function hanleyMcNeil(auc: number, positives: number, negatives: number): number {
  const q1 = auc / (2 - auc);
  const q2 = (2 * auc * auc) / (1 + auc);
  const ofPositives = (positives - 1) * (q1 - auc * auc);
  const ofNegatives = (negatives - 1) * (q2 - auc * auc);
  const variance = (auc * (1 - auc) + ofPositives + ofNegatives) / (positives * negatives);
  return Math.sqrt(Math.max(variance, 0));
}
