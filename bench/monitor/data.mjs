// The flights as Parquet, seven columns: five features, a score by a fixed formula, and what really happened.
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';

const source = join(
  dirname(createRequire(import.meta.url).resolve('vega-datasets')),
  '..',
  'data',
  'flights-3m.parquet',
);

const flights = `
  SELECT date, file_row_number AS id, hour(date)::BIGINT AS hour, isodow(date)::BIGINT AS weekday, distance::FLOAT AS distance,
         origin, destination, (delay > 15)::INTEGER AS late
  FROM read_parquet('${source}', file_row_number = true)`;
// Rises over the day and to the end of the week, with something of its own for each airport.
const score = `(1 / (1 + exp(2.3 - 0.07 * hour - 0.05 * weekday + 0.0001 * distance
  - 0.01 * (ascii(origin[1]) % 13) + 0.01 * (ascii(destination[2]) % 11) - 0.0007 * (ascii(origin[3]) * ascii(destination[1]) % 301))))::FLOAT`;
const columns = `hour, weekday, distance, origin, destination, ${score} AS prediction, late`;

const parts = {
  january: `SELECT ${columns} FROM flights WHERE date < TIMESTAMP '2001-02-01' ORDER BY id`,
  february: `SELECT ${columns} FROM flights WHERE date >= TIMESTAMP '2001-02-01' AND date < TIMESTAMP '2001-03-01' ORDER BY id`,
  'first-half': `SELECT ${columns} FROM flights WHERE id < 1500000 ORDER BY id`,
  'second-half': `SELECT ${columns} FROM flights WHERE id >= 1500000 ORDER BY id`,
  all: `SELECT ${columns} FROM flights ORDER BY id`,
};
// Ten times the flights; each copy flies a little farther, so that it is no mere repetition.
const tenfold = `
  SELECT * EXCLUDE (copy) REPLACE ((prediction * (1 - copy * 1e-4))::FLOAT AS prediction, (distance + copy)::FLOAT AS distance)
  FROM (SELECT ${columns}, copy FROM range(10) AS copies(copy), flights)`;

/** Writes what is missing; paths by name. */
export async function prepareData(folder, large) {
  mkdirSync(folder, { recursive: true });
  const queries = large ? { ...parts, tenfold } : parts;
  const paths = Object.fromEntries(Object.keys(queries).map((name) => [name, join(folder, `${name}.parquet`)]));
  if (Object.values(paths).every((path) => existsSync(path))) return paths;
  const database = await DuckDBInstance.create(':memory:', { threads: '2' });
  const connection = await database.connect();
  await connection.run(`CREATE TABLE flights AS ${flights}`);
  for (const [name, query] of Object.entries(queries)) {
    if (existsSync(paths[name])) continue;
    await connection.run(`COPY (${query}) TO '${paths[name]}.new' (FORMAT parquet, COMPRESSION zstd)`);
    renameSync(`${paths[name]}.new`, paths[name]);
  }
  connection.closeSync();
  database.closeSync();
  return paths;
}
