/** `seawall dataset pull NAME@V DIR` */
import { resolve } from 'node:path';
import { createDatasetCache } from '../../adapters/dataset-cache.js';
import { pullVersion } from '../../adapters/dataset-pull.js';
import { filesSince } from '../../activities/training-files.js';
import type { Store } from '../../adapters/store/index.js';
import { DURATION_RULE, type ManifestFile, parseDurationMs, toIso } from '../../contracts/index.js';
import type { CommandContext, CommandHandler } from '../command.js';
import { textOption, usageError, withStore } from '../store-context.js';
import { countText, resolveVersion, short, sizeText, teller, versionArgument } from './arguments.js';

export const datasetPull: CommandHandler = async (context) => {
  const wanted = versionArgument(context, context.args[0] ?? '');
  const { name } = wanted;
  const folder = resolve(context.cwd, context.args[1] ?? '');
  const { homeDir: home, cacheBytes: limitBytes } = context.localConfig();
  const tell = teller(context);
  const pulled = await withStore(context, async (store) => {
    const version = await resolveVersion(store, wanted);
    const part = partOf(context, version);
    let fetchedBytes = 0;
    const blobs: Pick<typeof store.blobs, 'fetchTo'> = {
      fetchTo: async (sha256, path, signal, options) => {
        await store.blobs.fetchTo(sha256, path, signal, options);
        fetchedBytes += options?.size ?? 0;
      },
    };
    const cache = createDatasetCache({ home, limitBytes, blobs, trustVerified: true });
    let files = 0;
    let bytes = 0;
    const result = await pullVersion({
      ...{ cache, home, name, version: part, folder },
      force: context.options['force'] === true,
      manifest: (of) => filesOf(store, name, of),
      signal: new AbortController().signal,
      onBytes: (more) => void (bytes += more),
      onFile: () => {
        files += 1;
        tell(() => `${files} files, ${sizeText(bytes)}`);
      },
    });
    return { version, since: part.split(SINCE)[1] ?? null, fetchedBytes, ...result };
  });
  const { version, since, fetchedBytes, changed, files } = pulled;
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  context.output.print({ name, version, since, folder, changed, files: files.length, bytes, fetchedBytes }, () => {
    const what = `${countText(files.length, 'file')}${since ? ` from ${since} on` : ''}, ${sizeText(bytes)}`;
    return changed
      ? `${folder} holds ${name}@${short(version)}: ${what}, ${sizeText(fetchedBytes)} fetched.`
      : `${folder} held ${name}@${short(version)} already: ${what}.`;
  });
};

/** Between a version and the begin of the slice that was pulled of it. */
const SINCE = ' since ';
const DAY_MS = 86_400_000;

/** Days begin at midnight, UTC: the same command on the same day asks for the same files. */
function partOf(context: CommandContext, version: string): string {
  const [last, since] = [textOption(context, 'last'), textOption(context, 'since')];
  if (last === undefined && since === undefined) return version;
  if (last !== undefined && since !== undefined)
    throw usageError(context, '--last and --since are two slices: give one');
  const lastMs = last === undefined ? undefined : parseDurationMs(last);
  if (last !== undefined && lastMs === undefined) throw usageError(context, `--last is "${last}": ${DURATION_RULE}`);
  const fromMs = lastMs === undefined ? Date.parse(since ?? '') : Date.now() - lastMs;
  if (Number.isNaN(fromMs)) throw usageError(context, `--since takes a day, as 2026-01-31, not "${since}"`);
  return `${version}${SINCE}${toIso(lastMs === undefined ? fromMs : Math.floor(fromMs / DAY_MS) * DAY_MS)}`;
}

async function filesOf(store: Store, name: string, part: string): Promise<{ files: ManifestFile[] }> {
  const [version = '', since] = part.split(SINCE);
  const { files } = await store.datasets.manifest(name, version);
  return { files: since === undefined ? files : filesSince(`${name}@${short(version)}`, files, since) };
}
