import type { DecisionRecord, GateContext, ModelConfig, MonitorReport } from '../../contracts/index.js';
import { datasetRules, notWorthIt } from './gate-dataset.js';
import { driftRules } from './gate-drift.js';
import { performanceRules } from './gate-performance.js';
import {
  blockRule,
  cooldownRule,
  firstModelRule,
  newDataRule,
  openRunRule,
  pausedRule,
  personRule,
  pinnedRule,
} from './gate-standing.js';
import { type GateInput, quiet, type Rule, type Verdict } from './gate-rule.js';
import { span } from './text.js';

export type { Verdict } from './gate-rule.js';

/** Released evaluators are never edited, only succeeded: a changed rule is a new version. */
export const GATE_EVALUATOR = 'gate/2';

export type Decided = Verdict & Pick<DecisionRecord, 'decidedBy' | 'rules'>;

/**
 * Whether a report (or a person, or the lack of a model) is worth a training run.
 * The rules are tried in order and the first that fires decides; all are recorded with their numbers, so that a decision can
 * be read, and disputed, years later.
 * @param report the window's report; null with a person's request, or when the first model or a changed dataset is asked about
 */
export function decide(report: MonitorReport | null, context: GateContext, config: ModelConfig): Decided {
  const input: GateInput = { report, context, config };
  const signals = [...performanceRules(input), ...driftRules(input), ...datasetRules(input)];
  const rules: Rule[] = [
    blockRule(input),
    personRule(input),
    pausedRule(input, signals),
    pinnedRule(input, signals),
    openRunRule(input, signals),
    firstModelRule(input),
    cooldownRule(input, signals),
    newDataRule(input, signals),
    ...signals,
  ];
  const deciding = rules.find((rule) => rule.verdict !== null);
  return {
    ...withData(deciding?.verdict ?? nothing(input, signals), context),
    decidedBy: deciding?.outcome.rule ?? null,
    rules: rules.map(({ outcome, verdict }) => ({ ...outcome, action: verdict?.action ?? null })),
  };
}

/** A champion can outlive its dataset's head; then there is a reason to retrain, and nothing to learn from. */
function withData(verdict: Verdict, { datasetVersion }: GateContext): Verdict {
  if (verdict.action !== 'retrain' || datasetVersion !== null) return verdict;
  return { ...verdict, action: 'wait', reason: `${verdict.reason}; but no dataset version is committed: commit one` };
}

function nothing({ report, context }: GateInput, signals: Rule[]): Verdict {
  const { championRelease } = context;
  if (!report) return notWorthIt(signals) ?? quiet(`release ${championRelease} is live: a first model is not needed`);
  const judged = signals.filter(({ nearness }) => nearness !== null).sort((a, b) => b.nearness! - a.nearness!);
  const nearest = judged[0];
  const unjudged = signals.filter(({ nearness }) => nearness === null).map(({ outcome }) => outcome.text);
  // Reasons repeat over the rules of one kind; each is said once.
  const open = unjudged.length > 0 ? `; not judged: ${[...new Set(unjudged)].join('; ')}` : '';
  const text = nearest ? `nothing warrants the cost: nearest is ${nearest.outcome.text}` : 'nothing can be judged';
  const warnings = judged.filter((rule) => rule !== nearest && rule.warning !== undefined).map((rule) => rule.warning);
  const warned = warnings.length > 0 ? `; ${warnings.join('; ')}` : '';
  return quiet(`${span(report.window)}: ${text}${warned}${open}`);
}
