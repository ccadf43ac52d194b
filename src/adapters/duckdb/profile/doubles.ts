/** Columns of numbers as they come out of DuckDB: one Float64Array per chunk, in which a NaN says why a row has no value. */
import type { DuckDBDataChunk } from '@duckdb/node-api';
import { ABSENT_HIGH_WORD } from '../../../domain/profiles/index.js';
import { state } from '../values.js';
import { DuckDBDoubleVector } from '../vendor.js';

/** The double that marks a row without a value, as SQL. */
function absent(code: number): string {
  const bits = (BigInt(ABSENT_HIGH_WORD) << 32n) | BigInt(code);
  return `'${bits.toString(2).padStart(64, '0')}'::BIT::DOUBLE`;
}

/** @param stateSql a code of `state`; only looked at where the value is NULL */
export function marked(valueSql: string, stateSql?: string): string {
  if (stateSql === undefined) return `coalesce(${valueSql}, ${absent(state.null)})`;
  const codes = Object.values(state).filter((code) => code !== state.value && code !== state.null);
  const branches = codes.map((code) => `WHEN ${code} THEN ${absent(code)}`).join(' ');
  return `coalesce(${valueSql}, CASE ${stateSql} ${branches} ELSE ${absent(state.null)} END)`;
}

/** The values of a column of type DOUBLE without NULL. */
export function doubles(chunk: DuckDBDataChunk, column: number): Float64Array {
  const vector = chunk.getColumnVector(column);
  if (!(vector instanceof DuckDBDoubleVector)) throw new TypeError(`column ${column} is ${vector.type}, not DOUBLE`);
  // Not declared, but the one way to the values without a call per value; the package's version is pinned and a test looks.
  return vector['items'];
}
