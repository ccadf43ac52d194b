import type { LogFile } from '../../activities/monitor.js';
import type { Database } from './database.js';
import { type Format, formatOf, plainPath, reader } from './sql.js';
import {
  type ColumnKind,
  jsonColumn,
  jsonFields,
  parquetColumn,
  type SourceColumn,
  stagedTypes,
  stagedValues,
} from './values.js';

export interface StagedColumn {
  /** Its name in the staged table: ours, so it needs no quoting. */
  alias: string;
  /** Its name in the files. */
  name: string;
  kind: ColumnKind;
}

export interface Unreadable {
  file: string;
  /** null: the whole file. */
  lines: number | null;
  problem: string;
}

/** Files of one format and one schema: they can be read by one statement. */
interface FileGroup {
  format: Format;
  types: Map<string, string>;
  files: LogFile[];
}

/**
 * Reads files of any mix of formats and schemas into one table with known types.
 * @param where keeps a row, in terms of the aliases
 * @returns files and lines that cannot be read; their rows are not in the table
 */
export async function stage(
  db: Database,
  table: string,
  files: LogFile[],
  columns: StagedColumn[],
  where = 'true',
): Promise<Unreadable[]> {
  const types = columns.flatMap((column) => stagedTypes(column.alias, column.kind));
  await db.run(`CREATE TABLE ${table} (${types.join(', ')})`);
  const unreadable: Unreadable[] = [];
  for (const group of await groupBySchema(db, files, unreadable)) {
    await insertGroup(db, table, group, columns, where, unreadable);
  }
  return unreadable;
}

async function groupBySchema(db: Database, files: LogFile[], unreadable: Unreadable[]): Promise<FileGroup[]> {
  const groups = new Map<string, FileGroup>();
  for (const { path: file, name } of files) {
    const format = formatOf(file);
    if (!format) {
      unreadable.push({ file: name, lines: null, problem: 'its name does not end in .parquet or .jsonl' });
      continue;
    }
    try {
      const path = await plainPath(db, file);
      const types = format === 'parquet' ? await parquetTypes(db, path) : new Map<string, string>();
      const key = JSON.stringify([format, [...types]]);
      const group = groups.get(key) ?? { format, types, files: [] };
      group.files.push({ path, name });
      groups.set(key, group);
    } catch (error) {
      unreadable.push({ file: name, lines: null, problem: problemOf(error, { path: file, name }) });
    }
  }
  return [...groups.values()];
}

/** Column name to DuckDB type, of one file. */
export async function parquetTypes(db: Database, path: string): Promise<Map<string, string>> {
  const rows = await db.all<{ column_name: string; column_type: string }>(
    `DESCRIBE SELECT * FROM ${reader('parquet', [path])}`,
  );
  return new Map(rows.map((row) => [row.column_name, row.column_type]));
}

async function insertGroup(
  db: Database,
  table: string,
  group: FileGroup,
  columns: StagedColumn[],
  where: string,
  unreadable: Unreadable[],
): Promise<void> {
  const insert = (paths: string[]) => db.run(insertStatement(table, group, paths, columns, where));
  try {
    await insert(group.files.map((file) => file.path));
  } catch (error) {
    if (group.files.length === 1) {
      const [file] = group.files;
      unreadable.push({ file: file!.name, lines: null, problem: problemOf(error, file!) });
      return;
    }
    // One broken file must not hide the others; a failed INSERT has left nothing behind.
    for (const file of group.files) {
      await insertGroup(db, table, { ...group, files: [file] }, columns, where, unreadable);
    }
    return;
  }
  if (group.format === 'jsonLines') unreadable.push(...(await brokenLines(db, group)));
}

function insertStatement(
  table: string,
  group: FileGroup,
  paths: string[],
  columns: StagedColumn[],
  where: string,
): string {
  const source = (column: StagedColumn, index: number): SourceColumn =>
    group.format === 'parquet' ? parquetColumn(column.name, group.types.get(column.name)) : jsonColumn(index);
  const names = columns.flatMap((column) => stagedTypes(column.alias, column.kind).map((type) => type.split(' ')[0]));
  const values = columns.flatMap((column, index) => stagedValues(column.kind, source(column, index)));
  const selected = values.map((value, index) => `${value} AS ${names[index]}`).join(', ');
  const from =
    group.format === 'parquet'
      ? reader('parquet', paths)
      : jsonFields(
          columns.map((column) => column.name),
          reader('jsonLines', paths),
        );
  return `INSERT INTO ${table} SELECT * FROM (SELECT ${selected} FROM ${from}) WHERE ${where}`;
}

/** Lines that are not JSON come out as NULL. */
async function brokenLines(db: Database, group: FileGroup): Promise<Unreadable[]> {
  const found: Unreadable[] = [];
  const paths = group.files.map((file) => file.path);
  const query = `SELECT count(*)::DOUBLE AS lines FROM ${reader('jsonLines', paths)} WHERE json IS NULL`;
  if ((await db.all<{ lines: number }>(query))[0]!.lines === 0) return found;
  for (const file of group.files) {
    const [row] = await db.all<{ lines: number }>(
      `SELECT count(*)::DOUBLE AS lines FROM ${reader('jsonLines', [file.path])} WHERE json IS NULL`,
    );
    if (row!.lines > 0) found.push({ file: file.name, lines: row!.lines, problem: 'not JSON' });
  }
  return found;
}

/** The first line, with the file's own name: where it lies on this machine is another place at every look. */
function problemOf(error: unknown, { path, name }: LogFile): string {
  const [line] = (error instanceof Error ? error.message : String(error)).split('\n');
  return line!.replaceAll(path, name);
}
