/** `seawall dataset show NAME[@V]` */
import type { CommandHandler } from '../command.js';
import { withStore } from '../store-context.js';
import { table } from '../output.js';
import { countText, resolveVersion, short, sizeText, versionArgument } from './arguments.js';

export const datasetShow: CommandHandler = async (context) => {
  const wanted = versionArgument(context, context.args[0] ?? '');
  const { name } = wanted;
  const found = await withStore(context, async (store) => {
    const version = await resolveVersion(store, wanted);
    const [{ files }, tags, moves] = await Promise.all([
      store.datasets.manifest(name, version),
      store.datasets.tags(name),
      store.datasets.history(name),
    ]);
    return { version, files, tags: tags.filter((each) => each.version === version).map(({ tag }) => tag), moves };
  });
  const { version, files, tags } = found;
  // A version may be the newest several times: after one has gone back to it.
  const moves = found.moves
    .filter((each) => each.version === version)
    .map(({ seq, by, at, message }) => ({ seq, by, at, message }));
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  context.output.print({ name, version, tags, moves, bytes, files }, () => [
    `${name}@${version}`,
    `${countText(files.length, 'file')}, ${sizeText(bytes)}${tags.length > 0 ? `; tags: ${tags.join(', ')}` : ''}`,
    ...(moves.length === 0 ? ['never was the newest version'] : []),
    ...moves.map(({ seq, by, at, message }) => `no. ${seq}, ${at}, by ${by}${message ? `: ${message}` : ''}`),
    ...table([
      ['SHA-256', 'bytes', 'path'],
      ...files.map((file) => [short(file.sha256), file.size, JSON.stringify(file.path).slice(1, -1)]),
    ]),
  ]);
};
