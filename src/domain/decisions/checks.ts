/** What is wrong with a window's data. `block` means: fix it, don't learn it. */
import type { DataCheck } from '../../contracts/index.js';
import { type CheckInput, limited } from './check-input.js';
import { columnChecks } from './column-checks.js';
import { feedChecks } from './feed-checks.js';
import { percent } from './text.js';

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
  const inWindow = rows + feed.duplicates + feed.withoutId;
  const without: [string, number, number, string][] = [
    ['_prediction_id', feed.withoutId, inWindow, 'has no value'],
    ['_event_time', feed.withoutTime, feed.objectRows, 'is missing or no time'],
  ];
  return without.flatMap(([column, missing, seen, what]) => {
    const share = seen === 0 ? 0 : missing / seen;
    const text = `${column} ${what} in ${percent(share)} of the rows (${missing} of ${seen})`;
    return limited('nulls', column, share, policy.nullShare, text);
  });
}

function extraColumns({ feed, policy }: CheckInput): DataCheck[] {
  const { extra, columns } = policy.schema;
  if (extra === 'off') return [];
  return feed.extraColumns
    .filter(({ name }) => !(name in columns))
    .map(({ name, rows: having }) => ({
      check: 'extraColumn',
      column: name,
      severity: extra,
      value: Math.min(1, having / feed.objectRows),
      limit: 0,
      text: `column ${name} is in the prediction log, and nobody expects it`,
    }));
}
