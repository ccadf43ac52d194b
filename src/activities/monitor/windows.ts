/** New windows: which are due, and the first report of each. */
import { type MonitorReport, toIso, type Window } from '../../contracts/index.js';
import type { Look } from './ports.js';
import { reportOn } from './reports.js';
import { storedReport, storeReport } from './stored.js';

/**
 * Windows lie on a grid from the anchor on. The next one is the first at or after the end of the newest monitored; a changed
 * grid leaves a gap rather than monitor an hour twice. The first of all: with the feed's clock at the anchor; with the wall
 * clock the one in which the first model went live, because before that silence was no incident.
 */
export function firstWindowFromMs({ config, pointer }: Look, monitoredTo: string | null): number {
  const { anchor, everyMs } = config.config.windows;
  const anchorMs = Date.parse(anchor);
  if (monitoredTo !== null)
    return anchorMs + Math.max(0, Math.ceil((Date.parse(monitoredTo) - anchorMs) / everyMs)) * everyMs;
  const wentLive = pointer.moves[0]?.at;
  if (config.config.clock === 'feed' || wentLive === undefined) return anchorMs;
  return anchorMs + Math.max(0, Math.floor((Date.parse(wentLive) - anchorMs) / everyMs)) * everyMs;
}

/** At most `limit` windows whose end, plus the allowed lateness, has passed. */
export function dueWindows({ config, now }: Look, fromMs: number, limit: number): Window[] {
  const { everyMs, allowedLatenessMs } = config.config.windows;
  const due: Window[] = [];
  for (let from = fromMs; due.length < limit; from += everyMs) {
    if (Date.parse(now) < from + everyMs + allowedLatenessMs) break;
    due.push({ from: toIso(from), to: toIso(from + everyMs) });
  }
  return due;
}

/** The window's first report: profile, checks, drift, and quality as far as labels are there already. */
export async function monitorWindow(look: Look, window: Window): Promise<MonitorReport> {
  const { json } = look.ports;
  const stored = await storedReport(json, look.model, window, 1);
  return stored ?? storeReport(json, await reportOn(look, window, null));
}
