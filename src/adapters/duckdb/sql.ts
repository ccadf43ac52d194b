/** Pieces of SQL text. Column names and paths come from users: everything goes through these. */
import { createHash } from 'node:crypto';
import { symlink } from 'node:fs/promises';
import { extname, join, resolve } from 'node:path';
import type { Database } from './database.js';

export const identifier = (name: string): string => `"${name.replaceAll('"', '""')}"`;
export const text = (value: string): string => `'${value.replaceAll("'", "''")}'`;
/** ECMAScript's shortest text of a number reads back as the same double. */
export const double = (value: number): string => `CAST('${value}' AS DOUBLE)`;
export const timestamp = (iso: string): string => `TIMESTAMP ${text(new Date(iso).toISOString().replace('Z', ''))}`;
/** The place of a field in a JSON document: RFC 6901. */
export const jsonPointer = (name: string): string => text(`/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`);

export type Format = 'parquet' | 'jsonLines';
/** By the name's ending, as the log schema says; undefined: neither. */
export function formatOf(path: string): Format | undefined {
  const ending = extname(path).toLowerCase();
  if (ending === '.parquet') return 'parquet';
  return ending === '.jsonl' || ending === '.ndjson' ? 'jsonLines' : undefined;
}

/** A table function over files, which yields their rows in the order of the files. */
export function reader(format: Format, paths: string[]): string {
  const list = `[${paths.map(text).join(', ')}]`;
  // A folder named dt=… would otherwise become a column.
  return format === 'parquet'
    ? `read_parquet(${list}, union_by_name = true, hive_partitioning = false)`
    : `read_ndjson_objects(${list}, ignore_errors = true, maximum_object_size = 67108864)`;
}

/**
 * A path that DuckDB reads as that one file. It takes `*`, `?` and `[` in names for patterns and has no way to escape
 * them: `a[1].parquet` would silently read `a1.parquet`. Such files are read through a link.
 */
export async function plainPath(db: Database, path: string): Promise<string> {
  const whole = resolve(path);
  if (!/[*?[\]{}\\]/.test(whole)) return whole;
  const name = createHash('sha256').update(whole).digest('hex').slice(0, 32);
  const link = join(db.scratchDir, `${name}${extname(whole)}`);
  await symlink(whole, link).catch((error: NodeJS.ErrnoException) => {
    // Another table of this database reads the same file.
    if (error.code !== 'EEXIST') throw error;
  });
  return link;
}
