import { mkdir } from 'node:fs/promises';
import { dirname, isAbsolute, join, normalize } from 'node:path';
import { SeawallError } from '../../contracts/index.js';
import { type Database, type DatabaseOptions, withDatabase } from './database.js';
import { double, type Format, formatOf, identifier, plainPath, reader, text } from './sql.js';
import { parquetTypes } from './staging.js';

export interface DatasetFile {
  /** Relative to the dataset, `/`-separated; ends in .parquet, .jsonl or .ndjson. */
  path: string;
  /** Where it lies on this machine. */
  local: string;
}
export interface HoldoutRule {
  /** The column that tells rows apart. */
  rowId: string;
  /** Share of rows that is held out, 0 to 1. */
  fraction: number;
  /** Columns that every file must have besides: features and label. */
  columns?: readonly string[];
}

interface Source {
  path: string;
  relation: string;
}

/**
 * Splits a dataset's rows into what may be learnt from and what may not.
 *
 * A row is held out when `u / 2^32 < fraction`, where `u` is the unsigned 32-bit big-endian number in the first four bytes
 * of the MD5 of the row id's text in UTF-8 (integers in decimal). So a row falls on the same side in every version of the
 * dataset, and anybody can recompute it.
 *
 * Writes `trainDir/<path>` for every file (as Parquet: another ending becomes .parquet) and one `holdoutFile`; the same
 * files in the same order give the same bytes.
 * @throws SeawallError BadData: no row id, a null row id, a file that cannot be read
 */
export async function splitHoldout(
  options: DatabaseOptions,
  files: DatasetFile[],
  rule: HoldoutRule,
  trainDir: string,
  holdoutFile: string,
): Promise<{ trainRows: number; holdoutRows: number }> {
  if (files.length === 0) {
    const problem = 'The dataset has no files to split into training rows and holdout.';
    throw new SeawallError(
      'BadData',
      problem,
      'Commit a dataset version with files; blocked windows leave theirs out.',
    );
  }
  // One thread: how rows fall into row groups, and so the file's digest, depends on the number of threads.
  return withDatabase({ ...options, threads: 1 }, async (db) => {
    const sources: Source[] = [];
    for (const file of files) sources.push(await openFile(db, file, rule));
    const heldOut = heldOutCondition(rule);
    let trainRows = 0;
    for (const source of sources) {
      const target = join(trainDir, source.path.replace(/\.(jsonl|ndjson)$/i, '.parquet'));
      trainRows += await copyRows(db, `${source.relation} WHERE NOT ${heldOut}`, target, source.path);
    }
    const all = sources.map(({ relation }) => `SELECT * FROM ${relation} WHERE ${heldOut}`).join(' UNION ALL BY NAME ');
    const holdoutRows = await copyRows(db, `(${all})`, holdoutFile, 'the holdout of all files');
    return { trainRows, holdoutRows };
  });
}

/**
 * Copies the rows that `rule` holds out, in their order, to `target` (Parquet); a row without the id is not among them.
 * @returns the rows copied; null when `file` (Parquet) lacks the rule's column: then nothing is written
 */
export async function keepHeldOut(
  options: DatabaseOptions,
  file: string,
  rule: HoldoutRule,
  target: string,
): Promise<number | null> {
  return withDatabase({ ...options, threads: 1 }, async (db) => {
    const { path, sql } = relationOf('parquet', await plainPath(db, file));
    const columns = await readable(file, () => parquetTypes(db, path));
    if (!columns.has(rule.rowId)) return null;
    return copyRows(db, `${sql} WHERE ${heldOutCondition(rule)}`, target, file);
  });
}

function heldOutCondition({ rowId, fraction }: HoldoutRule): string {
  const id = `CAST(${identifier(rowId)} AS VARCHAR)`;
  return `(CAST('0x' || substr(md5(${id}), 1, 8) AS UBIGINT)::DOUBLE / 4294967296.0 < ${double(fraction)})`;
}

async function openFile(db: Database, file: DatasetFile, rule: HoldoutRule): Promise<Source> {
  const { rowId } = rule;
  const format = formatOf(file.path);
  const path = normalize(file.path);
  if (!format || isAbsolute(path) || path.startsWith('..')) {
    throw new SeawallError(
      'BadData',
      `The dataset's file ${file.path} cannot be split into training rows and holdout: it must be a relative path that ends in .parquet or .jsonl.`,
      'Commit a dataset version with Parquet or JSON-lines files only.',
    );
  }
  // The format stands in the dataset's path; a cached copy may have any name.
  const relation = relationOf(format, await plainPath(db, file.local));
  const columns = await readable(file.path, () =>
    format === 'parquet' ? parquetTypes(db, relation.path) : describe(db, relation.sql),
  );
  requireColumns(file.path, columns, rule);
  await refuseNullIds(db, relation.sql, file.path, rowId);
  return { path, relation: relation.sql };
}

/** A trainer that misses a column ends in a traceback; here the file and the column can be named. */
function requireColumns(
  path: string,
  columns: ReadonlyMap<string, unknown>,
  { rowId, columns: others = [] }: HoldoutRule,
): void {
  const there = `It has: ${[...columns.keys()].slice(0, 30).join(', ')}.`;
  if (!columns.has(rowId)) {
    throw new SeawallError(
      'BadData',
      `${path} has no column ${rowId}, which tells rows apart (dataset.rowId). ${there}`,
      'Correct dataset.rowId in the configuration, or commit a dataset version whose files have that column.',
    );
  }
  const missing = others.filter((column) => !columns.has(column));
  if (missing.length === 0) return;
  throw new SeawallError(
    'BadData',
    `${path} has no column ${missing.join(', ')}, which the configuration names as feature or label. ${there}`,
    'Correct features and label.column in the configuration, or commit a dataset version whose files have these columns.',
  );
}

function relationOf(format: Format, path: string): { path: string; sql: string } {
  const jsonLines = `read_json([${text(path)}], format = 'newline_delimited', sample_size = -1, hive_partitioning = false)`;
  return { path, sql: format === 'parquet' ? reader('parquet', [path]) : jsonLines };
}

async function describe(db: Database, relation: string): Promise<Map<string, string>> {
  const rows = await db.all<{ column_name: string; column_type: string }>(`DESCRIBE SELECT * FROM ${relation}`);
  return new Map(rows.map((row) => [row.column_name, row.column_type]));
}

async function refuseNullIds(db: Database, relation: string, path: string, rowId: string): Promise<void> {
  const query = `SELECT count(*)::DOUBLE AS nulls FROM ${relation} WHERE ${identifier(rowId)} IS NULL`;
  const [row] = await readable(path, () => db.all<{ nulls: number }>(query));
  if (row!.nulls > 0) {
    throw new SeawallError(
      'BadData',
      `${path} has ${row!.nulls} rows without ${rowId}: whether they are held out cannot be decided.`,
      `Give every row its own ${rowId} and commit the dataset again.`,
    );
  }
}

async function copyRows(db: Database, relation: string, target: string, path: string): Promise<number> {
  await mkdir(dirname(target), { recursive: true });
  const copy = `COPY (SELECT * FROM ${relation}) TO ${text(target)} (FORMAT parquet, COMPRESSION zstd)`;
  const [row] = await readable(path, () => db.all<{ Count: bigint }>(copy));
  return Number(row!.Count);
}

async function readable<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    const problem = (cause instanceof Error ? cause.message : String(cause)).split('\n')[0]!;
    // The host's trouble, not the data's: another try, or another host, can help.
    if (/^Out of Memory|No space left|Cannot open file.*for writing/i.test(problem)) {
      const next = 'Free disk space or memory on the host that runs this step; it is tried again.';
      throw new SeawallError('Unavailable', `The dataset could not be split (${path}): ${problem}`, next, { cause });
    }
    throw new SeawallError(
      'BadData',
      `The dataset cannot be read (${path}): ${problem}`,
      'Make the files whole, with one type per column, and commit the dataset again.',
      { cause },
    );
  }
}
