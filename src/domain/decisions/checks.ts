import type { DataCheck, MonitorPolicy, ReferenceProfile } from '../../contracts/index.js';
import { count, percent } from './text.js';
import type { WindowColumn, WindowProfile } from './window-profile.js';

interface Limits {
  warn: number;
  block: number;
}

/**
 * What is wrong with a window's data. `block` means: fix it, don't learn it.
 * Shares are of the window's distinct predictions; a limit is exceeded above it, not at it. Limits for nulls count from the
 * reference's own share of nulls on: a column that is half empty by nature is no incident.
 */
export function checkWindow(profile: WindowProfile, reference: ReferenceProfile, policy: MonitorPolicy): DataCheck[] {
  const checks = [...feedChecks(profile, policy), ...rowChecks(profile, policy)];
  // Without rows every column is missing: one alarm says it better than ten.
  if (profile.rows === 0) return checks;
  for (const column of [...profile.columns, profile.score]) {
    checks.push(...columnChecks(column, profile.rows, referenceNullShare(reference, column.name), policy));
  }
  return checks;
}

function feedChecks({ rows, unreadable }: WindowProfile, { minRows }: MonitorPolicy): DataCheck[] {
  const checks: DataCheck[] = [];
  if (rows === 0) {
    const text = 'the feed is silent: the prediction log has no predictions in this window';
    checks.push({ check: 'feed', column: null, severity: 'block', value: 0, limit: minRows, text });
  } else if (rows < minRows) {
    const text = `only ${count(rows)} predictions (fewer than ${count(minRows)}): drift is not judged`;
    checks.push({ check: 'feed', column: null, severity: 'warn', value: rows, limit: minRows, text });
  }
  const first = unreadable[0];
  if (first) {
    const lines = first.lines === null ? '' : `${count(first.lines)} lines: `;
    const more = unreadable.length > 1 ? ` (and ${unreadable.length - 1} more log objects)` : '';
    const text = `${first.file} cannot be read: ${lines}${first.problem}${more}`;
    checks.push({ check: 'feed', column: null, severity: 'block', value: unreadable.length, limit: 0, text });
  }
  return checks;
}

/** Rows that cannot be counted at all. */
function rowChecks(profile: WindowProfile, { nullShare }: MonitorPolicy): DataCheck[] {
  const seen = profile.rows + profile.duplicates + profile.withoutId + profile.withoutTime;
  const rows: [string, number, string][] = [
    ['_prediction_id', profile.withoutId, 'has no value'],
    ['_event_time', profile.withoutTime, 'is missing or no time'],
  ];
  return rows.flatMap(([column, without, what]) => {
    const share = seen === 0 ? 0 : without / seen;
    const text = `${column} ${what} in ${percent(share)} of the rows (${count(without)} of ${count(seen)})`;
    return limited('nulls', column, share, nullShare, text);
  });
}

function columnChecks(column: WindowColumn, rows: number, nullsBefore: number, policy: MonitorPolicy): DataCheck[] {
  const { name, missing, wrong, unseen, outOfRange } = column;
  if (missing === rows) {
    const text = `column ${name} is missing from the prediction log`;
    return [{ check: 'missingColumn', column: name, severity: 'block', value: 1, limit: 0, text }];
  }
  const wrongRows = wrong.reduce((sum, { rows: n }) => sum + n, 0);
  const nulls = (column.profile.nulls - missing - wrongRows) / rows;
  const nullLimits = { warn: policy.nullShare.warn + nullsBefore, block: policy.nullShare.block + nullsBefore };
  const before = nullsBefore > 0 ? `, in the reference in ${percent(nullsBefore)}` : '';
  const of = (share: number): string => `${percent(share)} of the rows`;
  const text = {
    missing: `column ${name} is missing from log objects with ${of(missing / rows)}`,
    nulls: `column ${name} has no value in ${of(nulls)}${before}`,
    unseen: `column ${name} has categories that the reference never saw in ${of((unseen ?? 0) / rows)}`,
    outOfRange: `column ${name} is far outside the reference's range in ${of((outOfRange ?? 0) / rows)}`,
  };
  return [
    ...limited('missingColumn', name, missing / rows, policy.nullShare, text.missing),
    ...typeChecks(column, rows, wrongRows, policy),
    ...limited('nulls', name, nulls, nullLimits, text.nulls),
    ...limited('unseenCategories', name, (unseen ?? 0) / rows, policy.unseenShare, text.unseen),
    ...limited('outOfRange', name, (outOfRange ?? 0) / rows, policy.outOfRangeShare, text.outOfRange),
  ];
}

/** A value of another type is as unusable as a null, but it is never normal: even one row is worth a warning. */
function typeChecks(column: WindowColumn, rows: number, wrongRows: number, { nullShare }: MonitorPolicy): DataCheck[] {
  const { name, expected, wrong } = column;
  const types = wrong.map(({ type, rows: n }) => `${type} in ${percent(n / rows)}`).join(', ');
  const text = `column ${name} must be ${expected}, but is ${types} of the rows`;
  return limited('type', name, wrongRows / rows, { warn: 0, block: nullShare.block }, text);
}

function limited(
  check: DataCheck['check'],
  column: string,
  value: number,
  { warn, block }: Limits,
  text: string,
): DataCheck[] {
  if (value > block) return [{ check, column, severity: 'block', value, limit: block, text }];
  return value > warn ? [{ check, column, severity: 'warn', value, limit: warn, text }] : [];
}

function referenceNullShare(reference: ReferenceProfile, name: string): number {
  const column = reference.columns.find((one) => one.name === name) ?? reference.prediction;
  return column.rows === 0 ? 0 : column.nulls / column.rows;
}
