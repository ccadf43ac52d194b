/** `seawall dataset tag NAME@V TAG` */
import { type DatasetTag, keys } from '../../contracts/index.js';
import type { CommandHandler } from '../command.js';
import { actor, withStore } from '../store-context.js';
import { resolveVersion, short, versionArgument } from './arguments.js';
import { tellLoops, toldText } from './tell-loops.js';

export const datasetTag: CommandHandler = async (context) => {
  const wanted = versionArgument(context, context.args[0] ?? '');
  const tag = context.args[1] ?? '';
  const { record, loops } = await withStore(context, async (store) => {
    const version = await resolveVersion(store, wanted);
    const before = await store.records.newest<DatasetTag>(keys.datasetTag(wanted.name, tag));
    const record = await store.datasets.tag(wanted.name, tag, version, actor(context));
    const moved = before?.version !== record.version;
    return { record, loops: moved ? await tellLoops(context, store, wanted.name, tag) : [] };
  });
  const { name, version, seq, by, at } = record;
  context.output.print({ name, tag, version, seq, by, at, loops }, () => [
    `${name}@${tag} is ${short(version)} (no. ${seq} of this tag).`,
    ...toldText(loops),
  ]);
};
