/** Roles of columns, as SQL over a source. */
import { type ProfiledColumn, type QualityRoles, type QualitySlice, SeawallError } from '../../../contracts/index.js';
import { quantile } from '../../../domain/profiles/index.js';
import { text } from '../sql.js';
import type { QualityRequest, SliceColumn } from './quality.js';
import type { Source } from './sources.js';

const SLICES_PER_COLUMN = 10;
/** A number is sliced at its quartiles. */
const QUARTILES = [0.25, 0.5, 0.75];

/** A slice without the SQL of its source. */
export type Slice = SliceColumn extends infer S ? (S extends SliceColumn ? Omit<S, 'value'> : never) : never;

/** Where a source lacks a column, its rows have no value in it: they are not judged. */
export function qualityRequest(source: Source, roles: QualityRoles, slices: readonly Slice[]): QualityRequest {
  const number = (name: string) => source.columns.get(name)?.number ?? 'NULL::DOUBLE';
  /** Texts as they are; numbers as the profile writes them. */
  const category = (name: string) => {
    const column = source.columns.get(name);
    if (!column) return 'NULL::VARCHAR';
    return `coalesce(${column.text}, ${numberText(column.number)})`;
  };
  const more = { slices: slices.map((slice) => withValue(slice, slice.kind === 'numeric' ? number : category)) };
  switch (roles.task) {
    case 'binary': {
      const class01 = (name: string) => binaryClass(category(name), number(name), roles.classes);
      const prediction = roles.prediction === null ? {} : { prediction: class01(roles.prediction) };
      return { task: 'binary', label: class01(roles.label), score: number(roles.scores[0]!), ...prediction, ...more };
    }
    case 'multiclass':
      return {
        task: 'multiclass',
        label: category(roles.label),
        classes: roles.classes,
        ...(roles.prediction === null ? {} : { prediction: category(roles.prediction) }),
        ...(roles.scores.length === 0 ? {} : { scores: roles.scores.map(number) }),
        ...more,
      };
    case 'regression':
      return { task: 'regression', label: number(roles.label), prediction: number(roles.prediction!), ...more };
  }
}

/** 1 and 1.0 are one class: whole numbers without a fraction, as ECMAScript writes them. */
const numberText = (number: string): string =>
  `CASE WHEN ${number} = floor(${number}) AND abs(${number}) < 1e15 THEN ${number}::BIGINT::VARCHAR ELSE ${number}::VARCHAR END`;

/** 0 for the negative class, 1 for the positive one; numbers as numbers, so that 1.0 in a CSV is 1. */
function binaryClass(category: string, number: string, [negative, positive]: string[]): string {
  const isNumber = [negative, positive].every((value) => value !== '' && Number.isFinite(Number(value)));
  if (isNumber) return `CASE ${number} WHEN ${Number(negative)} THEN 0 WHEN ${Number(positive)} THEN 1 END`;
  return `CASE ${category} WHEN ${text(negative!)} THEN 0 WHEN ${text(positive!)} THEN 1 END`;
}

function withValue(slice: Slice, value: (name: string) => string): SliceColumn {
  return { ...slice, value: value(slice.name) };
}

/** The most frequent categories, or the ranges between a number's quartiles: those of `same` where it has the column. */
export function sliceOf({ name, sketch }: ProfiledColumn, same: readonly QualitySlice[] = []): Slice {
  const known = same.filter(({ column }) => column === name).map(({ value }) => value);
  if (sketch.kind === 'numeric') {
    const edges = known.length > 0 ? edgesOf(known) : QUARTILES.map((share) => quantile(sketch, share));
    return { name, kind: 'numeric', edges: [...new Set(edges.filter((edge) => edge !== null))] };
  }
  if (known.length > 0) return { name, kind: 'categorical', categories: known };
  const counted =
    sketch.of === 'buckets'
      ? sketch.frequent
      : sketch.categories.map((value, i) => ({ value, count: sketch.counts[i]! }));
  const most = counted.toSorted((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1));
  return { name, kind: 'categorical', categories: most.slice(0, SLICES_PER_COLUMN).map(({ value }) => value) };
}

function edgesOf(ranges: readonly string[]): number[] {
  const edges = ranges.map((range) => Number(/, (.*)\)$/.exec(range)?.[1] ?? NaN)).filter(Number.isFinite);
  if (edges.length === ranges.length - 1) return edges;
  throw new SeawallError(
    'BadInput',
    `the profile's slices are no ranges: ${ranges.join(', ')}`,
    'Profile the reference again.',
  );
}
