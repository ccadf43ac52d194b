/** `seawall dataset verify NAME[@V]` */
import type { CommandHandler } from '../command.js';
import { withStore } from '../store-context.js';
import { countText, resolveVersion, short, sizeText, teller, versionArgument } from './arguments.js';

/** Exit code 1 when anything is missing or damaged. */
export const datasetVerify: CommandHandler = async (context) => {
  const wanted = versionArgument(context, context.args[0] ?? '');
  const { name } = wanted;
  const tell = teller(context);
  const result = await withStore(context, async (store) => {
    const versions =
      context.options['all'] === true ? await store.datasets.versions(name) : [await resolveVersion(store, wanted)];
    const found = await store.datasets.verify(name, versions, (now) =>
      tell(() => `${now.objects} of ${now.of} objects, ${sizeText(now.bytes)} read`),
    );
    return { versions, ...found };
  });
  const { versions, objects, bytes, problems } = result;
  context.output.print({ name, ok: problems.length === 0, versions, objects, bytes, problems }, () => [
    `${name}: ${countText(versions.length, 'version')} (${versions.slice(0, 5).map(short).join(', ')}), ${countText(objects, 'object')}, ${sizeText(bytes)} read: ${problems.length === 0 ? 'all as their manifests say' : countText(problems.length, 'problem')}`,
    ...problems.map(({ message, next, versions: of }) => `${message} (in ${of.map(short).join(', ')}). ${next}`),
  ]);
  return problems.length === 0 ? 0 : 1;
};
