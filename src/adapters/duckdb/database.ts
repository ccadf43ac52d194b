import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { DuckDBConnection, DuckDBDataChunk, DuckDBInstance as Instance } from '@duckdb/node-api';
import { DuckDBInstance } from './vendor.js';

export interface DatabaseOptions {
  /** A local folder for what does not fit in memory; made when it is missing. Each call uses a folder of its own below it. */
  tempDir: string;
  /** 1 where the order of rows, and so the bytes of a file, must not vary. */
  threads?: number;
}

export interface Database {
  /** Runs one statement; `values` fill `$1`, `$2`, … */
  run(sql: string, values?: string[]): Promise<void>;
  /** Runs one query. Counts must be cast to DOUBLE in SQL: a BIGINT would come as a bigint. */
  all<T>(sql: string, values?: string[]): Promise<T[]>;
  /**
   * Runs one query and hands over its rows in chunks, as they come: only one is in memory. Several may run at the same time, each on
   * a connection of its own.
   */
  stream(sql: string, take: (chunk: DuckDBDataChunk) => void): Promise<void>;
  /** For links and scratch files; gone when the call ends. */
  scratchDir: string;
}

/**
 * Opens an in-memory DuckDB for the time of `work` and always closes it, so that its memory (at most 1 GB) returns to a
 * process that lives for months. Nothing is downloaded: extensions are neither installed nor loaded.
 */
export async function withDatabase<T>(options: DatabaseOptions, work: (db: Database) => Promise<T>): Promise<T> {
  await mkdir(options.tempDir, { recursive: true });
  const scratchDir = await mkdtemp(join(options.tempDir, 'duckdb-'));
  let instance: Instance | undefined;
  const connections: DuckDBConnection[] = [];
  try {
    instance = await DuckDBInstance.create(':memory:', {
      memory_limit: '1GB',
      threads: String(options.threads ?? 2),
      temp_directory: join(scratchDir, 'spill'),
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
    });
    const opened = instance;
    const connect = async (): Promise<DuckDBConnection> => {
      const connection = await opened.connect();
      connections.push(connection);
      // Times without an offset are UTC everywhere in Seawall, whatever the host's zone is.
      await connection.run("SET TimeZone = 'UTC'");
      return connection;
    };
    return await work(database(await connect(), connect, scratchDir));
  } finally {
    for (const connection of connections) connection.closeSync();
    instance?.closeSync();
    await rm(scratchDir, { recursive: true, force: true });
  }
}

function database(
  connection: DuckDBConnection,
  connect: () => Promise<DuckDBConnection>,
  scratchDir: string,
): Database {
  /** Not in use: a query ends the stream that runs on its connection. */
  const idle: DuckDBConnection[] = [];
  return {
    scratchDir,
    async run(sql, values) {
      await connection.run(sql, values);
    },
    async all<T>(sql: string, values?: string[]) {
      const reader = await connection.runAndReadAll(sql, values);
      return reader.getRowObjectsJS() as T[];
    },
    async stream(sql, take) {
      const own = idle.pop() ?? (await connect());
      const result = await own.stream(sql);
      let next = result.fetchChunk();
      for (let chunk = await next; chunk && chunk.rowCount > 0; chunk = await next) {
        // DuckDB makes the next chunk while this one is looked at.
        next = result.fetchChunk();
        next.catch(() => undefined); // it is awaited, unless `take` throws
        take(chunk);
      }
      idle.push(own);
    },
  };
}
