/** `seawall dataset log NAME` */
import type { CommandHandler } from '../command.js';
import { withStore } from '../store-context.js';
import { SeawallError } from '../../contracts/index.js';
import { unrecordedMoves } from '../../adapters/store/dataset-head.js';
import { table } from '../output.js';
import { countText, datasetName, short } from './arguments.js';

export const datasetLog: CommandHandler = async (context) => {
  const name = datasetName(context, context.args[0] ?? '');
  const { moves, tags, versions } = await withStore(context, async ({ datasets }) => {
    const [moves, tags, versions] = await Promise.all([
      datasets.history(name),
      datasets.tags(name),
      datasets.versions(name),
    ]);
    return { moves, tags, versions };
  });
  if (moves.length === 0 && versions.length === 0)
    throw new SeawallError(
      'NotFound',
      `dataset ${name} has no version yet`,
      `Commit one: seawall dataset commit ${name} DIR`,
    );
  const tagsOf = (version: string): string[] => tags.filter((each) => each.version === version).map(({ tag }) => tag);
  const been = new Set(moves.map(({ version }) => version));
  const log = moves.map(({ seq, version, previous, by, at, message }) => ({
    ...{ seq, version, previous, by, at },
    message: message ?? null,
    tags: tagsOf(version),
    stored: versions.includes(version),
  }));
  // Of committers who lost a race, or broke off before the head was moved.
  const neverHead = versions
    .filter((version) => !been.has(version))
    .map((version) => ({ version, tags: tagsOf(version) }));
  const unrecorded = unrecordedMoves(moves);
  context.output.print({ name, log, neverHead, unrecorded }, () => [
    ...table([
      ['no.', 'version', 'when', 'by', 'tags', 'message'],
      ...log.map((each) => [
        each.seq,
        each.stored ? short(each.version) : `${short(each.version)} (collected)`,
        each.at.slice(0, 19).replace('T', ' '),
        each.by,
        each.tags.join(' '),
        each.message ?? '',
      ]),
    ]),
    ...(unrecorded > 0
      ? [`${countText(unrecorded, 'move')} of the head stand in no log: what was the newest version then is not known.`]
      : []),
    ...neverHead.map(({ version, tags }) =>
      `${short(version)} is stored, but never was the newest ${tags.join(' ')}`.trimEnd(),
    ),
  ]);
};
