/** `seawall monitor run MODEL [WINDOW]`: one look at a window, beside the loop. */
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { newestConfig } from '../../activities/hydrate.js';
import { clockOf } from '../../activities/clock.js';
import type { MonitorPorts } from '../../activities/monitor.js';
import { createLogReader } from '../../activities/monitor/logs.js';
import type { Look } from '../../activities/monitor/ports.js';
import { reportOn } from '../../activities/monitor/reports.js';
import { newestReports, reportKey, storeReport } from '../../activities/monitor/stored.js';
import type { BlobStore } from '../../activities/ports.js';
import { createLogAnalysis } from '../../adapters/duckdb/index.js';
import type { Store } from '../../adapters/store/index.js';
import { canonicalJson, keyTime, type MonitorReport, SeawallError, toIso, type Window } from '../../contracts/index.js';
import type { CommandContext, CommandHandler } from '../command.js';
import { withStore } from '../store-context.js';
import { reportLines } from './text.js';

export const monitorRun: CommandHandler = async (context) => {
  const [model = '', named] = context.args;
  const { report, stored } = await withStore(context, (store) => lookAt(context, store, model, named));
  context.output.print(report, () => [
    ...reportLines(report, context.output.color),
    '',
    stored === null ? 'Nothing was stored: with --store this becomes the next revision.' : `Stored as ${stored}.`,
  ]);
};

/** With --store what the loop would have written; without it everything is computed anew, and nothing is written. */
async function lookAt(
  context: CommandContext,
  store: Store,
  model: string,
  named: string | undefined,
): Promise<{ report: MonitorReport; stored: string | null }> {
  const keep = context.options['store'] === true;
  const folder = join(context.localConfig().homeDir, 'tmp', 'monitor', randomUUID());
  try {
    const look = await lookOf(store, model, folder, keep);
    const window = windowOf(look, named);
    const before = keep ? await newestOf(store, model, window) : null;
    if (keep) assertStorable(look, window, before);
    const report = await reportOn(look, window, before);
    if (!keep) return { report, stored: null };
    const written = await storeReport(store.json, report);
    return { report: written, stored: reportKey(model, window, written.revision) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function lookOf(store: Store, model: string, folder: string, keep: boolean): Promise<Look> {
  const config = await newestConfig(store.records, model);
  const pointer = await store.pointers.read(model);
  if (!pointer)
    throw new SeawallError(
      'NotFound',
      `${model} has no release yet: there is no reference to hold a window against`,
      'Wait for the first release: `seawall status` says what it waits for.',
    );
  const ports: MonitorPorts = {
    ...store,
    blobs: keep ? store.blobs : unwritten(store.blobs),
    // No run is looked at here.
    inspector: { state: () => Promise.resolve('missing'), deadlineOf: () => Promise.resolve(null) },
    logs: createLogAnalysis({ tempDir: folder }),
    workDir: folder,
    wallNow: Date.now,
  };
  const { signal } = new AbortController();
  const now = await clockOf(ports, config.config, ports.wallNow());
  const labelsTo = (await store.watermarks.completeTo('labels', model)) ?? null;
  return {
    ports,
    model,
    config,
    pointer,
    now,
    labelsTo,
    reader: createLogReader(ports, model, folder, signal),
    signal,
  };
}

/** The window of the grid that holds the time, or the newest that is over. */
function windowOf({ config, now }: Look, named: string | undefined): Window {
  const { anchor, everyMs, allowedLatenessMs } = config.config.windows;
  const anchorMs = Date.parse(anchor);
  const atMs = named === undefined ? Date.parse(now) - allowedLatenessMs - everyMs : Date.parse(named);
  const from = anchorMs + Math.floor((atMs - anchorMs) / everyMs) * everyMs;
  if (Number.isFinite(from)) return { from: toIso(from), to: toIso(from + everyMs) };
  throw new SeawallError(
    'BadInput',
    `"${named}" is no time`,
    'Name a window by its begin, as 2026-11-02 or 2026-11-02T06:00:00Z.',
  );
}

/**
 * The loop goes on from what is stored: half a window would stay its first report, and of a closed one it wants no more.
 * @throws SeawallError `BadInput`: this window's report cannot be stored
 */
function assertStorable({ config, now }: Look, { from, to }: Window, before: MonitorReport | null): void {
  const dueMs = Date.parse(to) + config.config.windows.allowedLatenessMs;
  if (Date.parse(now) < dueMs)
    throw new SeawallError(
      'BadInput',
      `the window from ${from} is not over: it is due at ${toIso(dueMs)}, and by the model's clock it is ${now}`,
      'Look at it without --store, or wait until then.',
    );
  if (before?.closed)
    throw new SeawallError(
      'BadInput',
      `the window from ${from} is closed since revision ${before.revision}: no labels are waited for any more`,
      'Look at it without --store.',
    );
}

async function newestOf({ json }: Store, model: string, { from, to }: Window): Promise<MonitorReport | null> {
  const folder = `${keyTime(from)}_${keyTime(to)}`;
  const newest = (await newestReports(json, model)).find((report) => report.folder === folder);
  return newest ? ((await json.read<MonitorReport>(newest.key))?.value ?? null) : null;
}

/** Digests without contents: what is looked at in passing leaves nothing behind. */
function unwritten(blobs: BlobStore): BlobStore {
  return {
    ...blobs,
    putJson: (value) => {
      const text = canonicalJson(value);
      return Promise.resolve({
        sha256: createHash('sha256').update(text).digest('hex'),
        size: Buffer.byteLength(text),
      });
    },
    putFile: async (path) => {
      const hash = createHash('sha256');
      await pipeline(createReadStream(path), hash);
      return { sha256: hash.digest('hex'), size: (await stat(path)).size };
    },
  };
}
