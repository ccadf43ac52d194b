/** Has the champion become worse than it was when it was accepted? */
import type { Measured, Performance, PerformancePolicy } from '../../contracts/index.js';
import { type GateInput, notTheChampions, type Rule, unjudged } from './gate-rule.js';
import { fixed, percent, span } from './text.js';

/** Two-sided 95 % quantile of the standard normal distribution. */
const Z95 = 1.96;

interface Measure {
  rule: Exclude<keyof PerformancePolicy, 'minLabelled' | 'minMaturity'>;
  metric: string;
  what: string;
  /** Positive: worse than the reference. */
  loss: (before: number, now: number) => number;
  /** What the limit is a share of; absent: it is in the metric's own unit. */
  relative?: true;
}

const drop = (before: number, now: number): number => before - now;
const rise = (before: number, now: number): number => now - before;
const MEASURES: Record<Performance['task'], readonly Measure[]> = {
  binary: [
    { rule: 'aucDrop', metric: 'auc', what: 'AUC drop', loss: drop },
    { rule: 'logLossRise', metric: 'logLoss', what: 'log loss rise', loss: rise },
  ],
  multiclass: [
    { rule: 'accuracyDrop', metric: 'accuracy', what: 'accuracy drop', loss: drop },
    { rule: 'logLossRise', metric: 'logLoss', what: 'log loss rise', loss: rise },
  ],
  regression: [{ rule: 'rmseRise', metric: 'rmse', what: 'RMSE rise', loss: rise, relative: true }],
};

/**
 * Changes against the champion's reference, by the metrics of the model's task. A rule fires when the change reaches its limit and
 * is more than chance: its 95 % interval (normal approximation) excludes zero.
 */
export function performanceRules(input: GateInput): Rule[] {
  const limits = input.config.gate.performance;
  const measures = MEASURES[input.config.task];
  const why = notJudged(input);
  if (why !== undefined) return measures.map(({ rule }) => unjudged(rule, limits[rule], why));
  return measures.map((measure) => judge(input, measure));
}

/** Early labels are no random sample: what is quick to be known differs from what is slow. */
function notJudged(input: GateInput): string | undefined {
  const stranger = notTheChampions(input);
  if (stranger !== undefined) return stranger;
  const { label, gate, task } = input.config;
  const { labelMaturity, status, performance, referencePerformance } = input.report!;
  if (labelMaturity < label.maturity && status !== 'final')
    return `labels for ${percent(labelMaturity)} of the predictions have arrived, ${percent(label.maturity)} are awaited`;
  const { minLabelled, minMaturity } = gate.performance;
  if (!performance || performance.rows < minLabelled)
    return `${performance?.rows ?? 0} labelled predictions, ${minLabelled} are needed`;
  if (labelMaturity < minMaturity)
    return `labels for ${percent(labelMaturity)} of the predictions came until the deadline, ${percent(minMaturity)} are needed: what is known early is no random sample`;
  if (task === 'binary' && performance.task === 'binary' && !performance.metrics['auc'])
    return 'the labels are all of one class: with half of a label feed every number is wrong';
  if (!referencePerformance) return 'the reference has no performance';
  if (performance.task !== task || referencePerformance.task !== task)
    return `the window was judged as ${performance.task}, the model is ${task} now`;
  return undefined;
}

function judge(input: GateInput, { rule, metric, what, loss, relative }: Measure): Rule {
  const threshold = input.config.gate.performance[rule];
  const before = input.report!.referencePerformance!.metrics[metric] ?? null;
  const now = input.report!.performance!.metrics[metric] ?? null;
  if (!before || !now || (relative && before.value <= 0))
    return unjudged(rule, threshold, `${what} cannot be measured: too few labels`);
  const unit = relative ? before.value : 1;
  const value = loss(before.value, now.value) / unit;
  const doubt95 = (Z95 * Math.hypot(errorOf(before), errorOf(now))) / unit;
  const certain = value - doubt95 > 0;
  const fired = certain && value >= threshold;
  const chance = value >= threshold && !certain ? ', which may be chance' : '';
  const numbers = `(${fixed(before.value)} → ${fixed(now.value)}, ±${fixed(doubt95)})`;
  const text = `${what} ${fixed(value)} ${numbers} of ${fixed(threshold)}${chance}`;
  const reason = `${span(input.report!.window)}: ${what} ${fixed(value)} against the reference ${numbers}, limit ${fixed(threshold)}`;
  return {
    outcome: { rule, fired, value, threshold, text },
    verdict: fired ? { action: 'retrain', trigger: 'performance', reason } : null,
    nearness: threshold > 0 ? value / threshold : value,
  };
}

/** Standard error, from the 95 % interval: reference and window are independent samples. */
const errorOf = ({ low, high }: NonNullable<Measured>): number => (high - low) / (2 * Z95);
