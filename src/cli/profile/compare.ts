/** `seawall compare REF CUR`: what has changed between two tables, without a model, a store or Temporal. */
import { booleanSpelling } from '../../adapters/duckdb/profile/index.js';
import type { ProfiledColumn, QualityRoles } from '../../contracts/index.js';
import { valuesOf } from '../../domain/profiles/counts.js';
import type { CommandContext, CommandHandler } from '../command.js';
import { textOption, usageError } from '../options.js';
import { type Comparison, comparisonOf } from './document.js';
import { loadSide, rolesOption, type Side, slicesOption } from './side.js';
import { comparisonLines } from './text.js';

const failOnVerdicts = ['drifted', 'undecided'] as const;

export const compare: CommandHandler = async (context) => {
  const [named = '', currentNamed = ''] = context.args;
  const failOn = textOption(context, 'failOn');
  if (failOn !== undefined && !failOnVerdicts.includes(failOn as (typeof failOnVerdicts)[number]))
    throw usageError(context, `--fail-on is one of ${failOnVerdicts.join(', ')}, not "${failOn}"`);
  const reference = await referenceSide(context, named);
  const current = await currentSide(context, currentNamed, reference);
  const comparison = comparisonOf(reference, current);
  const html = textOption(context, 'html');
  if (html !== undefined)
    await (await import('./page.js')).writePage(context.cwd, html, comparison, reference, current);
  context.output.print(comparison, () => [
    ...comparisonLines(comparison, context.output.color),
    ...(html === undefined ? [] : ['', `Report: ${html}`]),
  ]);
  return failOn !== undefined && fails(comparison, failOn as (typeof failOnVerdicts)[number]) ? 1 : 0;
};

export async function referenceSide(context: CommandContext, named: string): Promise<Side> {
  const roles = rolesOption(context);
  const side = await loadSide(context, [named], { roles, slices: slicesOption(context) });
  if (!side.stored || !roles) return side;
  const { roles: known } = side.profile;
  if (!known) side.notes.push('it was stored without --label: its quality is not known');
  else if (known.label !== roles.label)
    side.notes.push(`it was judged by the label ${known.label}, and cannot be judged by ${roles.label} any more`);
  return side;
}

/** Looked at as the reference was: the same columns as the same kinds, the same task, classes and slices. */
export async function currentSide(context: CommandContext, named: string, reference: Side): Promise<Side> {
  const { columns, roles, slices } = reference.profile;
  const side = await loadSide(context, [named], {
    columns: columns.map(({ name, sketch }) => ({ name, kind: sketch.kind, booleans: booleanSpelling(sketch) })),
    roles: roles ?? rolesOption(context),
    slices: [...new Set(slices.map(({ column }) => column))],
    sameSlices: slices,
  });
  const label = side.profile.columns.find(({ name }) => name === roles?.label);
  if (label && label.missing === label.rows)
    side.notes.push(`there is no column ${label.name}: quality is not judged, only estimated`);
  else if (label && valuesOf(label) > 0 && side.profile.quality?.rows === 0)
    side.notes.push(unknownLabels(label, roles!));
  return side;
}

/** Labels are there, and none of them can be judged. */
function unknownLabels({ name, sketch }: ProfiledColumn, { classes }: QualityRoles): string {
  if (sketch.kind === 'numeric') return `no label in ${name} has an answer beside it: quality is not judged`;
  const found = sketch.categories.slice(0, 3).join(', ');
  return `no label in ${name} is one of the reference's classes (${classes.join(', ')}) with an answer beside it; it has ${found}: quality is not judged`;
}

function fails({ columns }: Comparison, failOn: (typeof failOnVerdicts)[number]): boolean {
  return columns.some(({ verdict }) => verdict === 'drifted' || (failOn === 'undecided' && verdict === 'undecided'));
}
