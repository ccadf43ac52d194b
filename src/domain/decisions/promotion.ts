import {
  type ApprovalPolicy,
  type EvaluationSummary,
  metricNames,
  type PromotionPolicy,
  type RuleOutcome,
} from '../../contracts/index.js';
import { againstBaseRate } from './promotion-base.js';
import { type Guarded, guardRules } from './promotion-guards.js';
import { fixed } from './text.js';

/** Succeeds `promotion/1`: every task and metric, an interval for each, freshness, slices, guardrails, behaviour. */
export const EVALUATOR = 'promotion/2';

export interface Promotion {
  promote: boolean;
  /** One sentence for a person. */
  text: string;
  rules: RuleOutcome[];
  /** Who must agree, when promoted. */
  approval: 'automatic' | 'person';
}

/**
 * Whether the challenger may replace the champion, as far as numbers can say. All rules must hold.
 * With a champion, mode `better`: the gain on the common holdout is at least `minGain`, and its paired 95 % interval is above zero:
 * a challenger that is no better passes in about 2.5 % of cases. Mode `notWorse`: the interval is above -margin. A tie in all
 * answers keeps the champion in both, and so do fewer than `minRows` common rows. Without a champion: the challenger must beat knowing only the labels' shares (their entropy
 * is the log loss of always answering them, their AUC is 0.5) or, for numbers, their mean, by `minGain` in the policy's metric. So
 * also with a champion that could not be compared, but then no policy replaces a person.
 * @param guarded what else the policy may ask for; null: nothing else was measured
 */
export function judgePromotion(
  summary: EvaluationSummary,
  policy: PromotionPolicy,
  approval: ApprovalPolicy,
  guarded: Guarded | null = null,
): Promotion {
  const rules = [
    ...(summary.champion ? againstChampion(summary, policy) : againstBaseRate(summary, policy)),
    ...(guarded ? guardRules(guarded, policy) : []),
  ];
  const failed = rules.filter((rule) => !rule.fired);
  const promote = failed.length === 0;
  const said = (promote ? rules : failed).map((rule) => rule.text).join('; ');
  const unknown = summary.notCompared === undefined ? '' : `; NOT compared with the champion: ${summary.notCompared}`;
  const text = `the challenger ${promote ? 'is promoted' : 'is refused'}: ${said}${unknown}`;
  return { promote, text, rules, approval: whoApproves(summary, approval) };
}

function againstChampion(summary: EvaluationSummary, policy: PromotionPolicy): RuleOutcome[] {
  const same = summary.metric === policy.metric;
  const gain = same ? summary.gain : null;
  const interval = same && gain !== null ? summary.gainInterval : null;
  const rules =
    policy.mode === 'notWorse'
      ? [marginRule(gain, interval, policy.margin ?? 0, summary, policy)]
      : [gainRule(gain, summary, policy), intervalRule(interval)];
  if (policy.metric === 'accuracy' && policy.mode !== 'notWorse') rules.push(mcnemarRule(summary.pValue ?? null));
  return [...rules, rowsRule(summary, policy), ...(summary.identical ? [TIE] : [])];
}

/** Below it the intervals promise more than they hold: luck would promote more often than they say. */
const MIN_ROWS = 200;

function rowsRule({ rows }: EvaluationSummary, { minRows = MIN_ROWS }: PromotionPolicy): RuleOutcome {
  const fired = rows >= minRows;
  const text = fired
    ? `${rows} rows are at least the ${minRows} of promotion.minRows`
    : `${rows} holdout rows are too few to tell luck from merit, ${minRows} are required: hold out more, or set promotion.minRows`;
  return { rule: 'enoughRows', fired, value: rows, threshold: minRows, text };
}

const TIE: RuleOutcome = {
  rule: 'tie',
  fired: false,
  value: 0,
  threshold: 0,
  text: 'it answers every holdout row as the champion does, and a tie keeps the champion',
};

function gainRule(gain: number | null, { rows }: EvaluationSummary, { metric, minGain }: PromotionPolicy): RuleOutcome {
  const name = metricNames[metric];
  return {
    rule: 'gain',
    fired: gain !== null && gain >= minGain,
    value: gain,
    threshold: minGain,
    text:
      gain === null
        ? `there is no gain in ${name} to judge on ${rows} holdout rows`
        : `gain in ${name} over the champion ${signed(gain)}, required ${signed(minGain)}, on ${rows} holdout rows`,
  };
}

function intervalRule(interval: [number, number] | null): RuleOutcome {
  const fired = interval !== null && interval[0] > 0;
  const text = interval
    ? `the gain's 95 % interval ${rangeOf(interval)} ${fired ? 'excludes' : 'does not exclude'} zero`
    : 'the gain has no 95 % interval';
  return { rule: 'gainInterval', fired, value: interval?.[0] ?? null, threshold: 0, text };
}

function marginRule(
  gain: number | null,
  interval: [number, number] | null,
  margin: number,
  { rows }: EvaluationSummary,
  { metric }: PromotionPolicy,
): RuleOutcome {
  const fired = interval !== null && interval[0] > -margin;
  const what = `gain in ${metricNames[metric]} over the champion`;
  const text = interval
    ? `${what} ${signed(gain!)} on ${rows} holdout rows; its 95 % interval ${rangeOf(interval)} ${fired ? 'excludes' : 'does not exclude'} a loss of ${margin}`
    : `the ${what} has no 95 % interval on ${rows} holdout rows`;
  return { rule: 'notWorse', fired, value: interval?.[0] ?? null, threshold: -margin, text };
}

function mcnemarRule(pValue: number | null): RuleOutcome {
  const fired = pValue !== null && pValue < 0.05;
  const text =
    pValue === null
      ? 'there is no McNemar test'
      : `McNemar's test says p = ${pValue.toPrecision(2)}, below 0.05 is required`;
  return { rule: 'mcnemar', fired, value: pValue, threshold: 0.05, text };
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

const rangeOf = ([low, high]: [number, number]): string => `${signed(low)} to ${signed(high)}`;
const signed = (value: number): string => `${value < 0 ? '' : '+'}${fixed(value, 4)}`;
