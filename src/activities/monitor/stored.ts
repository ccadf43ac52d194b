/** Reports in storage. */
import { keys, type MonitorReport, type Window } from '../../contracts/index.js';
import type { JsonStore } from '../ports.js';

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

export interface NewestReport {
  folder: string;
  key: string;
  revision: number;
}

/** The key of every window's newest report, in order of time. */
export async function newestReports(json: JsonStore, model: string): Promise<NewestReport[]> {
  const newest = new Map<string, NewestReport>();
  for await (const { key } of json.list(keys.windows(model))) {
    const match = /^([^/]+)\/rev-(\d+)\.json$/.exec(key.slice(keys.windows(model).length));
    if (!match) continue;
    const [folder, revision] = [match[1] as string, Number(match[2])];
    if (revision > (newest.get(folder)?.revision ?? 0)) newest.set(folder, { folder, key, revision });
  }
  return [...newest.values()].sort((a, b) => (a.folder < b.folder ? -1 : 1));
}
