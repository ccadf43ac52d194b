/** What the reports in storage say: up to where windows are monitored, which are open, and which the gate must have judged. */
import { keys, type LoopSeed, type MonitorReport, parseKeyTime, SeawallError } from '../contracts/index.js';
import { openWindowAfter, summaryOf } from './monitor/reports.js';
import { type NewestReport, newestReports } from './monitor/stored.js';
import type { JsonStore } from './ports.js';
import { mapSome } from './sequences.js';

/** Older windows are judged and closed long since, unless labels are waited for: then the label deadline says how far back. */
const NEWEST_WINDOWS = 400;

/** A report, and the cause that the gate's decision on it has. */
export interface JudgeableReport {
  key: string;
  causeId: string;
}

export interface KnownWindows extends Pick<LoopSeed, 'monitoredTo' | 'openWindows' | 'lastReport'> {
  /** Of each window the first and the newest report; what is between, the newest says as well. In order of time. */
  judgeable: JudgeableReport[];
}

/** Lists all windows, and reads the newest report of those that can still matter. */
export async function readWindows(json: JsonStore, model: string, labelDeadlineMs: number): Promise<KnownWindows> {
  const reports = await mapSome(recent(await newestReports(json, model), labelDeadlineMs), async ({ key }) => {
    const report = (await json.read<MonitorReport>(key))?.value;
    if (report && report.schema !== 2) throw ofAnotherVersion(key, report);
    return report && { key, report };
  });
  const read = reports.filter((each) => each !== undefined);
  const newest = read.at(-1);
  const monitoredTo = read.reduce<string | null>((to, { report }) => later(to, report.window.to), null);
  // A final report of a window that was still open then; no look has to find out that nothing came since.
  const isOver = ({ status, window }: MonitorReport): boolean =>
    status === 'final' && Date.parse(window.to) + labelDeadlineMs <= Date.parse(monitoredTo ?? window.to);
  return {
    monitoredTo,
    lastReport: newest ? summaryOf(model, newest.report) : null,
    openWindows: read.flatMap(({ report }) => (isOver(report) ? [] : openWindowAfter(report))),
    judgeable: read.flatMap(({ key, report }) => judgeable(model, key, report)),
  };
}

/** Every look revises the open windows before it monitors new ones, so the newest window's end says what can be open. */
function recent(windows: NewestReport[], labelDeadlineMs: number): NewestReport[] {
  const endMs = ({ folder }: NewestReport): number => Date.parse(parseKeyTime(folder.split('_')[1] ?? '') ?? '');
  const newestEndMs = windows.reduce((newest, window) => Math.max(newest, endMs(window) || 0), 0);
  return windows.filter(
    (window, i) => i >= windows.length - NEWEST_WINDOWS || endMs(window) + labelDeadlineMs > newestEndMs,
  );
}

function judgeable(model: string, key: string, { window, revision }: MonitorReport): JudgeableReport[] {
  const causeOf = (rev: number): string => `window/${window.from}_${window.to}/rev-${rev}`;
  const newest = { key, causeId: causeOf(revision) };
  if (revision === 1) return [newest];
  return [{ key: keys.report(model, window.from, window.to, 1), causeId: causeOf(1) }, newest];
}

function ofAnotherVersion(key: string, { schema }: { schema: number }): SeawallError {
  return new SeawallError(
    'NotFound',
    `The report ${key} has schema ${schema}; this Seawall reads schema 2.`,
    'It was made by a development version: start the model anew under a fresh prefix.',
  );
}

const later = (a: string | null, b: string): string => (a !== null && Date.parse(a) > Date.parse(b) ? a : b);
