/** Blocked windows never become training data. */
import type { DecisionRecord, Window } from '../contracts/index.js';

const DAY_MS = 86_400_000;
const PARTITION = /^([^=]+)=(\d{4}-\d{2}-\d{2})$/;

/**
 * The time that a file's path speaks of: a part `<key>=YYYY-MM-DD` is that day in UTC, `week=YYYY-MM-DD` the seven days from
 * it. The innermost such part counts; undefined when there is none, because then nobody can say when its rows happened.
 */
export function partitionOf(path: string): { fromMs: number; toMs: number } | undefined {
  for (const part of path.split('/').reverse()) {
    const match = PARTITION.exec(part);
    const fromMs = match ? Date.parse(`${match[2]}T00:00:00Z`) : Number.NaN;
    if (Number.isNaN(fromMs)) continue;
    return { fromMs, toMs: fromMs + (match?.[1] === 'week' ? 7 : 1) * DAY_MS };
  }
  return undefined;
}

/** Windows whose last decision is `block`; a later revision that was judged otherwise lifts it. `decisions` are oldest first. */
export function blockedWindows(decisions: Iterable<Pick<DecisionRecord, 'action' | 'window'>>): Window[] {
  const last = new Map<string, { window: Window; blocked: boolean }>();
  for (const { action, window } of decisions) {
    if (window) last.set(`${window.from}/${window.to}`, { window, blocked: action === 'block' });
  }
  return [...last.values()].filter(({ blocked }) => blocked).map(({ window }) => window);
}

/** Splits paths by whether their partition shares any time with a blocked window: half a day of broken data is broken data. */
export function withoutBlocked(
  paths: readonly string[],
  blocked: readonly Window[],
): { include: string[]; excluded: string[] } {
  const spans = blocked.map(({ from, to }) => ({ fromMs: Date.parse(from), toMs: Date.parse(to) }));
  const isBlocked = (path: string): boolean => {
    const file = partitionOf(path);
    return file !== undefined && spans.some((span) => file.fromMs < span.toMs && span.fromMs < file.toMs);
  };
  return { include: paths.filter((path) => !isBlocked(path)), excluded: paths.filter(isBlocked) };
}
