import { DuckDBInstance } from '@duckdb/node-api';

export interface LogColumn {
  name: string;
  /** Times are UTC without a zone in the file. */
  type: 'VARCHAR' | 'TIMESTAMP' | 'INTEGER' | 'BIGINT' | 'FLOAT';
}
export interface JsonLinesConverter {
  /** JSON lines to one Parquet file (zstd), rows in order. Answers the number of rows; throws on a line that does not fit. */
  toParquet(source: string, target: string, columns: readonly LogColumn[]): Promise<number>;
  close(): void;
}

/** A small DuckDB of its own: one thread, so that converting does not take the cores that answer requests. */
export async function openJsonLinesConverter(): Promise<JsonLinesConverter> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '1', memory_limit: '512MB' });
  const connection = await instance.connect();
  return {
    toParquet: async (source, target, columns) => {
      const fields = columns.map(({ name, type }) => `${text(name)}: '${type}'`).join(', ');
      const rows = `read_json(${text(source)}, format = 'newline_delimited', columns = {${fields}})`;
      const result = await connection.runAndReadAll(
        `COPY (SELECT * FROM ${rows}) TO ${text(target)} (FORMAT parquet, COMPRESSION zstd)`,
      );
      return Number(result.getRows()[0]?.[0] ?? 0);
    },
    close: () => {
      connection.closeSync();
      instance.closeSync();
    },
  };
}

const text = (value: string): string => `'${value.replaceAll("'", "''")}'`;
