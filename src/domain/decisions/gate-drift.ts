/** Does the champion see other data than it was accepted on? */
import type { ColumnDrift, MonitorReport } from '../../contracts/index.js';
import { type GateInput, notTheChampions, type Rule, unjudged } from './gate-rule.js';
import { count, fixed, span } from './text.js';

/**
 * Population stability index per feature (the largest counts) and of what the champion answers, on a window that the champion
 * answered. A retrain is warranted only where all of the index's interval lies at or above the limit: what may be chance buys
 * nothing, and neither does a window whose traffic is not whole. From `warnPsi` on, below the limit, a person may look.
 */
export function driftRules(input: GateInput): Rule[] {
  const { featurePsi, predictionPsi } = input.config.gate.drift;
  const why = notJudged(input);
  if (why !== undefined)
    return [unjudged('featurePsi', featurePsi, why), unjudged('predictionPsi', predictionPsi, why)];
  const { drift } = input.report!;
  return [
    judge(input, 'featurePsi', sound(input.report!, drift.columns), featurePsi, 'no feature has a PSI'),
    judge(input, 'predictionPsi', drift.outputs, predictionPsi, 'what the model answers has no PSI'),
  ];
}

/** Whether the traffic of a window is whole enough to tell drift from what is missing. */
export function isDriftJudgeable({ checks, rows }: MonitorReport, minRows: number): boolean {
  return rows >= minRows && !checks.some(({ check, severity }) => severity === 'block' || TORN.includes(check));
}

const TORN: readonly string[] = ['partial', 'volume', 'unreadable'];

function notJudged(input: GateInput): string | undefined {
  const stranger = notTheChampions(input);
  if (stranger !== undefined) return stranger;
  const { rows, drift, checks } = input.report!;
  if (drift.judgedBefore) return 'drift was judged with an earlier report of the window';
  const { minRows } = input.config.monitor;
  if (rows < minRows) return `${count(rows)} predictions, ${count(minRows)} are needed to judge drift`;
  const torn = checks.find(({ check }) => TORN.includes(check));
  return torn && `${torn.text}: what is missing would pass for drift`;
}

/** A column that is stuck at one value drifts, of course: there is nothing in it to learn. */
function sound({ checks }: MonitorReport, columns: ColumnDrift[]): ColumnDrift[] {
  const stuck = new Set(checks.filter(({ check }) => check === 'constant').map(({ column }) => column));
  return columns.filter(({ name }) => !stuck.has(name));
}

function judge(input: GateInput, rule: string, columns: ColumnDrift[], threshold: number, nothing: string): Rule {
  const judged = columns.filter(({ psi }) => psi !== null).sort((a, b) => b.psi! - a.psi!);
  const certain = judged.find((column) => certainPsi(column) >= threshold);
  const worst = certain ?? judged[0];
  if (!worst) return unjudged(rule, threshold, notable(columns) ?? nothing);
  return outcome(input, rule, worst, threshold, certain !== undefined);
}

/** Where the index's interval begins. */
const certainPsi = ({ psi, intervals }: ColumnDrift): number => intervals.psi?.low ?? psi!;

const notable = (columns: ColumnDrift[]): string | undefined =>
  columns.find(({ verdict }) => verdict === 'notJudged')?.because;

function outcome(input: GateInput, rule: string, column: ColumnDrift, threshold: number, fired: boolean): Rule {
  const { warnPsi } = input.config.gate.drift;
  const value = column.psi!;
  const what = `PSI of ${rule === 'featurePsi' ? 'feature ' : ''}${column.name}`;
  const { low, high } = column.intervals.psi ?? { low: value, high: value };
  const doubt = value >= threshold && !fired ? `, which may be chance (${fixed(low)} to ${fixed(high)})` : '';
  const text = `${what} ${fixed(value)} of ${fixed(threshold)}${doubt}`;
  const warned = !fired && value >= warnPsi;
  const warning = `${text} (warning from ${fixed(warnPsi)} on: a person may look)`;
  const from = column.parts[0] ? `, most of it from ${column.parts[0].part}` : '';
  const reason = `${span(input.report!.window)}: ${what} against the reference is ${fixed(value)}${from}, limit ${fixed(threshold)}`;
  return {
    outcome: { rule, fired, value, threshold, text: warned ? warning : text },
    verdict: fired ? { action: 'retrain', trigger: 'drift', reason } : null,
    nearness: threshold > 0 ? value / threshold : value,
    ...(warned ? { warning } : {}),
  };
}
