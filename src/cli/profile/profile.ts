/** `seawall profile FILE…`: what the rows look like, to be stored, compared and merged. */
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { ProfiledColumn } from '../../contracts/index.js';
import { performanceOf } from '../../domain/decisions/performance/performance.js';
import { quantile } from '../../domain/profiles/index.js';
import type { CommandHandler } from '../command.js';
import { table } from '../output.js';
import { textOption } from '../options.js';
import { loadSide, rolesOption, slicesOption } from './side.js';
import { number, sideLines } from './text.js';

export const profile: CommandHandler = async (context) => {
  const side = await loadSide(context, context.args, {
    roles: rolesOption(context),
    slices: slicesOption(context),
  });
  const out = textOption(context, 'out');
  if (out !== undefined) await writeWhole(resolve(context.cwd, out), JSON.stringify(side.profile));
  context.output.print(side.profile, () => [
    ...sideLines('profile of', side),
    '',
    ...table([
      ['column', 'kind', 'nulls', 'missing', 'wrong type', 'distinct', 'min', 'median', 'max', 'most frequent'],
      ...side.profile.columns.map(columnRow),
    ]),
    ...(side.profile.quality
      ? [
          '',
          ...Object.entries(performanceOf(side.profile.quality).metrics).map(([name, measured]) =>
            measured
              ? `${name} ${number(measured.value)} (${number(measured.low)} to ${number(measured.high)})`
              : `${name} cannot be computed`,
          ),
        ]
      : []),
    ...(out === undefined ? [] : ['', `Stored in ${out}.`]),
  ]);
};

/** Whole or not at all: a later comparison must not read half a profile. */
async function writeWhole(path: string, content: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(`${path}.${process.pid}.new`, content);
  await rename(`${path}.${process.pid}.new`, path);
}

function columnRow({ name, nulls, missing, wrong, sketch }: ProfiledColumn): (string | number | null)[] {
  const wrongRows = wrong.reduce((sum, { rows }) => sum + rows, 0);
  const counted = [name, sketch.kind, nulls, missing, wrongRows];
  if (sketch.kind === 'numeric') {
    const distinct = sketch.bits === 52 ? `${sketch.starts.length}` : `over ${sketch.starts.length}`;
    const numbers = [sketch.min, quantile(sketch, 0.5), sketch.max].map((x) => (x === null ? null : number(x)));
    return [...counted, distinct, ...numbers, ''];
  }
  const most =
    sketch.of === 'buckets'
      ? sketch.frequent
      : sketch.categories.map((value, i) => ({ value, count: sketch.counts[i]! }));
  const [first] = most.toSorted((a, b) => b.count - a.count);
  const distinct = sketch.of === 'buckets' ? `about ${sketch.distinct}` : `${sketch.distinct}`;
  return [...counted, distinct, '', '', '', first ? `${first.value} (${first.count.toLocaleString('en')})` : ''];
}
