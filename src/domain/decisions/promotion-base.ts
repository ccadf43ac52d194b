/** The first model: what it must beat is what can be said without a look at the row. */
import {
  type BinaryPerformance,
  type EvaluationSummary,
  isError,
  type Metric,
  metricNames,
  type MulticlassPerformance,
  type PromotionPolicy,
  type RegressionPerformance,
  type RuleOutcome,
  valueOf,
} from '../../contracts/index.js';
import { fixed } from './text.js';

export function againstBaseRate(
  { challenger, notCompared }: EvaluationSummary,
  policy: PromotionPolicy,
): RuleOutcome[] {
  const first = notCompared === undefined ? 'first model, nothing to compare with; ' : '';
  if (!('task' in challenger)) return binaryBase(challenger, policy, first);
  return challenger.task === 'multiclass'
    ? multiclassBase(challenger, policy, first)
    : [meanBase(challenger, policy, first)];
}

function binaryBase(challenger: BinaryPerformance, { metric, minGain }: PromotionPolicy, first: string): RuleOutcome[] {
  const { rows, positives, auc } = challenger;
  const share = rows > 0 ? `${positives} positives in ${rows} holdout rows` : 'no rows';
  const minAuc = metric === 'auc' ? 0.5 + minGain : 0.5;
  const rules = [
    shareRule(challenger.logLoss, [positives, rows - positives], metric, minGain, first, share),
    {
      rule: 'ranks',
      fired: auc !== null && auc > 0.5 && auc >= minAuc,
      value: auc,
      threshold: minAuc,
      text: auc === null ? `it has no AUC (${share})` : `AUC ${fixed(auc)}, above ${fixed(minAuc)} required`,
    },
  ];
  const p = positives / rows;
  // Always answering the share has the Brier score p(1 - p); always answering the frequent class is right as often as it occurs;
  // always answering "positive" has the best F1 that no look at the row can give.
  const base = { brier: p * (1 - p), accuracy: Math.max(p, 1 - p), f1: (2 * p) / (1 + p) };
  return metric in base ? [...rules, baseRule(challenger, metric, minGain, base[metric as 'brier'], first)] : rules;
}

function multiclassBase(
  challenger: MulticlassPerformance,
  { metric, minGain }: PromotionPolicy,
  first: string,
): RuleOutcome[] {
  const { rows, counts, logLoss } = challenger;
  const rules = [shareRule(logLoss, counts, metric, minGain, first, `${counts.join(', ')} of each class`)];
  const shares = counts.map((count) => count / rows);
  const most = Math.max(...shares);
  const base = {
    brier: 1 - shares.reduce((sum, share) => sum + share ** 2, 0),
    accuracy: most,
    f1: (2 * most) / (1 + most) / counts.filter((count) => count > 0).length,
  };
  return metric in base ? [...rules, baseRule(challenger, metric, minGain, base[metric as 'brier'], first)] : rules;
}

function meanBase(challenger: RegressionPerformance, { metric, minGain }: PromotionPolicy, first: string): RuleOutcome {
  const base = challenger.ofMean?.[metric as 'rmse' | 'mae'] ?? null;
  return baseRule(challenger, metric, minGain, base, first, 'of always answering the mean');
}

function shareRule(
  loss: number | null,
  counts: number[],
  metric: Metric,
  minGain: number,
  first: string,
  share: string,
): RuleOutcome {
  const entropy = entropyOf(counts);
  const gain = entropy === null || loss === null ? null : entropy - loss;
  const threshold = metric === 'logLoss' ? minGain : 0;
  return {
    rule: 'beatsBaseRate',
    fired: gain !== null && gain > 0 && gain >= threshold,
    value: gain,
    threshold,
    text:
      gain === null
        ? `its log loss cannot be compared with the base rate's (${share})`
        : `log loss ${fixed(loss!, 4)} against ${fixed(entropy!, 4)} of the base rate (${first}${share})`,
  };
}

function baseRule(
  challenger: EvaluationSummary['challenger'],
  metric: Metric,
  minGain: number,
  base: number | null,
  first: string,
  what = 'without a look at the row',
): RuleOutcome {
  const own = valueOf(challenger, metric);
  const gain = own === null || base === null ? null : isError(metric) ? base - own : own - base;
  const name = metricNames[metric];
  return {
    rule: 'beatsBase',
    fired: gain !== null && gain > 0 && gain >= minGain,
    value: gain,
    threshold: minGain,
    text:
      gain === null
        ? `its ${name} cannot be compared with the one ${what}`
        : `${name} ${fixed(own!, 4)} against ${fixed(base!, 4)} ${what} (${first}${challenger.rows} holdout rows)`,
  };
}

/** Entropy of the shares, in nats: the log loss of always answering them. null: one class only. */
function entropyOf(counts: number[]): number | null {
  const rows = counts.reduce((sum, count) => sum + count, 0);
  const shares = counts.filter((count) => count > 0).map((count) => count / rows);
  return shares.length < 2 ? null : -shares.reduce((sum, share) => sum + share * Math.log(share), 0);
}
