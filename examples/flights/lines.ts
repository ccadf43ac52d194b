/** One line per week and per release, for a terminal. */
import type { WeekResult } from './document.js';
import type { ModelRecords } from './records.js';

const COLUMNS = ['week of', 'flights', 'late', 'drift (PSI)', 'AUC', 'log loss', 'release', 'decision'] as const;
const WIDTHS = [10, 8, 6, 18, 6, 8, 7, 8] as const;

const row = (cells: readonly string[]): string =>
  cells
    .map((cell, i) => (i === 0 || i === 3 || i === 7 ? cell.padEnd(WIDTHS[i] ?? 0) : cell.padStart(WIDTHS[i] ?? 0)))
    .join('  ');

export const HEADER = `${row(COLUMNS)}  why`;

/** Traffic, drift, quality by the final labels, which release answered, and what was decided. */
export function weekLine(week: WeekResult): string {
  const { from, to, rows, lateShare, drift, auc, logLoss, release, decision, reason } = week;
  const span = `${from.slice(0, 10)} to ${to.slice(0, 10)}: `;
  const cells = [
    from.slice(0, 10),
    rows.toLocaleString('en-US'),
    lateShare === null ? '–' : `${(lateShare * 100).toFixed(1)} %`,
    drift.psi === null ? '–' : `${drift.column} ${drift.psi.toFixed(3)}`,
    auc?.toFixed(3) ?? '–',
    logLoss?.toFixed(3) ?? '–',
    String(release ?? '–'),
    decision ?? '–',
  ];
  return `${row(cells)}  ${(reason ?? 'no decision').replace(span, '')}`;
}

/** How a release came about. */
export function releaseLine({ releases, runs }: ModelRecords, number: number): string {
  const found = releases.find(({ release }) => release === number);
  const run = runs.find(({ n }) => n === found?.run);
  const quality = run?.evaluation?.challenger;
  const gain = run?.evaluation?.gain;
  const parts = [
    quality ? `holdout AUC ${quality.auc?.toFixed(3) ?? '–'}, log loss ${quality.logLoss?.toFixed(3) ?? '–'}` : '',
    gain == null ? '' : `gain ${gain.toFixed(4)}`,
    run?.trainSeconds == null ? '' : `trained in ${run.trainSeconds.toFixed(1)} s on ${run.device ?? '?'}`,
    found?.approval.verdict === 'automatic' ? 'released automatically' : `approved by ${found?.approval.by}`,
  ];
  return `            release ${number}: ${parts.filter(Boolean).join(', ')}`;
}
