/** Rows of a Parquet file as batches of typed columns, in the file's order. */
import { type DuckDBConnection, type DuckDBDataChunk, DuckDBInstance } from '@duckdb/node-api';
import { type Answering, type Feature, SeawallError } from '../../contracts/index.js';
import { identifier, text } from '../duckdb/sql.js';
import { type Column, type Columns, emptyColumn } from './session.js';

/** Enough rows to keep all threads of the runtime busy, few enough to stay in the processor's cache. */
const BATCH_ROWS = 16_384;
const SQL_TYPES = { float32: 'FLOAT', int64: 'BIGINT', string: 'VARCHAR' } as const;

export interface RowsFile {
  file: string;
  features: Feature[];
  /** null: the rows have none, and the labels are all NaN. */
  labelColumn: string | null;
  answering: Answering;
}
export interface Batch {
  /** How many rows came before. */
  before: number;
  rows: number;
  columns: Columns;
  /** 0 or 1, the index of the class, or the number. */
  labels: Float64Array;
}

/** A database of its own: one thread, because several would change the order of rows, and models are compared row by row. */
export function openRows(spillDir: string): Promise<DuckDBInstance> {
  return DuckDBInstance.create(':memory:', {
    threads: '1',
    memory_limit: '1GB',
    temp_directory: spillDir,
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
  });
}

export const relationOf = (file: string): string => `read_parquet([${text(file)}], hive_partitioning = false)`;

/** The columns of a file, with DuckDB's types. @throws SeawallError `BadData`: it lacks one of `wanted`, or cannot be read */
export async function columnTypes(
  connection: DuckDBConnection,
  file: string,
  wanted: string[],
): Promise<Map<string, string>> {
  const found = await connection.runAndReadAll(`DESCRIBE SELECT * FROM ${relationOf(file)}`).catch(unreadable);
  const types = new Map(found.getRows().map((row) => [String(row[0]), String(row[1])]));
  for (const name of wanted) {
    if (types.has(name)) continue;
    throw new SeawallError(
      'BadData',
      `the holdout has no column "${name}"; it has: ${[...types.keys()].slice(0, 30).join(', ')}`,
      'Correct the configuration, or commit a dataset version with that column.',
    );
  }
  return types;
}

/** Nulls as everywhere: no number is NaN, no text is the empty text. @throws SeawallError `BadData`, with the row */
export async function* rowBatches(connection: DuckDBConnection, rows: RowsFile): AsyncGenerator<Batch> {
  const names = rows.features.map(({ name }) => name);
  const types = await columnTypes(connection, rows.file, [...names, ...(rows.labelColumn ? [rows.labelColumn] : [])]);
  const result = await connection.stream(selectOf(rows, types)).catch(unreadable);
  let batch = emptyBatch(rows.features, 0);
  for (;;) {
    const chunk = await result.fetchChunk().catch(unreadable);
    if (!chunk || chunk.rowCount === 0) break;
    if (batch.rows + chunk.rowCount > BATCH_ROWS) {
      yield cut(batch);
      batch = emptyBatch(rows.features, batch.before + batch.rows);
    }
    fill(batch, chunk, rows);
  }
  if (batch.rows > 0) yield cut(batch);
}

function selectOf({ file, features, labelColumn, answering }: RowsFile, types: Map<string, string>): string {
  const columns = features.map(({ name, type }) => {
    const cast = `CAST(${identifier(name)} AS ${SQL_TYPES[type]})`;
    return type === 'string' ? `coalesce(${cast}, '')` : cast;
  });
  const label = labelColumn === null ? `'nan'::DOUBLE` : labelOf(labelColumn, types.get(labelColumn) ?? '', answering);
  return `SELECT ${[...columns, label].join(', ')} FROM ${relationOf(file)}`;
}

/** A label that is none becomes null, and is refused. */
function labelOf(column: string, type: string, { task, classes }: Answering): string {
  const name = identifier(column);
  if (task !== 'multiclass') return `TRY_CAST(${name} AS DOUBLE)`;
  const isFraction = /^(FLOAT|DOUBLE|DECIMAL)/.test(type);
  const said = isFraction
    ? `CASE WHEN ${name} = trunc(${name}) THEN TRY_CAST(TRY_CAST(${name} AS BIGINT) AS VARCHAR) END`
    : `CAST(${name} AS VARCHAR)`;
  return `CAST(list_position([${(classes ?? []).map(text).join(', ')}], ${said}) AS DOUBLE) - 1`;
}

function emptyBatch(features: Feature[], before: number): Batch {
  const columns: Columns = {};
  for (const { name, type } of features) columns[name] = emptyColumn(type, BATCH_ROWS);
  return { before, rows: 0, columns, labels: new Float64Array(BATCH_ROWS) };
}

function cut(batch: Batch): Batch {
  if (batch.rows === BATCH_ROWS) return batch;
  const columns = Object.entries(batch.columns).map(([name, column]) => [name, column.slice(0, batch.rows)]);
  return { ...batch, columns: Object.fromEntries(columns) as Columns, labels: batch.labels.subarray(0, batch.rows) };
}

function fill(batch: Batch, chunk: DuckDBDataChunk, { features, labelColumn, answering }: RowsFile): void {
  const { rows: at, before, labels } = batch;
  features.forEach((feature, i) => {
    copy(chunk, i, batch.columns[feature.name] as Column, at, (row) => missingInteger(feature.name, before + at + row));
  });
  const vector = chunk.getColumnVector(features.length);
  for (let row = 0; row < chunk.rowCount; row++) {
    const label = vector.getItem(row) as number | null;
    if (labelColumn !== null && !isLabel(label, answering)) throw wrongLabel(labelColumn, answering, before + at + row);
    labels[at + row] = label as number;
  }
  batch.rows += chunk.rowCount;
}

function copy(chunk: DuckDBDataChunk, index: number, to: Column, at: number, missing: (row: number) => Error): void {
  const vector = chunk.getColumnVector(index);
  const { rowCount } = chunk;
  if (to instanceof Float32Array) {
    for (let row = 0; row < rowCount; row++) to[at + row] = (vector.getItem(row) as number | null) ?? Number.NaN;
  } else if (Array.isArray(to)) {
    for (let row = 0; row < rowCount; row++) to[at + row] = vector.getItem(row) as string;
  } else {
    for (let row = 0; row < rowCount; row++) {
      const value = vector.getItem(row) as bigint | null;
      if (value === null) throw missing(row);
      to[at + row] = value;
    }
  }
}

function isLabel(label: number | null, { task, classes }: Answering): boolean {
  if (label === null) return false;
  switch (task) {
    case 'binary':
      return label === 0 || label === 1;
    case 'multiclass':
      return label >= 0 && label < (classes?.length ?? 0);
    case 'regression':
      return Number.isFinite(label);
  }
}

function wrongLabel(column: string, { task, classes }: Answering, row: number): SeawallError {
  const rule = {
    binary: 'that is neither 0 nor 1',
    multiclass: `that is none of the classes ${(classes ?? []).join(', ')}`,
    regression: 'that is no finite number',
  };
  return new SeawallError(
    'BadData',
    `row ${row + 1} of the holdout has a label ${rule[task]} (column "${column}")`,
    'Commit a dataset version in which every row has such a label, or correct the configuration.',
  );
}

function missingInteger(name: string, row: number): SeawallError {
  return new SeawallError(
    'BadData',
    `row ${row + 1} of the holdout has no value in "${name}", and int64 cannot say that`,
    'Declare a feature with missing values as float32.',
  );
}

function unreadable(cause: unknown): never {
  const problem = cause instanceof Error ? cause.message.split('\n')[0] : String(cause);
  throw new SeawallError(
    'BadData',
    `the holdout cannot be read: ${problem}`,
    'Make the columns of the dataset of the types that the configuration gives its features.',
    { cause },
  );
}
