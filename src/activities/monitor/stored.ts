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
