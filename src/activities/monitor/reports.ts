/** Reports as they are stored and handed on. */
import { keys, type MonitorReport, type OpenWindow, type ReportSummary, type Window } from '../../contracts/index.js';
import { reportText } from '../../domain/decisions/report-text.js';
import type { JsonStore } from '../ports.js';
import type { Look } from './ports.js';

export const reportKey = (model: string, { from, to }: Window, revision: number): string =>
  keys.report(model, from, to, revision);

/** Of two calls that write one revision the first wins, and both return what it wrote. */
export async function storeReport(json: JsonStore, report: MonitorReport): Promise<MonitorReport> {
  const key = reportKey(report.model, report.window, report.revision);
  if ((await json.create(key, report)) === 'created') return report;
  return (await json.read<MonitorReport>(key))?.value ?? report;
}

export const storedReport = async (
  json: JsonStore,
  model: string,
  window: Window,
  revision: number,
): Promise<MonitorReport | undefined> => (await json.read<MonitorReport>(reportKey(model, window, revision)))?.value;

export function summaryOf(model: string, report: MonitorReport): ReportSummary {
  const { window, revision, status, rows, labelMaturity } = report;
  return {
    key: reportKey(model, window, revision),
    window,
    revision,
    status,
    rows,
    labelMaturity,
    text: reportText(report),
  };
}

/** The window's entry in the next call's input; none when its verdict is final. */
export function openWindowAfter({ window, revision, status }: MonitorReport, labelObjects: number): OpenWindow[] {
  return status === 'final' ? [] : [{ from: window.from, to: window.to, revision, labelObjects }];
}

/** Final with enough labels, or when no more are waited for; a window without predictions waits for none. */
export function statusOf(look: Look, window: Window, rows: number, labelMaturity: number): MonitorReport['status'] {
  const enough = labelMaturity >= look.config.config.label.maturity;
  return rows === 0 || enough || deadlinePassed(look, window) ? 'final' : 'provisional';
}

/** By the model's clock, or by the word of the label log, which may be ahead of it: no label comes any more. */
export function deadlinePassed({ config, now, labelsTo }: Look, window: Window): boolean {
  const known = Math.max(Date.parse(now), labelsTo === null ? -Infinity : Date.parse(labelsTo));
  return known >= Date.parse(window.to) + config.config.label.deadlineMs;
}
