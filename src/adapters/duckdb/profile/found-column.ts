/** A column of a source, as SQL for each thing that it may be profiled as. */
import type { Sketch, WrongKind } from '../../../contracts/index.js';
import { identifier } from '../sql.js';
import { jsonColumn, parquetColumn, type SourceColumn, state } from '../values.js';
import type { RelationColumn } from './profile-table.js';

export interface FoundColumn {
  /** DOUBLE, VARCHAR: NULL where the value is none. */
  number: string;
  text: string;
  /** A code of `state` for rows without a usable value; undefined: those are nulls. */
  state?: string;
  /** Rows whose value is of that family, to choose a kind by. */
  families: Partial<Record<WrongKind, number>>;
  /** What it is, where nothing can be counted in it: a nested type. */
  nested?: string;
}

/** Codes for what is no value of the wanted kind. */
const stateOf = (column: SourceColumn): string =>
  `CASE WHEN ${column.isNull} THEN ${state.null} ELSE ${column.family} END`;

/** Times are milliseconds since 1970, in UTC; numbers that no double can hold are the nearest double. */
export function foundInParquet(name: string, type: string, rows: number): FoundColumn {
  const sql = identifier(name);
  if (/^(TIMESTAMP|DATE)/.test(type) && !type.endsWith(']')) {
    return { number: `epoch_ms(${sql})::DOUBLE`, text: 'NULL::VARCHAR', families: { number: rows }, ...withState(sql) };
  }
  const column = parquetColumn(name, type);
  const families = { [state.number]: 'number', [state.text]: 'text', [state.boolean]: 'boolean' } as const;
  const family = families[Number(column.family) as keyof typeof families];
  if (!family) {
    const none = { number: 'NULL::DOUBLE', text: 'NULL::VARCHAR', state: stateOf(column) };
    return { ...none, families: { other: rows }, nested: type };
  }
  return {
    number: column.number,
    text: family === 'number' ? 'NULL::VARCHAR' : column.text,
    state: stateOf(column),
    families: { [family]: rows },
  };
}
const withState = (sql: string) => ({ state: `CASE WHEN ${sql} IS NULL THEN ${state.null} ELSE ${state.number} END` });

/** The `index`-th field of `jsonFields`. */
export function foundInJson(index: number, families: FoundColumn['families']): FoundColumn {
  const column = jsonColumn(index);
  const missing = `CASE WHEN ${column.isMissing} THEN ${state.missing} WHEN ${column.isNull} THEN ${state.null}`;
  const isNumber = `(${column.family}) = ${state.number}`;
  return {
    number: column.number,
    text: `CASE WHEN NOT ${isNumber} THEN ${column.text} END`,
    state: `${missing} ELSE ${column.family} END`,
    families,
    ...(families.number || families.text || families.boolean || !families.other ? {} : { nested: 'JSON' }),
  };
}

/** Text files know no types: every value is a text, and a number where it reads as one. */
export function foundInCsv(name: string, families: FoundColumn['families']): FoundColumn {
  const sql = identifier(name);
  return {
    number: `TRY_CAST(${sql} AS DOUBLE)`,
    text: sql,
    state: `CASE WHEN ${sql} IS NULL THEN ${state.null} ELSE ${state.text} END`,
    families,
  };
}

/** The column to be profiled as `kind`. */
export function asKind(name: string, kind: Sketch['kind'], column: FoundColumn): RelationColumn {
  const value = kind === 'numeric' ? column.number : column.text;
  return { name, kind, value, ...(column.state === undefined ? {} : { state: column.state }) };
}

/** Numeric where most values are numbers, else categorical; undefined: nothing that can be counted. */
export function kindOf(columns: readonly FoundColumn[]): Sketch['kind'] | undefined {
  if (columns.every(({ nested }) => nested !== undefined)) return undefined;
  const rows = (family: WrongKind) => columns.reduce((sum, { families }) => sum + (families[family] ?? 0), 0);
  return rows('number') >= rows('text') + rows('boolean') ? 'numeric' : 'categorical';
}
