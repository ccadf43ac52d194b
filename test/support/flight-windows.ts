/** Rows of the January flights, resampled: profiles of windows whose drift is known because it was put there. */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { ProfiledColumn, TableProfile } from '../../src/contracts/index.js';
import { withDatabase } from '../../src/adapters/duckdb/database.js';
import { CategoricalBuilder, NumericBuilder } from '../../src/domain/profiles/index.js';

export const FLIGHTS = join(
  dirname(createRequire(import.meta.url).resolve('vega-datasets')),
  '..',
  'data',
  'flights-3m.parquet',
);
/** Five features, a score by a fixed formula, and what really happened. */
const COLUMNS = `hour(date)::DOUBLE AS hour, isodow(date)::DOUBLE AS weekday, distance::DOUBLE AS distance, origin, destination,
  round(1 / (1 + exp(2.2 - 0.07 * hour(date) - 0.1 * (ascii(origin[1]) % 7) + 0.0002 * distance)), 4)::DOUBLE AS prediction,
  (delay > 15)::DOUBLE AS late`;
const JANUARY = `SELECT ${COLUMNS} FROM read_parquet('${FLIGHTS}', file_row_number = true)
  WHERE date < TIMESTAMP '2001-02-01' ORDER BY file_row_number`;
const FEBRUARY = JANUARY.replace(
  "date < TIMESTAMP '2001-02-01'",
  "date >= TIMESTAMP '2001-02-01' AND date < TIMESTAMP '2001-03-01'",
);

/** A column as codes into its distinct values. */
interface CodedColumn {
  name: string;
  values: (string | number)[];
  codes: Uint32Array;
}
export interface FlightTable {
  rows: number;
  columns: CodedColumn[];
}

/** @param parquetFile where the rows go as well, for other tools */
export async function januaryFlights(tempDir: string, parquetFile?: string): Promise<FlightTable> {
  return withDatabase({ tempDir }, async (db) => {
    if (parquetFile !== undefined) await db.run(`COPY (${JANUARY}) TO '${parquetFile}' (FORMAT parquet)`);
    return coded(await db.all<Record<string, string | number>>(JANUARY));
  });
}
export async function februaryFlights(tempDir: string): Promise<FlightTable> {
  return withDatabase({ tempDir }, async (db) => coded(await db.all<Record<string, string | number>>(FEBRUARY)));
}

function coded(rows: Record<string, string | number>[]): FlightTable {
  const columns = Object.keys(rows[0]!).map((name): CodedColumn => {
    const known = new Map<string | number, number>();
    const codes = Uint32Array.from(rows, (row) => {
      const code = known.get(row[name]!) ?? known.size;
      known.set(row[name]!, code);
      return code;
    });
    return { name, values: [...known.keys()], codes };
  });
  return { rows: rows.length, columns };
}

/** The profile of these rows; a row may come more than once. */
export function profileOf({ columns }: FlightTable, rows: Uint32Array): TableProfile {
  return {
    kind: 'profile',
    schema: 1,
    rows: rows.length,
    columns: columns.map((column) => profiledColumn(column, rows)),
    quality: null,
    slices: [],
  };
}

function profiledColumn({ name, values, codes }: CodedColumn, rows: Uint32Array): ProfiledColumn {
  const counts = new Uint32Array(values.length);
  for (const row of rows) counts[codes[row]!]! += 1;
  const builder = typeof values[0] === 'number' ? new NumericBuilder() : new CategoricalBuilder();
  for (const [code, n] of counts.entries()) if (n > 0) builder.add(values[code] as never, n);
  return { name, rows: rows.length, nulls: 0, missing: 0, wrong: [], sketch: builder.sketch() };
}

export const allRows = ({ rows }: FlightTable): Uint32Array => Uint32Array.from({ length: rows }, (_, row) => row);

/** With replacement. */
export const drawn = (from: Uint32Array, rows: number, random: () => number): Uint32Array =>
  Uint32Array.from({ length: rows }, () => from[Math.floor(random() * from.length)]!);

/** Rows of one kind: what a share of a window can be replaced by. */
export function rowsWhere(
  { columns, rows }: FlightTable,
  name: string,
  is: (value: string | number) => boolean,
): Uint32Array {
  const { codes, values } = columns.find((column) => column.name === name)!;
  const wanted = values.map(is);
  return allRows({ columns, rows }).filter((row) => wanted[codes[row]!]);
}

/** Rows in a random order, cut in two. */
export function split(table: FlightTable, first: number, random: () => number): [Uint32Array, Uint32Array] {
  const rows = allRows(table);
  for (let i = rows.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [rows[i], rows[j]] = [rows[j]!, rows[i]!];
  }
  return [rows.subarray(0, first), rows.subarray(first)];
}
