/** A monitor report for a person at a terminal. */
import type { ColumnDrift, Measured, MonitorReport, Performance } from '../../contracts/index.js';
import { count, moment, percent, span } from '../../domain/decisions/text.js';
import { type Colors, table } from '../output.js';
import { number } from '../profile/text.js';

export function reportLines(report: MonitorReport, color: Colors): string[] {
  const { model, window, revision, status, labelMaturity, at } = report;
  const verdict = `revision ${revision}, ${status}, labels ${percent(labelMaturity)}, as of ${moment(at)}`;
  return [
    `${color.bold(`${model}  ${span(window)}`)}  ${verdict}`,
    trafficLine(report),
    ...checkLines(report, color),
    '',
    ...driftLines(report, color),
    '',
    ...qualityLines(report),
    ...sliceLines(report),
  ];
}

function trafficLine({ rows, lateRows, feed, expected, servedBy }: MonitorReport): string {
  const parts = [
    `${count(rows)} predictions${expected ? ` (expected about ${count(Math.round(expected.rows))})` : ''}`,
    ...(servedBy.length > 0
      ? [`by release ${servedBy.map(({ release, rows: n }) => `${release} (${count(n)})`).join(', ')}`]
      : []),
    ...(feed.duplicates > 0 ? [`${count(feed.duplicates)} rows doubled`] : []),
    ...(lateRows > 0 ? [`${count(lateRows)} late`] : []),
  ];
  return parts.join(', ');
}

function checkLines({ checks }: MonitorReport, color: Colors): string[] {
  if (checks.length === 0) return [color.green('No check of the data has anything to say.')];
  const blocking = checks.filter(({ severity }) => severity === 'block');
  const lines = [...blocking, ...checks.filter(({ severity }) => severity === 'warn')].map(({ severity, text }) =>
    severity === 'block' ? color.red(`block  ${text}`) : color.yellow(`warn   ${text}`),
  );
  return blocking.length > 0
    ? [...lines, 'Fix it, don’t learn it: nothing is learnt from a window that is blocked.']
    : lines;
}

function driftLines({ drift, rows }: MonitorReport, color: Colors): string[] {
  const all = [...drift.columns, ...drift.outputs, ...(drift.label ? [drift.label] : [])];
  if (rows === 0 || all.length === 0) return ['Drift cannot be judged: there are no predictions.'];
  const lines = table([
    ['drift', 'verdict', 'PSI', '95 %', 'most of it from'],
    ...[...all]
      .sort((a, b) => (b.psi ?? -1) - (a.psi ?? -1))
      .map((column) => [
        roleOf(column, drift.outputs, drift.label),
        column.verdict === 'notJudged' ? 'not judged' : column.verdict,
        column.psi === null ? '' : number(column.psi),
        intervalText(column),
        partText(column),
      ]),
  ]);
  const [head = '', ...body] = lines;
  const why = all
    .filter(({ verdict }) => verdict !== 'stable')
    .map(({ name, because }) => color.dim(`  ${name}: ${because}`));
  return [color.dim(head), ...body, ...why];
}

function roleOf({ name }: ColumnDrift, outputs: readonly ColumnDrift[], label: ColumnDrift | null): string {
  if (label?.name === name) return `${name} (label)`;
  return outputs.some((output) => output.name === name) ? `${name} (answer)` : name;
}

function intervalText({ intervals }: ColumnDrift): string {
  return intervals.psi ? `${number(intervals.psi.low)} to ${number(intervals.psi.high)}` : '';
}

function partText({ parts, verdict }: ColumnDrift): string {
  const [first] = parts;
  if (!first || verdict === 'notJudged' || !(first.share > 0)) return '';
  return `${first.part}: ${percent(first.reference)} → ${percent(first.current)}`;
}

const measuredText = (measured: Measured | undefined): string =>
  measured ? `${number(measured.value)} (${number(measured.low)} to ${number(measured.high)})` : '';

function qualityLines({ performance, referencePerformance, estimate, arms, labelMaturity }: MonitorReport): string[] {
  const shown = performance ?? referencePerformance;
  if (!performance && !estimate)
    return [`Quality cannot be judged: labels for ${percent(labelMaturity)} of the predictions.`];
  const canary = arms[0]?.performance;
  const row = (name: string): string[] => [
    name,
    measuredText(performance?.metrics[name]),
    measuredText(referencePerformance?.metrics[name]),
    measuredText(estimate?.metrics[name]),
    ...(canary ? [measuredText(canary.metrics[name])] : []),
  ];
  return table([
    ['quality, 95 %', 'by its labels', 'reference', 'estimated before labels', ...(canary ? ['canary'] : [])],
    [
      'rows',
      ...[performance, referencePerformance, estimate].map((one) => (one ? count(one.rows) : '')),
      ...(canary ? [count(canary.rows)] : []),
    ],
    ...Object.keys((shown ?? { metrics: {} }).metrics).map(row),
  ]);
}

const SHOWN_SLICES = 10;

function sliceLines({ slices }: MonitorReport): string[] {
  if (slices.length === 0) return [];
  const metric = leadingMetric(slices[0]!.performance);
  return [
    '',
    ...table([
      ['worst slices', 'rows', metric, 'reference'],
      ...slices
        .slice(0, SHOWN_SLICES)
        .map(({ column, value, performance, reference }) => [
          `${column} = ${value}`,
          performance.rows,
          measuredText(performance.metrics[metric]),
          measuredText(reference?.metrics[metric]),
        ]),
    ]),
  ];
}

/** What slices are ordered by. */
export const leadingMetric = ({ task }: Performance): string =>
  ({ binary: 'auc', multiclass: 'accuracy', regression: 'rmse' })[task];
