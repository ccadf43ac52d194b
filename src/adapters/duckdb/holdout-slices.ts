/** Which rows of a holdout belong together. */
import { DuckDBInstance } from '@duckdb/node-api';
import { SeawallError, type SlicePolicy } from '../../contracts/index.js';
import { identifier, text } from './sql.js';

export interface SlicedRows {
  slices: { name: string; rows: Uint32Array }[];
  /** Values with too few rows to be judged. */
  small: number;
}

/** Of one column; a number with more values is cut into quarters. */
const MOST_VALUES = 50;

/**
 * Rows by the values of each column, the most frequent first, as indices in the file's order. An empty value is a value.
 * @throws SeawallError `BadData`: the file lacks a column
 */
export async function sliceHoldout(file: string, { by, minRows }: SlicePolicy): Promise<SlicedRows> {
  // One thread: several would change the order of rows.
  const instance = await DuckDBInstance.create(':memory:', { threads: '1', memory_limit: '1GB' });
  const connection = await instance.connect();
  const rows = `read_parquet([${text(file)}], hive_partitioning = false)`;
  const all = async <T>(sql: string): Promise<T[]> => (await connection.runAndReadAll(sql)).getRowObjectsJS() as T[];
  try {
    const columns = await all<{ column_name: string; column_type: string }>(`DESCRIBE SELECT * FROM ${rows}`);
    const found: SlicedRows = { slices: [], small: 0 };
    for (const name of by) {
      const type = columns.find((column) => column.column_name === name)?.column_type;
      if (type === undefined)
        throw missing(
          name,
          columns.map((column) => column.column_name),
        );
      const key = await keyOf(name, type);
      const values = await all<{ value: string; n: bigint }>(
        `SELECT ${key} AS value, count(*) AS n FROM ${rows} GROUP BY 1 ORDER BY n DESC, value`,
      );
      const large = values.filter(({ n }) => Number(n) >= minRows).slice(0, MOST_VALUES);
      found.small += values.length - large.length;
      found.slices.push(
        ...(await indicesOf(
          name,
          key,
          large.map(({ value, n }) => ({ value, n: Number(n) })),
        )),
      );
    }
    return found;
  } finally {
    connection.closeSync();
    instance.closeSync();
  }

  /** SQL of a row's slice, as text. */
  async function keyOf(name: string, type: string): Promise<string> {
    const column = identifier(name);
    const plain = `coalesce(CAST(${column} AS VARCHAR), 'missing')`;
    if (!/INT|FLOAT|DOUBLE|DECIMAL/.test(type)) return plain;
    const [row] = await all<{ values: bigint; quarters: number[] | null }>(
      `SELECT approx_count_distinct(${column}) AS "values", quantile_disc(${column}::DOUBLE, [0.25, 0.5, 0.75]) AS quarters FROM ${rows}`,
    );
    const edges = [...new Set(row?.quarters ?? [])];
    if (Number(row?.values ?? 0) <= MOST_VALUES || edges.length === 0) return plain;
    const cases = edges.map((edge, i) => {
      const from = i === 0 ? `below ${edge}` : `${edges[i - 1]} to ${edge}`;
      return `WHEN ${column} < ${edge} THEN ${text(from)}`;
    });
    return `CASE WHEN ${column} IS NULL THEN 'missing' ${cases.join(' ')} ELSE ${text(`from ${edges.at(-1)}`)} END`;
  }

  async function indicesOf(
    name: string,
    key: string,
    values: { value: string; n: number }[],
  ): Promise<SlicedRows['slices']> {
    const slices = values.map(({ value, n }) => ({ name: `${name} = ${value}`, rows: new Uint32Array(n), filled: 0 }));
    const places = `[${values.map(({ value }) => text(value)).join(', ')}]`;
    const result = await connection.stream(`SELECT list_position(${places}, ${key}) FROM ${rows}`);
    let row = 0;
    for (;;) {
      const chunk = await result.fetchChunk();
      if (!chunk || chunk.rowCount === 0) break;
      const vector = chunk.getColumnVector(0);
      for (let i = 0; i < chunk.rowCount; i++, row++) {
        const slice = slices[((vector.getItem(i) as number | null) ?? 0) - 1];
        if (slice) slice.rows[slice.filled++] = row;
      }
    }
    return slices.map(({ name: slice, rows: indices }) => ({ name: slice, rows: indices }));
  }
}

const missing = (name: string, there: string[]): SeawallError =>
  new SeawallError(
    'BadData',
    `The holdout has no column "${name}" to slice by (promotion.slices.by); it has: ${there.slice(0, 30).join(', ')}`,
    'Correct the configuration, or commit a dataset version with that column.',
  );
