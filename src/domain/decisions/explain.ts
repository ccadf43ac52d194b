/** A decision in words, for a person who was not there. */
import type { DecisionRecord, GateRuleOutcome } from '../../contracts/index.js';
import { moment, span } from './text.js';

export interface Explanation {
  /** A paragraph for the person on call. */
  paragraph: string;
  /** Rules that would have decided otherwise, had the deciding one not come first. */
  overruled: GateRuleOutcome[];
  /** Rules that measured and stayed below their limit, nearest first, with what was missing to it, in the rule's own unit. */
  missed: { rule: string; value: number; threshold: number; missing: number }[];
}

export function explain(decision: DecisionRecord): Explanation {
  const decider = decision.rules.findIndex(({ rule }) => rule === decision.decidedBy);
  const overruled = decision.rules.filter(
    ({ action }, i) => i > decider && decision.decidedBy !== null && action !== null && action !== decision.action,
  );
  const missed = decision.rules.flatMap(missedBy).sort((a, b) => b.value / b.threshold - a.value / a.threshold);
  return { paragraph: paragraphOf(decision, overruled, missed), overruled, missed };
}

/** Rules that measure a signal have a positive limit in numbers; those about the standing of things do not miss it by anything. */
function missedBy({ rule, fired, value, threshold }: GateRuleOutcome): Explanation['missed'] {
  const measures = typeof value === 'number' && typeof threshold === 'number' && threshold > 0;
  if (!measures || fired || standing.has(rule) || value >= threshold) return [];
  return [{ rule, value, threshold, missing: threshold - value }];
}
const standing = new Set(['block', 'cooldown', 'firstModel', 'openRun', 'newData']);

const acts: Record<DecisionRecord['action'], string> = {
  retrain: 'to retrain',
  wait: 'to wait',
  block: 'to block: nothing is learnt from this window',
  escalate: 'to escalate: a person must change the model',
};

function paragraphOf(decision: DecisionRecord, overruled: GateRuleOutcome[], missed: Explanation['missed']): string {
  const { model, seq, at, action, reason, decidedBy, context, evaluator } = decision;
  const about = decision.window
    ? ` on the window ${span(decision.window)} (revision ${decision.revision} of its report)`
    : '';
  const sentences = [
    `At ${moment(at)} the gate decided ${acts[action]} for ${model}${about}: ${reason}.`,
    decidedBy === null
      ? 'No rule fired.'
      : `The rule that decided is "${decidedBy}"${decidedBy === 'person' ? ', a person' : ''}.`,
  ];
  if (overruled.length > 0)
    sentences.push(`Overruled by it: ${overruled.map(({ rule, action: other }) => `${rule} (${other})`).join(', ')}.`);
  const nearest = missed[0];
  if (nearest) sentences.push(`Nearest to its limit without reaching it: ${nearest.rule}, ${shortfall(nearest)}.`);
  const serving = context.championRelease === null ? 'no release' : `release ${context.championRelease}`;
  const data = context.datasetVersion === null ? 'none' : context.datasetVersion.slice(0, 12);
  sentences.push(
    `Then ${serving} was live and the dataset version was ${data}. It is decision ${seq}, taken by ${evaluator} under configuration ${decision.configDigest.slice(0, 12)}.`,
  );
  return sentences.join(' ');
}

const shortfall = ({ value, threshold, missing }: Explanation['missed'][number]): string =>
  `${number(value)} of ${number(threshold)}, missed by ${number(missing)}`;
export const number = (value: number): string => String(Number(value.toPrecision(4)));
