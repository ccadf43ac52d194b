/** Has the champion become worse than it was when it was accepted? */
import type { BinaryPerformance } from '../../contracts/index.js';
import { type GateInput, notTheChampions, type Rule, unjudged } from './gate-rule.js';
import { fixed, percent, span } from './text.js';

/** Two-sided 95 % quantile of the standard normal distribution. */
const Z95 = 1.96;

interface Measure {
  rule: string;
  what: string;
  threshold: number;
  /** Positive: worse than the reference. */
  loss: number | null;
  /** Standard error of the difference: reference and window are independent samples. */
  se: number | null;
  before: number | null;
  now: number | null;
}

/**
 * Drop in AUC and rise in log loss against the champion's reference. A rule fires when the change reaches its threshold and
 * is more than chance: its 95 % interval (normal approximation) excludes zero.
 */
export function performanceRules(input: GateInput): Rule[] {
  const { aucDrop, logLossRise } = input.config.gate.performance;
  const why = notJudged(input);
  if (why !== undefined) return [unjudged('aucDrop', aucDrop, why), unjudged('logLossRise', logLossRise, why)];
  const reference = input.report!.referencePerformance!;
  const current = input.report!.performance!;
  return [
    judge(input, {
      rule: 'aucDrop',
      what: 'AUC drop',
      threshold: aucDrop,
      loss: minus(reference.auc, current.auc),
      se: combined(reference.aucSe, current.aucSe),
      before: reference.auc,
      now: current.auc,
    }),
    judge(input, {
      rule: 'logLossRise',
      what: 'log loss rise',
      threshold: logLossRise,
      loss: minus(current.logLoss, reference.logLoss),
      se: combined(reference.logLossSe, current.logLossSe),
      before: reference.logLoss,
      now: current.logLoss,
    }),
  ];
}

function notJudged(input: GateInput): string | undefined {
  const stranger = notTheChampions(input);
  if (stranger !== undefined) return stranger;
  const { label, gate } = input.config;
  const { labelMaturity, status, performance, referencePerformance } = input.report!;
  if (labelMaturity < label.maturity && status !== 'final')
    return `labels for ${percent(labelMaturity)} of the predictions have arrived, ${percent(label.maturity)} are awaited`;
  const labelled: BinaryPerformance | null = performance;
  if (!labelled || labelled.rows < gate.performance.minLabelled)
    return `${labelled?.rows ?? 0} labelled predictions, ${gate.performance.minLabelled} are needed`;
  if (!referencePerformance) return 'the reference has no performance';
  return undefined;
}

function judge(input: GateInput, measure: Measure): Rule {
  const { rule, what, threshold, loss, se, before, now } = measure;
  if (loss === null || se === null || before === null || now === null)
    return unjudged(rule, threshold, `${what} cannot be measured: labels of one class only, or too few`);
  const certain = loss - Z95 * se > 0;
  const fired = certain && loss >= threshold;
  const doubt = loss >= threshold && !certain ? ', which may be chance' : '';
  const text = `${what} ${fixed(loss)} (${fixed(before)} → ${fixed(now)}, ±${fixed(Z95 * se)}) of ${fixed(threshold)}${doubt}`;
  const reason = `${span(input.report!.window)}: ${what} ${fixed(loss)} against the reference (${fixed(before)} → ${fixed(now)}, ±${fixed(Z95 * se)}), limit ${fixed(threshold)}`;
  return {
    outcome: { rule, fired, value: loss, threshold, text },
    verdict: fired ? { action: 'retrain', trigger: 'performance', reason } : null,
    nearness: threshold > 0 ? loss / threshold : loss,
  };
}

const minus = (a: number | null, b: number | null): number | null => (a === null || b === null ? null : a - b);
const combined = (a: number | null, b: number | null): number | null =>
  a === null || b === null ? null : Math.sqrt(a * a + b * b);
