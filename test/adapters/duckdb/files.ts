/** Small hand-made logs as real files. */
import { writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import type { LogFile } from '../../../src/activities/monitor.js';

export type Row = Record<string, unknown>;

export const logFile = (path: string): LogFile => ({ path, name: basename(path) });

export async function writeJsonLines(path: string, rows: Row[]): Promise<LogFile> {
  await writeFile(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return logFile(path);
}

/** @param select SQL that yields the rows, as `SELECT * FROM (VALUES …) t(a, b)` */
export async function writeParquet(path: string, select: string): Promise<LogFile> {
  await sql(`COPY (${select}) TO '${path}' (FORMAT parquet)`);
  return logFile(path);
}

/** Runs one statement on a database of its own. */
export async function sql(statement: string): Promise<Record<string, unknown>[]> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    return (await connection.runAndReadAll(statement)).getRowObjectsJS() as Record<string, unknown>[];
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}
