/** `seawall dataset commit NAME DIR` */
import { join, resolve } from 'node:path';
import { scanFolder } from '../../adapters/dataset-folder.js';
import { openKnownDigests } from '../../adapters/store/known-digests.js';
import type { CommandHandler } from '../command.js';
import { actor, textOption, withStore } from '../store-context.js';
import { countText, datasetName, short, sizeText, teller } from './arguments.js';
import { tellLoops, toldText } from './tell-loops.js';

export const datasetCommit: CommandHandler = async (context) => {
  const name = datasetName(context, context.args[0] ?? '');
  const folder = resolve(context.cwd, context.args[1] ?? '');
  // Before anything is sent: a folder that cannot be a version is told without a server.
  const { files, bytes, emptyFolders } = await scanFolder(folder);
  const warnings =
    emptyFolders.length === 0
      ? []
      : [
          `${countText(emptyFolders.length, 'empty folder')} will not be in the version: ${emptyFolders.slice(0, 3).join(', ')}`,
        ];
  for (const warning of warnings) context.output.progress(`warning: ${warning}`);
  const tell = teller(context);
  const { options } = context;
  const digestLog = join(context.localConfig().homeDir, 'cache', 'digests.log');
  const committed = await withStore(context, async (store) => {
    const before = await store.datasets.head(name);
    const result = await store.datasets.commitVersion(name, files, {
      by: actor(context),
      message: textOption(context, 'message'),
      resend: options['resend'] === true,
      ...(options['rehash'] === true ? {} : { digests: openKnownDigests(digestLog) }),
      // Somebody who commits meanwhile has not seen these files, nor have we seen theirs.
      ...(options['force'] === true ? {} : { expectedHead: before?.version ?? null }),
      onProgress: (now) =>
        tell(
          () =>
            `${now.files} of ${now.of} files, ${sizeText(now.bytes)} of ${sizeText(bytes)}, ${sizeText(now.uploadedBytes)} sent`,
        ),
    });
    const changed = before?.version !== result.version;
    return { ...result, changed, loops: changed ? await tellLoops(context, store, name, null) : [] };
  });
  const { version, seq, uploadedBytes, changed, loops } = committed;
  context.output.print(
    { name, version, seq, changed, files: files.length, bytes, uploadedBytes, warnings, loops },
    () => {
      const what = `${countText(files.length, 'file')}, ${sizeText(bytes)}`;
      return [
        changed
          ? `${name}@${short(version)}: ${what}, ${sizeText(uploadedBytes)} sent; the newest version (${seq}).`
          : `${name}@${short(version)}: unchanged (${what}).`,
        ...toldText(loops),
      ];
    },
  );
};
