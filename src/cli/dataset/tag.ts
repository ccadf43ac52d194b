/** `seawall dataset tag NAME@V TAG` */
import type { CommandHandler } from '../command.js';
import { actor, withStore } from '../store-context.js';
import { resolveVersion, short, versionArgument } from './arguments.js';

export const datasetTag: CommandHandler = async (context) => {
  const wanted = versionArgument(context, context.args[0] ?? '');
  const tag = context.args[1] ?? '';
  const record = await withStore(context, async (store) =>
    store.datasets.tag(wanted.name, tag, await resolveVersion(store, wanted), actor(context)),
  );
  const { name, version, seq, by, at } = record;
  context.output.print(
    { name, tag, version, seq, by, at },
    () => `${name}@${tag} is ${short(version)} (no. ${seq} of this tag).`,
  );
};
