/** `seawall compare REF CUR`: what has changed between two tables, without a model, a store or Temporal. */
import { booleanSpelling } from '../../adapters/duckdb/profile/index.js';
import type { ProfiledColumn, QualityRoles } from '../../contracts/index.js';
import { valuesOf } from '../../domain/profiles/counts.js';
import type { CommandContext, CommandHandler } from '../command.js';
import { textOption, usageError } from '../options.js';
import type { AskedRoles } from '../../domain/profiles/index.js';
import { type ComparedColumn, type Comparison, comparisonOf } from './document.js';
import { loadSide, rolesOption, type Side, slicesOption } from './side.js';
import { comparisonLines } from './text.js';

const failOnVerdicts = ['drifted', 'undecided'] as const;
type FailOn = (typeof failOnVerdicts)[number];

export const compare: CommandHandler = async (context) => {
  const [named = '', currentNamed = ''] = context.args;
  const failOn = textOption(context, 'failOn');
  if (failOn !== undefined && !failOnVerdicts.includes(failOn as FailOn))
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
  return failOn !== undefined && fails(comparison, failOn as FailOn, reference.profile.roles?.label) ? 1 : 0;
};

/** @throws usage error: a stored profile is asked for what only rows could tell */
export async function referenceSide(context: CommandContext, named: string): Promise<Side> {
  const roles = rolesOption(context);
  const slices = slicesOption(context);
  const side = await loadSide(context, [named], { roles, slices });
  if (side.stored) requireStored(context, side, roles, slices);
  return side;
}

function requireStored(
  context: CommandContext,
  { profile }: Side,
  roles: AskedRoles | undefined,
  slices: string[],
): void {
  const known = profile.roles;
  const stored = [...new Set(profile.slices.map(({ column }) => column))];
  const asked: [string, string | undefined, readonly (string | undefined)[]][] = [
    ['--label', roles?.label, [known?.label]],
    ['--prediction', roles?.prediction, [known?.prediction ?? undefined, ...(known?.scores ?? [])]],
    ['--score', roles?.score, known?.scores ?? []],
    ...slices.map((slice): [string, string, string[]] => ['--slice', slice, stored]),
  ];
  for (const [flag, name, has] of asked) {
    if (name === undefined || has.includes(name)) continue;
    const what = has.filter((one) => one !== undefined).join(', ') || 'none';
    throw usageError(
      context,
      `the reference is a stored profile, made with ${flag} ${what}, not ${name}: give its files, or profile them anew with ${flag} ${name}`,
    );
  }
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

/** Broken data fail either way: nobody can say that what is missing has not drifted. */
function fails(comparison: Comparison, failOn: FailOn, label: string | undefined): boolean {
  // Labels may come later.
  const missing = comparison.onlyInReference.filter((name) => name !== label);
  if (comparison.current.rows === 0 || missing.length > 0) return true;
  return comparison.columns.some((column) => {
    if (column.verdict === 'notJudged') return hasValues(column.reference, comparison.reference.rows);
    return column.verdict === 'drifted' || (failOn === 'undecided' && column.verdict === 'undecided');
  });
}

const hasValues = ({ nulls, missing, wrong }: ComparedColumn['reference'], rows: number): boolean =>
  nulls + missing + wrong.reduce((sum, one) => sum + one.rows, 0) < rows;
