/** `seawall dataset pull NAME@V DIR` */
import { resolve } from 'node:path';
import { createDatasetCache } from '../../adapters/dataset-cache.js';
import { pullVersion } from '../../adapters/dataset-pull.js';
import type { CommandHandler } from '../command.js';
import { withStore } from '../store-context.js';
import { countText, resolveVersion, short, sizeText, teller, versionArgument } from './arguments.js';

export const datasetPull: CommandHandler = async (context) => {
  const wanted = versionArgument(context, context.args[0] ?? '');
  const { name } = wanted;
  const folder = resolve(context.cwd, context.args[1] ?? '');
  const { homeDir: home, cacheBytes: limitBytes } = context.localConfig();
  const tell = teller(context);
  const pulled = await withStore(context, async (store) => {
    const version = await resolveVersion(store, wanted);
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
      ...{ cache, home, name, version, folder },
      force: context.options['force'] === true,
      manifest: (of) => store.datasets.manifest(name, of),
      signal: new AbortController().signal,
      onBytes: (more) => void (bytes += more),
      onFile: () => {
        files += 1;
        tell(() => `${files} files, ${sizeText(bytes)}`);
      },
    });
    return { version, fetchedBytes, ...result };
  });
  const { version, fetchedBytes, changed, files } = pulled;
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  context.output.print({ name, version, folder, changed, files: files.length, bytes, fetchedBytes }, () => {
    const what = `${countText(files.length, 'file')}, ${sizeText(bytes)}`;
    return changed
      ? `${folder} holds ${name}@${short(version)}: ${what}, ${sizeText(fetchedBytes)} fetched.`
      : `${folder} held ${name}@${short(version)} already: ${what}.`;
  });
};
