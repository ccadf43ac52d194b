import type { MonitorReport } from '../../contracts/index.js';
import { count, fixed, percent, span } from './text.js';

/** One line about a window for a person: traffic, labels, quality, drift, alarms. */
export function reportText(report: MonitorReport): string {
  const { rows, labelMaturity, performance, status } = report;
  const parts = [`${count(rows)} predictions`, ...releases(report)];
  if (rows > 0) parts.push(`labels ${percent(labelMaturity)} (${status})`);
  if (performance?.auc != null) parts.push(`AUC ${fixed(performance.auc)}${was(report.referencePerformance?.auc)}`);
  if (performance?.logLoss != null)
    parts.push(`log loss ${fixed(performance.logLoss)}${was(report.referencePerformance?.logLoss)}`);
  parts.push(...driftParts(report), ...alarms(report));
  return `${span(report.window)}: ${parts.join(', ')}`;
}

const was = (reference: number | null | undefined): string =>
  reference == null ? '' : ` (reference ${fixed(reference)})`;

function releases({ servedBy }: MonitorReport): string[] {
  if (servedBy.length === 0) return [];
  return [`served by release ${servedBy.map(({ release }) => release).join(' and ')}`];
}

function driftParts({ drift }: MonitorReport): string[] {
  const judged = drift.columns.filter((column) => column.psi !== null).sort((a, b) => b.psi! - a.psi!);
  const worst = judged[0];
  const parts = worst ? [`PSI at most ${fixed(worst.psi!, 2)} (${worst.column})`] : [];
  if (drift.prediction !== null) parts.push(`of the score ${fixed(drift.prediction, 2)}`);
  return parts;
}

function alarms({ checks }: MonitorReport): string[] {
  const blocking = checks.filter(({ severity }) => severity === 'block');
  const first = blocking[0] ?? checks[0];
  if (!first) return [];
  const more = checks.length > 1 ? ` (and ${checks.length - 1} more)` : '';
  return [`${first.severity === 'block' ? 'BROKEN' : 'warning'}: ${first.text}${more}`];
}
