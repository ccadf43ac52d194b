import type {
  ApprovalPolicy,
  BinaryPerformance,
  EvaluationSummary,
  PromotionPolicy,
  RuleOutcome,
} from '../../contracts/index.js';
import { fixed } from './text.js';

export interface Promotion {
  promote: boolean;
  /** One sentence for a person. */
  text: string;
  rules: RuleOutcome[];
  /** Who must agree, when promoted. */
  approval: 'automatic' | 'person';
}

/**
 * Whether the challenger may replace the champion, as far as numbers can say.
 * With a champion: the gain on the common holdout is at least `minGain`, and for log loss its paired 95 % interval excludes
 * zero. Without one: the challenger must beat knowing only the share of positives (the entropy of that share is the log
 * loss of always answering it; its AUC is 0.5), by `minGain` in the policy's metric. So also with a champion that could not be
 * compared, but then no policy replaces a person.
 */
export function judgePromotion(
  summary: EvaluationSummary,
  policy: PromotionPolicy,
  approval: ApprovalPolicy,
): Promotion {
  const rules = summary.champion ? againstChampion(summary, policy) : againstBaseRate(summary, policy);
  const failed = rules.filter((rule) => !rule.fired);
  const promote = failed.length === 0;
  const said = (promote ? rules : failed).map((rule) => rule.text).join('; ');
  const unknown = summary.notCompared === undefined ? '' : `; NOT compared with the champion: ${summary.notCompared}`;
  const text = `the challenger ${promote ? 'is promoted' : 'is refused'}: ${said}${unknown}`;
  return { promote, text, rules, approval: whoApproves(summary, approval) };
}

function againstChampion(summary: EvaluationSummary, policy: PromotionPolicy): RuleOutcome[] {
  const { metric, minGain } = policy;
  const gain = summary.metric === metric ? summary.gain : null;
  const name = metric === 'logLoss' ? 'log loss' : 'AUC';
  const rules: RuleOutcome[] = [
    {
      rule: 'gain',
      fired: gain !== null && gain >= minGain,
      value: gain,
      threshold: minGain,
      text:
        gain === null
          ? `there is no gain in ${name} to judge on ${summary.rows} holdout rows`
          : `gain in ${name} over the champion ${signed(gain)}, required ${signed(minGain)}, on ${summary.rows} holdout rows`,
    },
  ];
  if (metric === 'logLoss') rules.push(intervalRule(gain === null ? null : summary.gainInterval));
  return rules;
}

function intervalRule(interval: [number, number] | null): RuleOutcome {
  const range = interval ? `${signed(interval[0])} to ${signed(interval[1])}` : null;
  const fired = interval !== null && interval[0] > 0;
  const text = range
    ? `the gain's 95 % interval ${range} ${fired ? 'excludes' : 'does not exclude'} zero`
    : 'the gain has no 95 % interval';
  return { rule: 'gainInterval', fired, value: interval?.[0] ?? null, threshold: 0, text };
}

function againstBaseRate(
  { challenger, notCompared }: EvaluationSummary,
  { metric, minGain }: PromotionPolicy,
): RuleOutcome[] {
  const entropy = baseRateLogLoss(challenger);
  const loss = challenger.logLoss;
  const gain = entropy === null || loss === null ? null : entropy - loss;
  const minLossGain = metric === 'logLoss' ? minGain : 0;
  const minAuc = metric === 'auc' ? 0.5 + minGain : 0.5;
  const first = notCompared === undefined ? 'first model, nothing to compare with; ' : '';
  const share =
    challenger.rows > 0 ? `${challenger.positives} positives in ${challenger.rows} holdout rows` : 'no rows';
  return [
    {
      rule: 'beatsBaseRate',
      fired: gain !== null && gain > 0 && gain >= minLossGain,
      value: gain,
      threshold: minLossGain,
      text:
        gain === null
          ? `its log loss cannot be compared with the base rate's (${share})`
          : `log loss ${fixed(loss!, 4)} against ${fixed(entropy!, 4)} of the base rate (${first}${share})`,
    },
    {
      rule: 'ranks',
      fired: challenger.auc !== null && challenger.auc > 0.5 && challenger.auc >= minAuc,
      value: challenger.auc,
      threshold: minAuc,
      text:
        challenger.auc === null
          ? `it has no AUC (${share})`
          : `AUC ${fixed(challenger.auc)}, above ${fixed(minAuc)} required`,
    },
  ];
}

/** Entropy of the share of positives, in nats: the log loss of always answering that share. null: one class only. */
function baseRateLogLoss({ rows, positives }: BinaryPerformance): number | null {
  if (positives <= 0 || positives >= rows) return null;
  const p = positives / rows;
  return -p * Math.log(p) - (1 - p) * Math.log(1 - p);
}

function whoApproves(summary: EvaluationSummary, { mode, minGain }: ApprovalPolicy): 'automatic' | 'person' {
  const { champion, gain, notCompared } = summary;
  // What serves may be better: only a person can take that on himself.
  if (notCompared !== undefined) return 'person';
  switch (mode) {
    case 'auto':
      return 'automatic';
    case 'person':
      return 'person';
    case 'autoAbove':
      // Where nothing serves, nobody can be hurt by a first model that passed.
      return champion === null || (gain !== null && gain >= minGain) ? 'automatic' : 'person';
  }
}

const signed = (value: number): string => `${value < 0 ? '' : '+'}${fixed(value, 4)}`;
