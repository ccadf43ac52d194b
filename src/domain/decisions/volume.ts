/** What traffic a window should have had: as much as comparable windows before it. */
import { type ExpectedVolume, type MonitorReport, toIso, type Window } from '../../contracts/index.js';
import { median } from './feed-checks.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const WEEK_MS = 7 * DAY_MS;
/** Fewer windows have no median worth the name. */
const LEAST_WINDOWS = 3;

/** Of how long parts a window's traffic is counted: days, hours, or a twelfth. */
export function partMsOf({ from, to }: Window): number {
  const length = Date.parse(to) - Date.parse(from);
  if (length >= 4 * DAY_MS) return DAY_MS;
  return length >= 4 * HOUR_MS ? HOUR_MS : Math.max(1000, Math.ceil(length / 12));
}

export interface Comparable {
  of: ExpectedVolume['of'];
  alike: boolean;
  windows: Window[];
}

/** Windows that this one may be held against, the best choice first; all lie on the same grid. */
export function comparableWindows({ from, to }: Window): Comparable[] {
  const fromMs = Date.parse(from);
  const length = Date.parse(to) - fromMs;
  const before = (periodMs: number, count: number): Window[] =>
    Array.from({ length: count }, (_, i) => fromMs - (i + 1) * periodMs).map((ms) => ({
      from: toIso(ms),
      to: toIso(ms + length),
    }));
  const choices: Comparable[] = [];
  if (length < WEEK_MS && WEEK_MS % length === 0)
    choices.push({ of: 'weekday', alike: true, windows: before(WEEK_MS, 4) });
  if (length < DAY_MS && DAY_MS % length === 0) choices.push({ of: 'hour', alike: true, windows: before(DAY_MS, 7) });
  // An hour beside the hours before it says only what time of the day it is.
  if (length >= DAY_MS) choices.push({ of: 'preceding', alike: length >= WEEK_MS, windows: before(length, 8) });
  return choices;
}

/** null: too few of them were whole. */
export function expectedOf(
  { of, alike }: Omit<Comparable, 'windows'>,
  reports: readonly Pick<MonitorReport, 'checks' | 'rows' | 'feed' | 'window'>[],
): ExpectedVolume | null {
  const whole = reports.filter(({ checks }) => !checks.some(({ check }) => TORN.includes(check)));
  if (whole.length < LEAST_WINDOWS) return null;
  const rows = median(whole.map((report) => report.rows));
  const deviation = median(whole.map((report) => Math.abs(report.rows - rows)));
  const [first] = whole;
  const length = Date.parse(first!.window.to) - Date.parse(first!.window.from);
  const parts = whole.map(({ feed }) => feed.volume.rows);
  // Days of a window that is not whole weeks fall on other weekdays each time.
  const comparable =
    (length <= DAY_MS || length % WEEK_MS === 0) && parts.every((one) => one.length === parts[0]!.length);
  return {
    rows,
    parts: comparable ? parts[0]!.map((_, i) => median(parts.map((one) => one[i]!))) : [],
    spread: rows === 0 ? 0 : (1.4826 * deviation) / rows,
    windows: whole.length,
    of,
    alike,
  };
}

const TORN: readonly string[] = ['silent', 'partial', 'unreadable'];
