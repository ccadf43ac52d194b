import { SeawallError } from '../../contracts/index.js';
import { type DatabaseOptions, withDatabase } from './database.js';
import { formatOf, plainPath, text } from './sql.js';

/**
 * All rows of Parquet and JSON-lines files, in their order, as one Parquet file.
 * @throws SeawallError `BadData`: a file that is neither, or cannot be read
 */
export function mergeRows(options: DatabaseOptions, files: string[], target: string): Promise<void> {
  return withDatabase({ ...options, threads: 1 }, async (db) => {
    const parts: string[] = [];
    for (const file of files) {
      const format = formatOf(file);
      if (!format) throw unreadable(file, 'its name does not end in .parquet or .jsonl');
      const path = text(await plainPath(db, file));
      parts.push(
        `SELECT * FROM ${format === 'parquet' ? `read_parquet([${path}], hive_partitioning = false)` : `read_json([${path}], format = 'newline_delimited')`}`,
      );
    }
    await db
      .run(`COPY (${parts.join(' UNION ALL BY NAME ')}) TO ${text(target)} (FORMAT parquet)`)
      .catch((error: unknown) => {
        throw unreadable(
          files.join(', '),
          error instanceof Error ? (error.message.split('\n')[0] as string) : String(error),
        );
      });
  });
}

const unreadable = (file: string, problem: string): SeawallError =>
  new SeawallError(
    'BadData',
    `The rows cannot be read (${file}): ${problem}`,
    'Give Parquet or JSON-lines files with the same columns.',
  );
