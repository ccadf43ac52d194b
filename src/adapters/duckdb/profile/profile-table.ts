import type { ProfiledColumn, Sketch, WrongKind } from '../../../contracts/index.js';
import { CategoricalBuilder, NumericBuilder, sortedWrong } from '../../../domain/profiles/index.js';
import type { Database } from '../database.js';
import { state } from '../values.js';
import { doubles, marked } from './doubles.js';

/** Numbers that one pass over the rows counts: each has tables of some 200 kB. */
const COLUMNS_PER_PASS = 64;

/** A column of a relation, in SQL. */
export interface RelationColumn {
  /** Its name in the profile. */
  name: string;
  kind: Sketch['kind'];
  /** Its value: DOUBLE (numeric) or VARCHAR (categorical), NULL where a row has none that can be used. */
  value: string;
  /** A code of `state` (values.ts), looked at where the value is NULL; left out: those are nulls. */
  state?: string;
}

/**
 * Profiles columns of a relation: a table, a view, or anything that stands behind FROM. Equal rows give an equal profile.
 * Numbers go through memory in chunks; categories are grouped by DuckDB, which spills to disk.
 * @param onRows told now and then how many rows have been counted
 * @throws what DuckDB throws when the relation cannot be read
 */
export async function profileTable(
  db: Database,
  relation: string,
  columns: readonly RelationColumn[],
  onRows: (rows: number) => void = () => undefined,
): Promise<ProfiledColumn[]> {
  const profiled = new Map<RelationColumn, ProfiledColumn>();
  const numbers = async (): Promise<void> => {
    const numeric = columns.filter(({ kind }) => kind === 'numeric');
    for (let first = 0; first < numeric.length; first += COLUMNS_PER_PASS) {
      const some = numeric.slice(first, first + COLUMNS_PER_PASS);
      (await profileNumbers(db, relation, some, onRows)).forEach((column, i) => profiled.set(some[i]!, column));
    }
  };
  const categories = async (): Promise<void> => {
    for (const column of columns)
      if (column.kind === 'categorical') profiled.set(column, await profileCategories(db, relation, column));
  };
  // At the same time: DuckDB groups categories on one core while numbers are counted here on the other.
  const counted = await Promise.allSettled([numbers(), categories()]); // nothing may run on when the database closes
  for (const part of counted) if (part.status === 'rejected') throw part.reason;
  return columns.map((column) => profiled.get(column)!);
}

async function profileNumbers(
  db: Database,
  relation: string,
  columns: RelationColumn[],
  onRows: (rows: number) => void,
): Promise<ProfiledColumn[]> {
  const builders = columns.map(() => new NumericBuilder());
  const values = columns.map(({ value, state: stateSql }, i) => `${marked(value, stateSql)} AS c${i}`);
  let rows = 0;
  await db.stream(`SELECT ${values.join(', ')} FROM ${relation}`, (chunk) => {
    rows += chunk.rowCount;
    onRows(rows);
    builders.forEach((builder, i) => builder.addAll(doubles(chunk, i)));
  });
  return columns.map(({ name }, i) => profiledColumn(name, rows, builders[i]!.absent, builders[i]!.sketch()));
}

async function profileCategories(db: Database, relation: string, column: RelationColumn): Promise<ProfiledColumn> {
  const { name, value, state: stateSql = `${state.null}` } = column;
  const builder = new CategoricalBuilder(true);
  const absent: number[] = [];
  let rows = 0;
  // Grouped first, explained then: the state is looked at only where there is no value.
  const code = `CASE WHEN ${value} IS NULL THEN ${stateSql} ELSE ${state.value} END::UTINYINT`;
  const query = `SELECT ${value} AS value, ${code} AS state, count(*)::DOUBLE AS rows FROM ${relation} GROUP BY 1, 2`;
  await db.stream(query, (chunk) => {
    const [categories, states, counts] = [0, 1, 2].map((i) => chunk.getColumnVector(i));
    for (let i = 0; i < chunk.rowCount; i++) {
      const category = categories!.getItem(i) as string | null;
      const count = counts!.getItem(i) as number;
      rows += count;
      if (category !== null) builder.add(category, count);
      else absent[states!.getItem(i) as number] = (absent[states!.getItem(i) as number] ?? 0) + count;
    }
  });
  return profiledColumn(name, rows, absent, builder.sketch());
}

const wrongKinds: [WrongKind, number][] = [
  ['text', state.text],
  ['number', state.number],
  ['boolean', state.boolean],
  ['other', state.other],
];

function profiledColumn(name: string, rows: number, absent: number[], sketch: Sketch): ProfiledColumn {
  return {
    name,
    rows,
    nulls: (absent[state.null] ?? 0) + (absent[state.value] ?? 0),
    missing: absent[state.missing] ?? 0,
    wrong: sortedWrong(wrongKinds.map(([kind, code]) => ({ kind, rows: absent[code] ?? 0 }))),
    sketch,
  };
}
