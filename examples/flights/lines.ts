/** One line per week and per release, for a terminal. */
import { type AuditRecord, valueOf } from '../../src/contracts/index.js';
import type { Comparison, Incident, ReleaseResult, WeekResult } from './document.js';
import type { ModelRecords } from './records.js';
import { DEMO_USER } from './world.js';

const COLUMNS = [
  'week of',
  'flights',
  'late',
  'drift (PSI)',
  'AUC',
  'Jan.',
  'weekly',
  'log loss',
  'Jan.',
  'weekly',
] as const;
const WIDTHS = [10, 8, 6, 18, 6, 6, 6, 8, 6, 6] as const;
const LEFT = new Set([0, 3]);

const row = (cells: readonly string[]): string =>
  cells.map((cell, i) => (LEFT.has(i) ? cell.padEnd(WIDTHS[i] ?? 0) : cell.padStart(WIDTHS[i] ?? 0))).join('  ');

/** True of every final verdict, so it says nothing in a line. */
const JUDGED_BEFORE = '; not judged: drift was judged with an earlier report of the window';

/** "Jan." is the January model, had it been kept, "weekly" one that is retrained every week. */
export const HEADER = `${row(COLUMNS)}  release  decision  why`;

const three = (value: number | null): string => value?.toFixed(3) ?? '–';

/** Traffic, drift, quality by the final labels beside the baselines', which release answered, and what was decided. */
export function weekLine(week: WeekResult): string {
  const { from, to, rows, lateShare, drift, release, decision, reason } = week;
  const span = `${from.slice(0, 10)} to ${to.slice(0, 10)}: `;
  const cells = [
    from.slice(0, 10),
    rows.toLocaleString('en-US'),
    lateShare === null ? '–' : `${(lateShare * 100).toFixed(1)} %`,
    drift.psi === null ? '–' : `${drift.column} ${drift.psi.toFixed(3)}`,
    ...[week.auc, week.aucFrozen, week.aucWeekly, week.logLoss, week.logLossFrozen, week.logLossWeekly].map(three),
  ];
  const decided = `${String(release ?? '–').padStart(7)}  ${(decision ?? '–').padEnd(8)}`;
  const mark = week.injected ? '[injected] ' : '';
  return `${row(cells)}  ${decided}  ${mark}${(reason ?? 'no decision').replace(span, '').replace(JUDGED_BEFORE, '')}`;
}

/** Said when the first week that it touches is told. */
export const incidentLine = ({ title, text, imitates }: Incident): string =>
  `            INJECTED from here on (${title}): ${text}. It imitates ${imitates}.`;

/** What people did, the example's own approvals left out. */
export function actLines(acts: readonly AuditRecord[]): string[] {
  const others = acts.filter(({ by }) => by !== DEMO_USER);
  return others.map(({ by, message, reason, accepted, result }) =>
    `            ${by}: ${message}${reason ? ` (“${reason}”)` : ''}${accepted ? '' : ', refused'}: ${result}`.slice(
      0,
      400,
    ),
  );
}

/** How a release came about. */
export function releaseLine({ releases, runs }: ModelRecords, number: number): string {
  const found = releases.find(({ release }) => release === number);
  const run = runs.find(({ n }) => n === found?.run);
  const quality = run?.evaluation?.challenger;
  const gain = run?.evaluation?.gain;
  const parts = [
    quality ? `holdout AUC ${shown(valueOf(quality, 'auc'))}, log loss ${shown(valueOf(quality, 'logLoss'))}` : '',
    gain == null ? '' : `gain ${gain.toFixed(4)}`,
    run?.trainSeconds == null ? '' : `trained in ${run.trainSeconds.toFixed(1)} s on ${run.device ?? '?'}`,
    found?.approval.verdict === 'automatic' ? 'released automatically' : `approved by ${found?.approval.by}`,
  ];
  return `            release ${number}: ${parts.filter(Boolean).join(', ')}`;
}

const shown = (value: number | null): string => value?.toFixed(3) ?? '–';

/** How many releases, and who agreed: the example's own approvals are told from people's. */
export function approvedText(releases: readonly ReleaseResult[]): string {
  const approved = releases.filter(({ approval }) => approval.verdict === 'approved');
  const own = approved.filter(({ approval }) => approval.by === DEMO_USER).length;
  const people = approved.length - own;
  const parts = [
    ...(people > 0 ? [`${people} approved by a person`] : []),
    ...(own > 0 ? [`${own} by the example in a person's place`] : []),
  ];
  const count = `${releases.length} ${releases.length === 1 ? 'release' : 'releases'}`;
  return parts.length > 0 ? `${count}, ${parts.join(', ')}` : count;
}

/** What the decisions were worth beside other ways to decide, the best first: no timer that did better is left out. */
export function comparisonLines({ policies, spans }: Comparison): string[] {
  const share = (value: number | null): string => (value === null ? '–' : `${(value * 100).toFixed(0)} %`);
  const between = ([low, high]: [number, number]): string =>
    `${(low * 100).toFixed(0)} to ${(high * 100).toFixed(0)} %`;
  const sorted = [...policies].sort((a, b) => a.logLoss - b.logLoss);
  const table = sorted.map(
    ({ name, retrains, seconds, logLoss, auc, gainKept, costShare, range }) =>
      `${name.padEnd(22)}${String(retrains).padStart(8)}${seconds.toFixed(1).padStart(10)}${logLoss.toFixed(4).padStart(10)}` +
      `${auc.toFixed(4).padStart(8)}${share(gainKept).padStart(11)}${share(costShare).padStart(6)}` +
      (range ? `   gain ${between(range.gainKept)}, cost ${between(range.costShare)} by the week it begins in` : ''),
  );
  const kept = spans.map(({ label, gainKept }) => `${label} ${share(gainKept)}`);
  return [
    `${'who decides'.padEnd(22)}${'retrains'.padStart(8)}${'seconds'.padStart(10)}${'log loss'.padStart(10)}${'AUC'.padStart(8)}${'gain kept'.padStart(11)}${'cost'.padStart(6)}`,
    ...table,
    `Share of weekly retraining's gain in log loss that Seawall kept: ${kept.join(', ')}.`,
  ];
}
