/** `seawall dataset gc` */
import type { CommandHandler } from '../command.js';
import { countOption, withStore } from '../store-context.js';
import { table } from '../output.js';
import { countText, short, sizeText } from './arguments.js';

export const datasetGc: CommandHandler = async (context) => {
  const days = countOption(context, 'olderThan', '--older-than');
  const collected = await withStore(context, (store) =>
    store.collectGarbage({
      dryRun: context.options['dryRun'] === true,
      olderThanMs: days === undefined ? undefined : days * 86_400_000,
      onProgress: (line) => context.output.progress(line),
    }),
  );
  const { dryRun, versions, objects, bytes, kept, young } = collected;
  context.output.print(collected, () => [
    `${dryRun ? 'Would remove' : 'Removed'} ${countText(versions.length, 'version')} and ${countText(objects.length, 'object')}, ${sizeText(bytes)}.`,
    ...versions.map(({ name, version }) => `  ${name}@${short(version)}`),
    ...(young.objects > 0
      ? [
          `${countText(young.objects, 'object')}, ${sizeText(young.bytes)}: nothing names it, but it is younger than 7 days.`,
        ]
      : []),
    ...(kept.length > 0
      ? table([['kept by', 'objects', 'size'], ...kept.map((each) => [each.why, each.objects, sizeText(each.bytes)])])
      : []),
  ]);
};
