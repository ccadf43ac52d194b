/** `seawall dataset import-dvc NAME REPO_DIR [TARGET…]`: a dataset version of what a DVC repository tracks. */
import { join, resolve } from 'node:path';
import type { DvcImportProgress } from '../../adapters/dvc/contents.js';
import { importDvc } from '../../adapters/dvc/import.js';
import { isName, NAME_RULE } from '../../contracts/index.js';
import type { CommandHandler } from '../command.js';
import { actor, usageError, withStore } from '../control-context.js';
import { tellLoops, toldText } from './tell-loops.js';

const PROGRESS_EVERY_MS = 15_000;

export const datasetImportDvc: CommandHandler = async (context) => {
  const [dataset = '', repository = '', ...targets] = context.args;
  if (!isName(dataset)) throw usageError(context, `"${dataset}" cannot be the name of a dataset: ${NAME_RULE}`);
  let progress: DvcImportProgress | undefined;
  const telling = setInterval(() => {
    if (progress)
      context.output.progress(
        `${progress.done} of ${progress.total} contents are in the store, ${sizeText(progress.uploadedBytes)} uploaded`,
      );
  }, PROGRESS_EVERY_MS);
  try {
    const imported = await withStore(context, async (store) => {
      const before = await store.datasets.head(dataset);
      const result = await importDvc(store, {
        dataset,
        repository: resolve(context.cwd, repository),
        targets,
        by: actor(context),
        env: context.env,
        scratch: join(context.localConfig().homeDir, 'tmp'),
        onProgress: (now) => (progress = now),
      });
      const changed = before?.version !== result.version;
      return { ...result, loops: changed ? await tellLoops(context, store, dataset, null) : [] };
    });
    const { version, seq, files, bytes, uploadedBytes, from, message } = imported;
    context.output.print(imported, () => [
      `${dataset}: version ${version.slice(0, 12)} (number ${seq}), ${files} files, ${sizeText(bytes)}; ${message}`,
      `  contents: ${from.store} known from the last import, ${from.cache} from the cache, ${from.workspace} from the workspace, ` +
        `${from.remote} from a remote; ${sizeText(uploadedBytes)} uploaded`,
      ...toldText(imported.loops),
    ]);
  } finally {
    clearInterval(telling);
  }
};

function sizeText(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  const power = bytes < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  return power === 0 ? `${bytes} bytes` : `${(bytes / 1000 ** power).toFixed(1)} ${units[power]}`;
}
