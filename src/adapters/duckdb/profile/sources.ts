/** Files of any mix of formats and schemas, as relations with known columns. */
import { basename } from 'node:path';
import type { WrongKind } from '../../../contracts/index.js';
import type { LogFile } from '../../../activities/monitor.js';
import type { Database } from '../database.js';
import { identifier, plainPath, reader, text } from '../sql.js';
import { parquetTypes, type Unreadable } from '../staging.js';
import { jsonFields } from '../values.js';
import { type FoundColumn, foundInCsv, foundInJson, foundInParquet } from './found-column.js';

/** Of the texts of a CSV column, the share that must read as numbers. */
const NUMBERS_IN_CSV = 0.9;

export interface Source {
  /** What stands behind FROM. */
  relation: string;
  rows: number;
  files: LogFile[];
  columns: Map<string, FoundColumn>;
}

export interface Found {
  sources: Source[];
  unreadable: Unreadable[];
  /** What a person should know about how files were read. */
  notes: string[];
}

type TableFormat = 'parquet' | 'jsonLines' | 'csv';
const endings: [RegExp, TableFormat][] = [
  [/\.parquet$/i, 'parquet'],
  [/\.(jsonl|ndjson)(\.gz)?$/i, 'jsonLines'],
  [/\.(csv|tsv)(\.gz)?$/i, 'csv'],
];
/** By the name's ending; undefined: no table. */
export const tableFormat = (path: string): TableFormat | undefined =>
  endings.find(([ending]) => ending.test(path))?.[1];
export const TABLE_ENDINGS = '.parquet, .jsonl, .ndjson, .csv or .tsv (text files also with .gz)';

/** Finds what the files hold. Parquet stays where it is; text files are read into tables, once. */
export async function findSources(db: Database, files: readonly LogFile[]): Promise<Found> {
  const found: Found = { sources: [], unreadable: [], notes: [] };
  const parquet = new Map<string, { types: Map<string, string>; files: LogFile[] }>();
  for (const [index, { path, name }] of files.entries()) {
    const format = tableFormat(path);
    try {
      const file = { path: await plainPath(db, path), name };
      if (format === 'parquet') {
        const types = await parquetTypes(db, file.path);
        const key = JSON.stringify([...types]);
        parquet.set(key, { types, files: [...(parquet.get(key)?.files ?? []), file] });
      } else if (format === 'jsonLines') found.sources.push(await readJsonLines(db, file, index, found));
      else if (format === 'csv') found.sources.push(await readCsv(db, file, index, found));
      else throw new Error(`its name does not end in ${TABLE_ENDINGS}`);
    } catch (error) {
      found.unreadable.push({ file: name, lines: null, problem: firstLine(error) });
    }
  }
  for (const group of parquet.values()) found.sources.push(await parquetSource(db, group.files, group.types));
  return found;
}

async function parquetSource(db: Database, files: LogFile[], types: Map<string, string>): Promise<Source> {
  const relation = reader(
    'parquet',
    files.map(({ path }) => path),
  );
  const rows = await count(db, relation);
  const columns = new Map([...types].map(([name, type]) => [name, foundInParquet(name, type, rows)]));
  return { relation, rows, files, columns };
}

/** The same source, file by file: to find those that cannot be read. */
export const separately = (source: Source): Source[] =>
  source.files.map((file) => ({ ...source, files: [file], relation: reader('parquet', [file.path]) }));

async function readJsonLines(db: Database, file: LogFile, index: number, found: Found): Promise<Source> {
  const lines = reader('jsonLines', [file.path]);
  const [keys] = await db.all<{ first: string[] | null; all: string[] | null; broken: number }>(`
    SELECT any_value(keys ORDER BY place) AS first, list_sort(list_distinct(flatten(list(DISTINCT keys)))) AS "all",
           count(*) FILTER (keys IS NULL)::DOUBLE AS broken
    FROM (SELECT row_number() OVER () AS place, CASE json_type(json) WHEN 'OBJECT' THEN json_keys(json) END AS keys FROM ${lines})`);
  const { first, all, broken } = keys!;
  if (broken > 0) found.unreadable.push({ file: file.name, lines: broken, problem: 'not a JSON object' });
  const names = [...new Set([...(first ?? []), ...(all ?? [])])];
  const table = `source_${index}`;
  const objects = `(SELECT json FROM ${lines} WHERE json_type(json) = 'OBJECT')`;
  if (names.length === 0)
    return { relation: `(SELECT 1 WHERE false) AS ${table}`, rows: 0, files: [file], columns: new Map() };
  await db.run(`CREATE TABLE ${table} AS SELECT * FROM ${jsonFields(names, objects)}`);
  const columns = new Map<string, FoundColumn>();
  for (const [i, name] of names.entries()) columns.set(name, foundInJson(i, await jsonFamilies(db, table, i)));
  return { relation: table, rows: await count(db, table), files: [file], columns };
}

async function jsonFamilies(db: Database, table: string, index: number): Promise<FoundColumn['families']> {
  const types = await db.all<{ type: string | null; rows: number }>(
    `SELECT type_${index} AS type, count(*)::DOUBLE AS rows FROM ${table} GROUP BY 1`,
  );
  const families: Partial<Record<WrongKind, number>> = {};
  for (const { type, rows } of types) {
    if (type === null || type === 'NULL') continue;
    const family =
      ({ VARCHAR: 'text', BOOLEAN: 'boolean', OBJECT: 'other', ARRAY: 'other' } as const)[type] ?? 'number';
    families[family] = (families[family] ?? 0) + rows;
  }
  return families;
}

async function readCsv(db: Database, file: LogFile, index: number, found: Found): Promise<Source> {
  const table = `source_${index}`;
  const read = (more: string) => `read_csv(${text(file.path)}, all_varchar = true, hive_partitioning = false, ${more})`;
  // A table of rejected lines cannot be made twice.
  const rejects = `rejects_table = 'rejected_${index}', rejects_scan = 'rejected_scan_${index}'`;
  await db.run(
    `CREATE TABLE ${table} AS SELECT * FROM ${read(`header = true, ignore_errors = true, store_rejects = true, ${rejects}`)}`,
  );
  const [rejected] = await db.all<{ lines: number; problem: string }>(
    `SELECT count(DISTINCT line)::DOUBLE AS lines, any_value(error_message ORDER BY line) AS problem FROM rejected_${index}`,
  );
  if (rejected!.lines > 0)
    found.unreadable.push({ file: file.name, lines: rejected!.lines, problem: rejected!.problem.split('\n')[0]! });
  const described = await db.all<{ column_name: string }>(`DESCRIBE ${table}`);
  const names = described.map((row) => row.column_name);
  const [header] = await db.all<Record<string, string | null>>(
    `SELECT * FROM ${read('header = false, null_padding = true, ignore_errors = true')} LIMIT 1`,
  );
  const twice = Object.values(header ?? {}).filter((name, i, every) => name !== null && every.indexOf(name) !== i);
  for (const name of new Set(twice))
    found.notes.push(`${file.name} has the column ${name} more than once: the later ones are ${name}_1 and so on.`);
  const columns = new Map<string, FoundColumn>();
  for (const name of names) columns.set(name, foundInCsv(name, await csvFamilies(db, table, name)));
  return { relation: table, rows: await count(db, table), files: [file], columns };
}

async function csvFamilies(db: Database, table: string, name: string): Promise<FoundColumn['families']> {
  const [row] = await db.all<{ values: number; numbers: number }>(
    `SELECT count(${identifier(name)})::DOUBLE AS "values", count(TRY_CAST(${identifier(name)} AS DOUBLE))::DOUBLE AS numbers FROM ${table}`,
  );
  const { values, numbers } = row!;
  return values > 0 && numbers >= NUMBERS_IN_CSV * values ? { number: values } : { text: values };
}

async function count(db: Database, relation: string): Promise<number> {
  return (await db.all<{ rows: number }>(`SELECT count(*)::DOUBLE AS rows FROM ${relation}`))[0]!.rows;
}

export const firstLine = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split('\n')[0]!;

export const asLogFile = (path: string): LogFile => ({ path, name: basename(path) });
