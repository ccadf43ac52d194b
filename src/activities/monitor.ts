/** Monitoring: one look at everything that lies in storage; windows that are due get a report, late labels a revision of it. */
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Observation, ObserveInput } from '../contracts/index.js';
import { clockOf } from './clock.js';
import { datasetNews, followedVersion } from './followed-dataset.js';
import { beating } from './heartbeat.js';
import { newestConfig } from './hydrate.js';
import { championOf } from './live.js';
import { createLogReader } from './monitor/logs.js';
import { type EndedMemory, lookAtRuns } from './monitor/runs.js';
import { revisionOf, unreadOf } from './monitor/revisions.js';
import { dueWindows, firstWindowFromMs, monitorWindow } from './monitor/windows.js';
import { deadlinePassed, openWindowAfter, summaryOf } from './monitor/reports.js';
import type { Look, MonitorPorts } from './monitor/ports.js';

export type * from './monitor/ports.js';

/** New windows per call: an activity must end in bounded time, and a retry must not do all of a backlog again. */
const WINDOWS_PER_CALL = 4;
/** The same for revisions: one new object of labels concerns every open window, and each reads its whole logs again. */
const REVISIONS_PER_CALL = 4;

export type MonitorActivities = ReturnType<typeof createMonitorActivities>;

export function createMonitorActivities(ports: MonitorPorts) {
  const ended: EndedMemory = new Set();
  return {
    /**
     * Looks at everything once: clock, configuration, champion, dataset, open runs (also those that were started without the loop); revises open windows whose labels have
     * come; monitors at most four due windows. Reports are create-once: a call that is repeated finds and returns those
     * of the call before. Without a champion nothing is monitored: there is no reference, and silence is no incident yet.
     * @throws SeawallError `NotFound`: no configuration, or a release that lacks its record
     */
    observe(input: ObserveInput): Promise<Observation> {
      // The beat is by the clock: one query over a large window may take longer than the heartbeat timeout.
      return beating(
        () => null,
        (signal) => observe(ports, input, ended, signal),
      );
    },
  };
}

async function observe(
  ports: MonitorPorts,
  input: ObserveInput,
  ended: EndedMemory,
  signal: AbortSignal,
): Promise<Observation> {
  const config = await newestConfig(ports.records, input.model);
  const [now, labelsTo, pointer, version, runs] = await Promise.all([
    clockOf(ports, config.config, ports.wallNow()),
    ports.watermarks.completeTo('labels', input.model),
    ports.pointers.read(input.model),
    followedVersion(ports, config.config.dataset),
    lookAtRuns(ports, input, ended),
  ]);
  const seen = {
    now,
    configSeq: config.seq,
    configDigest: config.digest,
    champion: pointer ? championOf(pointer) : null,
    datasetVersion: version ?? null,
    ...(await datasetNews(ports, config.config, pointer, version)),
    ...runs,
  };
  if (!pointer) return { ...seen, ...nothingMonitored(input) };
  const folder = join(ports.workDir, `observe-${randomUUID()}`);
  const reader = createLogReader(ports, input.model, folder, signal);
  try {
    const look: Look = { ports, model: input.model, config, pointer, now, labelsTo: labelsTo ?? null, reader, signal };
    return { ...seen, ...(await monitor(look, input, signal)) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

type Monitored = Pick<Observation, 'reports' | 'more' | 'monitoredTo' | 'openWindows' | 'nextDueInMs'>;

const nothingMonitored = ({ monitoredTo, openWindows }: ObserveInput): Monitored => ({
  reports: [],
  more: false,
  monitoredTo,
  openWindows,
  nextDueInMs: null,
});

async function monitor(look: Look, input: ObserveInput, signal: AbortSignal): Promise<Monitored> {
  const revised = await reviseOpen(look, input.openWindows, signal);
  const { reports, openWindows } = revised;
  const fromMs = firstWindowFromMs(look, input.monitoredTo);
  const due = dueWindows(look, fromMs, WINDOWS_PER_CALL + 1);
  let { monitoredTo } = input;
  for (const window of due.slice(0, WINDOWS_PER_CALL)) {
    const report = await monitorWindow(look, window);
    reports.push(summaryOf(look.model, report));
    openWindows.push(...openWindowAfter(report));
    monitoredTo = window.to;
    signal.throwIfAborted();
  }
  const more = revised.left > 0 || due.length > WINDOWS_PER_CALL;
  return { reports, more, monitoredTo, openWindows, nextDueInMs: nextDueInMs(look, monitoredTo) };
}

/** The windows that have waited for most objects come first, of equal ones the older: new labels all the time starve none. */
async function reviseOpen(
  look: Look,
  open: ObserveInput['openWindows'],
  signal: AbortSignal,
): Promise<Pick<Monitored, 'reports' | 'openWindows'> & { left: number }> {
  const byTime = [...open].sort((a, b) => Date.parse(a.from) - Date.parse(b.from));
  const waiting = [];
  for (const window of byTime) {
    const unread = await unreadOf(look, window);
    if (unread !== null) waiting.push({ window, unread });
    signal.throwIfAborted();
  }
  const ranked = waiting.sort((a, b) => (a.unread === b.unread ? 0 : b.unread - a.unread)).slice(0, REVISIONS_PER_CALL);
  const chosen = new Set(ranked.map(({ window }) => window));
  const reports: Monitored['reports'] = [];
  const openWindows: Monitored['openWindows'] = [];
  // In the order of time, so that the gate judges in it too; new windows follow.
  for (const window of byTime) {
    if (!chosen.has(window)) {
      openWindows.push(window);
      continue;
    }
    const { report, ...looked } = await revisionOf(look, window);
    if (report) reports.push(summaryOf(look.model, report));
    if (report) openWindows.push(...openWindowAfter(report));
    else if (!deadlinePassed(look, window)) openWindows.push({ ...window, ...looked });
    signal.throwIfAborted();
  }
  return { reports, openWindows, left: waiting.length - chosen.size };
}

function nextDueInMs(look: Look, monitoredTo: string | null): number | null {
  const { clock, windows } = look.config.config;
  if (clock === 'feed') return null;
  const dueAtMs = firstWindowFromMs(look, monitoredTo) + windows.everyMs + windows.allowedLatenessMs;
  return Math.max(0, dueAtMs - look.ports.wallNow());
}
