/** Blocked windows never become training data. */
import { parseKeyTime, type Window } from '../contracts/index.js';

export interface TimeSpan {
  fromMs: number;
  /** Exclusive. */
  toMs: number;
}

export interface ChosenFiles {
  include: string[];
  /** Those that share any time with a blocked window. */
  excluded: string[];
  /** Those of which nobody can say when their rows happened; only looked for where a window is blocked. */
  undated: string[];
}

/** How a path can say its time, for people. */
export const DATED_PATHS =
  'dt=YYYY-MM-DD/ (a UTC day; also date= or day=), week=YYYY-MM-DD/ (seven days from it), month=YYYY-MM/ or year=YYYY/';

/**
 * The time that a file's path speaks of, in UTC: a part `dt=`, `date=` or `day=YYYY-MM-DD` is that day, `week=YYYY-MM-DD` the seven
 * days from it, `window=<from>_<to>` (as the keys of windows) that window, `month=YYYY-MM` (or its first day) that month, `year=YYYY` that year; `year=YYYY/month=MM/day=DD` is read as one.
 * The innermost such part counts; undefined when there is none, because then nobody can say when its rows happened.
 */
export function partitionOf(path: string): TimeSpan | undefined {
  const parts = path.split('/').map((part) => part.split('=') as [string, string?, ...string[]]);
  const outer = (key: string): string | undefined => parts.find(([name]) => name === key)?.[1];
  for (const [key, value = '', ...rest] of parts.reverse()) {
    const span = rest.length === 0 ? spanOf(key, nested(key, value, outer)) : undefined;
    if (span) return span;
  }
  return undefined;
}

/** Splits paths by whether their time touches a blocked window: half a day of broken data is broken data. */
export function withoutBlocked(paths: readonly string[], blocked: readonly Window[]): ChosenFiles {
  if (blocked.length === 0) return { include: [...paths], excluded: [], undated: [] };
  const spans = blocked.map(({ from, to }) => ({ fromMs: Date.parse(from), toMs: Date.parse(to) }));
  const chosen: ChosenFiles = { include: [], excluded: [], undated: [] };
  for (const path of paths) {
    const file = partitionOf(path);
    if (!file) chosen.undated.push(path);
    else if (spans.some((span) => file.fromMs < span.toMs && span.fromMs < file.toMs)) chosen.excluded.push(path);
    else chosen.include.push(path);
  }
  return chosen;
}

/** The `05` of `year=2001/month=02/day=05` is a day only together with the parts around it. */
function nested(key: string, value: string, outer: (key: string) => string | undefined): string {
  if ((key !== 'day' && key !== 'month') || !/^\d{1,2}$/.test(value)) return value;
  const two = (number = ''): string => number.padStart(2, '0');
  const month = `${outer('year')}-${two(outer('month'))}`;
  return key === 'month' ? month : `${month}-${two(value)}`;
}

function spanOf(key: string, value: string): TimeSpan | undefined {
  switch (key) {
    case 'dt':
    case 'date':
    case 'day':
      return between(/^(\d{4})-(\d{2})-(\d{2})$/.exec(value), { days: 1 });
    case 'week':
      return between(/^(\d{4})-(\d{2})-(\d{2})$/.exec(value), { days: 7 });
    case 'window': {
      const [fromMs = NaN, toMs = NaN] = value.split('_').map((time) => Date.parse(parseKeyTime(time) ?? ''));
      return fromMs < toMs ? { fromMs, toMs } : undefined;
    }
    case 'month':
      return between(/^(\d{4})-(\d{2})(?:-01)?$/.exec(value), { months: 1 });
    case 'year':
      return between(/^(\d{4})$/.exec(value), { months: 12 });
    default:
      return undefined;
  }
}

/** From the date that was matched; undefined when there is no such date (`Date` would make 2 March of 30 February). */
function between(
  match: RegExpExecArray | null,
  { months = 0, days = 0 }: { months?: number; days?: number },
): TimeSpan | undefined {
  if (!match) return undefined;
  const [year, month, day] = [Number(match[1]), Number(match[2] ?? 1), Number(match[3] ?? 1)];
  const from = new Date(Date.UTC(year, month - 1, day));
  if (from.getUTCMonth() !== month - 1 || from.getUTCDate() !== day) return undefined;
  return { fromMs: from.getTime(), toMs: Date.UTC(year, month - 1 + months, day + days) };
}
