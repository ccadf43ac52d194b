import {
  type ProfiledColumn,
  type Quality,
  type QualitySlice,
  SeawallError,
  type Sketch,
  type TableProfile,
  type WrongKind,
} from '../../contracts/index.js';
import { CategoricalBuilder } from './categorical.js';
import { NumericBuilder } from './numeric.js';
import { BinaryBuilder } from './quality-binary.js';
import { MulticlassBuilder } from './quality-multiclass.js';
import { RegressionBuilder } from './quality-regression.js';

/**
 * The profile of the rows of both. Columns stand in the order of `a`, then those of `b` alone; rows of a table that lacks a
 * column count as `missing` in it.
 * @throws SeawallError BadInput when a column is numeric in one and categorical in the other, or when tasks or classes differ
 */
export function mergeProfiles(a: TableProfile, b: TableProfile): TableProfile {
  const names = [...new Set([...a.columns, ...b.columns].map(({ name }) => name))];
  const columns = names.map((name) => {
    const [ofA, ofB] = [a, b].map((table) => table.columns.find((column) => column.name === name) ?? table.rows);
    return mergeColumns(ofA!, ofB!);
  });
  const roles = a.roles ?? b.roles;
  return {
    kind: 'profile',
    schema: 1,
    rows: a.rows + b.rows,
    columns,
    ...(roles ? { roles } : {}),
    quality: a.quality && b.quality ? mergeQuality(a.quality, b.quality) : (a.quality ?? b.quality),
    slices: mergeSlices(a.slices, b.slices),
  };
}

/** @param a, b a column, or the number of rows of a table that lacks it */
function mergeColumns(a: ProfiledColumn | number, b: ProfiledColumn | number): ProfiledColumn {
  if (typeof a === 'number') return mergeColumns(b, a);
  if (typeof b === 'number') return { ...a, rows: a.rows + b, missing: a.missing + b };
  return {
    name: a.name,
    rows: a.rows + b.rows,
    nulls: a.nulls + b.nulls,
    missing: a.missing + b.missing,
    wrong: mergeWrong(a.wrong, b.wrong),
    sketch: mergeSketches(a.name, a.sketch, b.sketch),
  };
}

function mergeWrong(a: ProfiledColumn['wrong'], b: ProfiledColumn['wrong']): ProfiledColumn['wrong'] {
  const rows = new Map<WrongKind, number>();
  for (const one of [...a, ...b]) rows.set(one.kind, (rows.get(one.kind) ?? 0) + one.rows);
  return sortedWrong([...rows].map(([kind, n]) => ({ kind, rows: n })));
}

/** Most rows first; by name where they are equal. */
export const sortedWrong = (wrong: ProfiledColumn['wrong']): ProfiledColumn['wrong'] =>
  wrong.filter(({ rows }) => rows > 0).sort((a, b) => b.rows - a.rows || (a.kind < b.kind ? -1 : 1));

/** @throws SeawallError BadInput when one is numeric and the other categorical */
export function mergeSketches(name: string, a: Sketch, b: Sketch): Sketch {
  if (a.kind === 'numeric' && b.kind === 'numeric') {
    const builder = new NumericBuilder();
    builder.addSketch(a);
    builder.addSketch(b);
    return builder.sketch();
  }
  if (a.kind === 'categorical' && b.kind === 'categorical') {
    const builder = new CategoricalBuilder();
    builder.addSketch(a);
    builder.addSketch(b);
    return builder.sketch();
  }
  throw new SeawallError(
    'BadInput',
    `column ${name} is ${a.kind} in one profile and ${b.kind} in the other`,
    'Profile the files again with one type for the column.',
  );
}

/** @throws SeawallError BadInput when tasks or classes differ */
export function mergeQuality(a: Quality, b: Quality): Quality {
  if (a.task === 'binary' && b.task === 'binary') return merged(new BinaryBuilder(), a, b);
  if (a.task === 'regression' && b.task === 'regression') return merged(new RegressionBuilder(), a, b);
  if (a.task === 'multiclass' && b.task === 'multiclass' && a.classes.join('\n') === b.classes.join('\n')) {
    if (a.oneVsRest.length === b.oneVsRest.length)
      return merged(new MulticlassBuilder(a.classes, a.oneVsRest.length > 0), a, b);
  }
  throw new SeawallError(
    'BadInput',
    `the quality of ${a.task} predictions cannot be merged with that of ${b.task} predictions`,
    'Profile the files again with one task, one list of classes, and scores in all or in none of them.',
  );
}

function merged<T extends Quality>(builder: { addQuality(quality: T): void; quality(): T }, a: T, b: T): T {
  builder.addQuality(a);
  builder.addQuality(b);
  return builder.quality();
}

function mergeSlices(a: QualitySlice[], b: QualitySlice[]): QualitySlice[] {
  const isSame = (one: QualitySlice) => (other: QualitySlice) =>
    one.column === other.column && one.value === other.value;
  const ofBoth = a.map((slice) => {
    const other = b.find(isSame(slice));
    return other ? { ...slice, quality: mergeQuality(slice.quality, other.quality) } : slice;
  });
  return [...ofBoth, ...b.filter((slice) => !a.some(isSame(slice)))];
}
