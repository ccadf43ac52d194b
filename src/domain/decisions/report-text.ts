import type { ColumnDrift, MonitorReport, Performance } from '../../contracts/index.js';
import { count, fixed, percent, span } from './text.js';

/** One line about a window for a person: traffic, labels, quality, drift, alarms. */
export function reportText(report: MonitorReport): string {
  const { rows, labelMaturity, status } = report;
  const parts = [`${count(rows)} predictions`, ...releases(report)];
  if (rows > 0) parts.push(`labels ${percent(labelMaturity)} (${status})`);
  parts.push(...qualityParts(report), ...driftParts(report), ...alarms(report));
  return `${span(report.window)}: ${parts.join(', ')}`;
}

/** The two numbers of a task that people know best. */
export const shownOf: Readonly<Record<Performance['task'], readonly (readonly [metric: string, name: string])[]>> = {
  binary: [
    ['auc', 'AUC'],
    ['logLoss', 'log loss'],
  ],
  multiclass: [
    ['accuracy', 'accuracy'],
    ['logLoss', 'log loss'],
  ],
  regression: [
    ['rmse', 'RMSE'],
    ['mae', 'MAE'],
  ],
};

function qualityParts({ performance, referencePerformance }: MonitorReport): string[] {
  if (!performance) return [];
  return shownOf[performance.task].flatMap(([metric, name]) => {
    const now = performance.metrics[metric];
    const before = referencePerformance?.metrics[metric];
    const was = before ? ` (reference ${fixed(before.value)})` : '';
    return now ? [`${name} ${fixed(now.value)}${was}`] : [];
  });
}

function releases({ servedBy }: MonitorReport): string[] {
  if (servedBy.length === 0) return [];
  return [`served by release ${servedBy.map(({ release }) => release).join(' and ')}`];
}

/** Of those that have a PSI, the one that moved most. */
export const mostDrifted = (columns: readonly ColumnDrift[]): ColumnDrift | undefined =>
  columns.filter(({ psi }) => psi !== null).sort((a, b) => b.psi! - a.psi!)[0];

function driftParts({ drift }: MonitorReport): string[] {
  const worst = mostDrifted(drift.columns);
  const parts = worst ? [`PSI at most ${fixed(worst.psi!, 2)} (${worst.name})`] : [];
  const output = mostDrifted(drift.outputs);
  if (output) parts.push(`of the ${output.name} ${fixed(output.psi!, 2)}`);
  return parts;
}

function alarms({ checks }: MonitorReport): string[] {
  const blocking = checks.filter(({ severity }) => severity === 'block');
  const first = blocking[0] ?? checks[0];
  if (!first) return [];
  const more = checks.length > 1 ? ` (and ${checks.length - 1} more)` : '';
  return [`${first.severity === 'block' ? 'BROKEN' : 'warning'}: ${first.text}${more}`];
}
