/** `seawall monitor report MODEL [WINDOW]`: what the newest report on a window says. */
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { newestConfig } from '../../activities/hydrate.js';
import { type NewestReport, newestReports } from '../../activities/monitor/stored.js';
import { mapSome } from '../../activities/sequences.js';
import type { Store } from '../../adapters/store/index.js';
import {
  keyTime,
  parseKeyTime,
  type MonitorReport,
  type ReferenceProfile,
  SeawallError,
  type TableProfile,
} from '../../contracts/index.js';
import { moment } from '../../domain/decisions/text.js';
import type { CommandHandler } from '../command.js';
import { textOption, withStore } from '../store-context.js';
import { reportLines } from './text.js';

/** Windows of the page's history. */
const HISTORY = 60;

export const monitorReport: CommandHandler = async (context) => {
  const [model = '', named] = context.args;
  const html = textOption(context, 'html');
  const report = await withStore(context, async (store) => {
    const found = await newestReports(store.json, model);
    // Says so when there is no such model.
    if (found.length === 0) await newestConfig(store.records, model);
    const chosen = choose(found, model, named);
    const newest = await readReport(store, chosen);
    if (html !== undefined) {
      const { renderReport } = await import('./page.js');
      const limits = (await newestConfig(store.records, model)).config.gate.drift;
      const history = found.slice(Math.max(0, found.indexOf(chosen) - HISTORY + 1), found.indexOf(chosen) + 1);
      const earlier = await mapSome(history, (one) => readReport(store, one));
      await writeFile(
        resolve(context.cwd, html),
        await renderReport({ report: newest, history: earlier, limits, ...(await profilesOf(store, newest)) }),
      );
    }
    return newest;
  });
  context.output.print(report, () => [
    ...reportLines(report, context.output.color),
    ...(html === undefined ? [] : ['', `Page: ${html}`]),
  ]);
};

/** The window that begins at the time, or that holds it. */
function choose(found: NewestReport[], model: string, named: string | undefined): NewestReport {
  const newest = found.at(-1);
  if (!newest)
    throw new SeawallError(
      'NotFound',
      `${model} has no monitor report yet`,
      "A window is monitored when it is over, by the model's clock, and a release is live.",
    );
  if (named === undefined) return newest;
  const ms = Date.parse(named);
  if (!Number.isFinite(ms))
    throw new SeawallError('BadInput', `"${named}" is no time`, 'Write 2026-11-03 or 2026-11-03T12:00:00Z.');
  const at = keyTime(new Date(ms).toISOString());
  const chosen = found.find(({ folder }) => {
    const [from = '', to = ''] = folder.split('_');
    return from <= at && at < to;
  });
  if (chosen) return chosen;
  const [first, last] = [found[0]!, newest].map(({ folder }) => moment(parseKeyTime(folder.split('_')[0]!)!));
  throw new SeawallError(
    'NotFound',
    `no window of ${model} that was monitored holds ${named}`,
    `They begin from ${first} to ${last}.`,
  );
}

async function readReport({ json }: Store, { key }: NewestReport): Promise<MonitorReport> {
  const report = (await json.read<MonitorReport>(key))?.value;
  if (report) return report;
  throw new SeawallError('NotFound', `${key} is gone`, 'Restore it from a backup of the bucket.');
}

async function profilesOf(
  { blobs }: Store,
  { stored }: MonitorReport,
): Promise<{ reference: TableProfile; current: TableProfile }> {
  const [reference, current] = await Promise.all([
    blobs.readJson<ReferenceProfile>(stored.reference),
    blobs.readJson<TableProfile>(stored.profile),
  ]);
  return { reference: reference.profile, current };
}
