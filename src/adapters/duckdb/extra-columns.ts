import type { ExpectedColumn, LogFile } from '../../activities/monitor.js';
import { predictionColumns, type WindowFeed } from '../../contracts/index.js';
import type { Database } from './database.js';
import { formatOf, plainPath, reader } from './sql.js';
import { parquetTypes } from './staging.js';

/** Names that begin with `_` are the log schema's, and answers are the model's. */
const isOurs = (name: string): boolean =>
  name.startsWith('_') || name === predictionColumns.prediction || /^score(_|$)/.test(name);

/** Columns of the files that are neither expected nor of the log schema, with the rows of the files that have them. */
export async function extraColumns(
  db: Database,
  files: LogFile[],
  expected: ExpectedColumn[],
): Promise<WindowFeed['extraColumns']> {
  const known = new Set(expected.map(({ name }) => name));
  const found = new Map<string, number>();
  for (const { path } of files) {
    for (const [name, rows] of await columnsOf(db, await plainPath(db, path)))
      if (!known.has(name) && !isOurs(name)) found.set(name, (found.get(name) ?? 0) + rows);
  }
  return [...found].map(([name, rows]) => ({ name, rows })).sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** None of a file that cannot be read: that is told elsewhere. */
async function columnsOf(db: Database, path: string): Promise<[name: string, rows: number][]> {
  const format = formatOf(path);
  if (!format) return [];
  const from = reader(format, [path]);
  try {
    if (format === 'parquet') {
      const [row] = await db.all<{ rows: number }>(`SELECT count(*)::DOUBLE AS rows FROM ${from}`);
      return [...(await parquetTypes(db, path)).keys()].map((name) => [name, row!.rows]);
    }
    const keys = await db.all<{ name: string; rows: number }>(
      `SELECT name, count(*)::DOUBLE AS rows FROM (SELECT unnest(json_keys(json)) AS name FROM ${from} WHERE json IS NOT NULL) GROUP BY name`,
    );
    return keys.map(({ name, rows }) => [name, rows]);
  } catch {
    return [];
  }
}
