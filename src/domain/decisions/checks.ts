/** What is wrong with a window's data. `block` means: fix it, don't learn it. */
import type {
  DataCheck,
  ExpectedVolume,
  FeatureType,
  Limits,
  MonitorPolicy,
  Severity,
  TableProfile,
  WindowFeed,
} from '../../contracts/index.js';
import { columnChecks } from './column-checks.js';
import { feedChecks } from './feed-checks.js';
import { percent } from './text.js';

export interface CheckInput {
  /** Distinct predictions. */
  rows: number;
  lateRows: number;
  feed: WindowFeed;
  expected: ExpectedVolume | null;
  profile: TableProfile;
  reference: TableProfile;
  /** The columns to check, in order, with what each must be. */
  columns: { name: string; type: FeatureType; output: boolean }[];
  policy: MonitorPolicy;
}

/**
 * Shares are of the window's distinct predictions; a limit is exceeded above it, not at it. Limits for nulls count from the
 * reference's own share of nulls on: a column that is half empty by nature is no incident.
 */
export function checkWindow(input: CheckInput): DataCheck[] {
  const checks = [...feedChecks(input), ...rowChecks(input)];
  // Without rows every column is missing: one alarm says it better than ten.
  if (input.rows === 0) return checks;
  for (const column of input.columns) checks.push(...columnChecks(input, column));
  return [...checks, ...extraColumns(input)];
}

/** Rows that cannot be counted at all. */
function rowChecks({ rows, feed, policy }: CheckInput): DataCheck[] {
  const seen = rows + feed.duplicates + feed.withoutId + feed.withoutTime;
  const without: [string, number, string][] = [
    ['_prediction_id', feed.withoutId, 'has no value'],
    ['_event_time', feed.withoutTime, 'is missing or no time'],
  ];
  return without.flatMap(([column, missing, what]) => {
    const share = seen === 0 ? 0 : missing / seen;
    const text = `${column} ${what} in ${percent(share)} of the rows (${missing} of ${seen})`;
    return limited('nulls', column, share, policy.nullShare, text);
  });
}

function extraColumns({ feed, policy, rows }: CheckInput): DataCheck[] {
  const { extra, columns } = policy.schema;
  if (extra === 'off') return [];
  return feed.extraColumns
    .filter(({ name }) => !(name in columns))
    .map(({ name, rows: having }) => ({
      check: 'extraColumn',
      column: name,
      severity: extra,
      value: Math.min(1, having / rows),
      limit: 0,
      text: `column ${name} is in the prediction log, and nobody expects it`,
    }));
}

/** The check, where `value` is above a limit. */
export function limited(
  check: DataCheck['check'],
  column: string | null,
  value: number,
  { warn, block }: Limits,
  text: string,
): DataCheck[] {
  if (value > block) return [{ check, column, severity: 'block', value, limit: block, text }];
  return value > warn ? [{ check, column, severity: 'warn', value, limit: warn, text }] : [];
}

/** Limits under which a rule of a severity stands: one row is too many, or none is looked at. */
export function limitsOf(severity: Severity): Limits {
  switch (severity) {
    case 'off':
      return { warn: Infinity, block: Infinity };
    case 'warn':
      return { warn: 0, block: Infinity };
    case 'block':
      return { warn: 0, block: 0 };
  }
}
