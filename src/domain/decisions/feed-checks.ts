/** A dead, late, doubled or torn feed is an alarm of its own: it is never "no drift". */
import type { DataCheck, Limits } from '../../contracts/index.js';
import { type CheckInput, limited } from './check-input.js';
import { count, percent } from './text.js';

export function feedChecks(input: CheckInput): DataCheck[] {
  const { rows, policy } = input;
  if (rows === 0) {
    const text = 'the feed is silent: the prediction log has no predictions in this window';
    const silent: DataCheck = {
      check: 'silent',
      column: null,
      severity: 'block',
      value: 0,
      limit: policy.minRows,
      text,
    };
    return [silent, ...unreadable(input), ...misdated(input)];
  }
  return [
    ...fewRows(input),
    ...unreadable(input),
    ...volume(input),
    ...partial(input),
    ...shares(input),
    ...misdated(input),
  ];
}

function fewRows({ rows, policy: { minRows } }: CheckInput): DataCheck[] {
  if (rows >= minRows) return [];
  const text = `only ${count(rows)} predictions (fewer than ${count(minRows)}): drift is not judged`;
  return [{ check: 'fewRows', column: null, severity: 'warn', value: rows, limit: minRows, text }];
}

/** Part of a day that was judged without such an object before is not blocked by one that came since: that is of another hour. */
function unreadable({ feed, tornElsewhere }: CheckInput): DataCheck[] {
  const first = feed.unreadable[0];
  if (!first) return [];
  const lines = first.lines === null ? '' : `${count(first.lines)} lines: `;
  const more = feed.unreadable.length > 1 ? ` (and ${feed.unreadable.length - 1} more log objects)` : '';
  const text = `${first.file} cannot be read: ${lines}${first.problem}${more}`;
  const severity = tornElsewhere ? 'warn' : 'block';
  return [{ check: 'unreadable', column: null, severity, value: feed.unreadable.length, limit: 0, text }];
}

/** Three robust standard deviations of what comparable windows had are usual. */
const USUAL_DEVIATIONS = 3;

function volume({ rows, expected, policy: { feed } }: CheckInput): DataCheck[] {
  if (!expected || expected.rows === 0) return [];
  const usual = USUAL_DEVIATIONS * Math.max(expected.spread, 1 / Math.sqrt(expected.rows));
  const change = rows / expected.rows - 1;
  const beside = `${count(rows)} predictions, where ${comparable(expected)} had ${count(Math.round(expected.rows))}`;
  if (change > 0) {
    const limits: Limits = { warn: feed.rise + usual, block: Infinity };
    return limited('surplus', null, change, limits, `${beside}: ${percent(change)} more`);
  }
  const block = expected.alike ? feed.drop.block + usual : Infinity;
  const limits: Limits = { warn: feed.drop.warn + usual, block };
  return limited('volume', null, -change, limits, `${beside}: ${percent(-change)} are missing`);
}

function comparable({ of, windows }: { of: 'weekday' | 'hour' | 'preceding'; windows: number }): string {
  const which = { weekday: 'the same weekday', hour: 'the same hour', preceding: 'windows before it' };
  return `${which[of]} (median of ${windows})`;
}

/** Parts with fewer expected rows than this may well be silent by chance. */
const MIN_EXPECTED_ROWS = 20;
/** A part that keeps less than this of its expected rows counts as silent. */
const SILENT_SHARE = 0.05;

/**
 * Parts of the window that are silent where comparable windows were not. Without such windows (the model is new) the window is
 * held against itself: silent at its beginning or end, with traffic of some regularity between.
 */
function partial(input: CheckInput): DataCheck[] {
  const { feed, expected, rows, policy } = input;
  const compared = expected && expected.parts.length > 0 ? expected : null;
  const parts = compared?.parts ?? partsOfItself(feed.volume.rows);
  const total = parts.reduce((sum, n) => sum + n, 0);
  const silent = parts.flatMap((usual, i) =>
    usual >= MIN_EXPECTED_ROWS && (feed.volume.rows[i] ?? 0) < SILENT_SHARE * usual ? [i] : [],
  );
  if (silent.length === 0 || rows === 0) return [];
  const share = silent.reduce((sum, i) => sum + (parts[i] as number), 0) / total;
  const which = compared ? `where ${comparable(compared)} had traffic` : 'while the rest had traffic';
  const text = `the feed is partial: ${spans(silent, input)} ${silent.length > 1 ? 'are' : 'is'} silent, ${which} (${percent(share)} of it)`;
  const block = compared?.alike ? policy.feed.gap.block : Infinity;
  return limited('partial', null, share, { warn: policy.feed.gap.warn, block }, text);
}

/** The median of the parts between, at silent ends; elsewhere nothing is expected. */
function partsOfItself(rows: number[]): number[] {
  const first = rows.findIndex((n) => n > 0);
  const last = rows.findLastIndex((n) => n > 0);
  const between = rows.slice(first, last + 1);
  // Regular traffic has no holes and no extreme parts; who is silent at weekends is so at the ends, too.
  const regular = between.length >= 4 && Math.min(...between) > 0.25 * median(between);
  return rows.map((n, i) => (regular && (i < first || i > last) ? median(between) : n));
}

function spans(parts: number[], { feed }: CheckInput): string {
  const { partMs } = feed.volume;
  const unit = partMs >= 86_400_000 ? 'day' : partMs >= 3_600_000 ? 'hour' : 'part';
  const shown = parts.slice(0, 3).map((i) => `${unit} ${i + 1}`);
  return `${shown.join(', ')}${parts.length > 3 ? ` and ${parts.length - 3} more` : ''} of ${feed.volume.rows.length}`;
}

function shares({ rows, lateRows, feed, policy }: CheckInput): DataCheck[] {
  const doubled = feed.duplicates / (rows + feed.duplicates);
  const late = lateRows / rows;
  return [
    ...limited(
      'duplicates',
      null,
      doubled,
      policy.feed.duplicates,
      `${count(feed.duplicates)} rows repeat the id of another one (${percent(doubled)} of the rows): they are counted once`,
    ),
    ...limited(
      'late',
      null,
      late,
      policy.feed.late,
      `${count(lateRows)} predictions (${percent(late)}) came after the window's first report: behind the watermark, or by a repair`,
    ),
  ];
}

function misdated({ feed: { misdated: found, objectRows }, policy }: CheckInput): DataCheck[] {
  const total = found.before + found.after;
  const share = total === 0 ? 0 : total / objectRows;
  const what = [
    found.after > 0 ? `${count(found.after)} rows lie in the future of the day that they are stored under` : '',
    found.before > 0 ? `${count(found.before)} rows are older than the day that they are stored under` : '',
  ].filter(Boolean);
  const text = `${what.join(', ')}: they are counted in no window`;
  return limited('misdated', '_event_time', share, { ...policy.nullShare, warn: 0 }, text);
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  if (sorted.length === 0) return 0;
  return sorted.length % 2
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}
