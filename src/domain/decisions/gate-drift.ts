/** Does the champion see other data than it was accepted on? */
import { type GateInput, notTheChampions, type Rule, unjudged } from './gate-rule.js';
import { count, fixed, span } from './text.js';

/**
 * Population stability index per feature (the largest counts) and of the champion's score, on a window that the champion
 * answered. Judged with a window's first report only: later revisions bring labels, not other inputs, and the same drift
 * must not be paid for twice. From `warnPsi` on, below the limit, the text says that a person may look.
 */
export function driftRules(input: GateInput): Rule[] {
  const { featurePsi, predictionPsi } = input.config.gate.drift;
  const why = notJudged(input);
  if (why !== undefined)
    return [unjudged('featurePsi', featurePsi, why), unjudged('predictionPsi', predictionPsi, why)];
  const { drift } = input.report!;
  const worst = drift.columns.filter(({ psi }) => psi !== null).sort((a, b) => b.psi! - a.psi!)[0];
  return [
    worst
      ? judge(input, 'featurePsi', `PSI of feature ${worst.column}`, worst.psi!, featurePsi)
      : unjudged('featurePsi', featurePsi, 'no feature has a PSI'),
    drift.prediction === null
      ? unjudged('predictionPsi', predictionPsi, 'the score has no PSI')
      : judge(input, 'predictionPsi', 'PSI of the score', drift.prediction, predictionPsi),
  ];
}

function notJudged(input: GateInput): string | undefined {
  const stranger = notTheChampions(input);
  if (stranger !== undefined) return stranger;
  const { rows, revision } = input.report!;
  if (revision > 1) return "drift was judged with the window's first report";
  const { minRows } = input.config.monitor;
  return rows < minRows ? `${count(rows)} predictions, ${count(minRows)} are needed to judge drift` : undefined;
}

function judge(input: GateInput, rule: string, what: string, value: number, threshold: number): Rule {
  const { warnPsi } = input.config.gate.drift;
  const fired = value >= threshold;
  const reason = `${span(input.report!.window)}: ${what} against the reference is ${fixed(value)}, limit ${fixed(threshold)}`;
  const text = `${what} ${fixed(value)} of ${fixed(threshold)}`;
  const warned = !fired && value >= warnPsi;
  const warning = `${text} (warning from ${fixed(warnPsi)} on: a person may look)`;
  return {
    outcome: { rule, fired, value, threshold, text: warned ? warning : text },
    verdict: fired ? { action: 'retrain', trigger: 'drift', reason } : null,
    nearness: threshold > 0 ? value / threshold : value,
    ...(warned ? { warning } : {}),
  };
}
