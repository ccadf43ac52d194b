/**
 * The example's data: US domestic flights of 2001 (npm `vega-datasets`; source: US Bureau of Transportation Statistics),
 * cut into the files that a data team would deliver: January, then one file and one set of labels per week.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { SeawallError } from '../../src/contracts/index.js';
import { JANUARY_END, LABEL_DELAY_DAYS, labelDays, MAX_WEEKS, PRODUCTION_START, productionWeek } from './calendar.js';
import type { Week } from './calendar.js';
import { deliveredCode, realDelay } from './incidents.js';

/** Part of the cache's name: raise it whenever the files below come out differently. */
export const DATA_VERSION = 2;

export interface DataFile {
  /** Its path in the dataset version. */
  path: string;
  /** Where it lies on this machine. */
  file: string;
  rows: number;
}
export interface LabelFile {
  /** The day of `_label_time`, `YYYY-MM-DD`. */
  day: string;
  file: string;
  rows: number;
}
export interface WeekData extends Week {
  data: DataFile;
  /** One file per day on which labels arrive; days without flights have none. */
  labels: LabelFile[];
}
export interface FlightsData {
  dir: string;
  /** What the first champion learns from. */
  january: DataFile;
  /** 1 to 4 February, between January and the first window: in the dataset from the first labelled week on. */
  gap: DataFile;
  weeks: WeekData[];
  /** Whether the files were there already. */
  cached: boolean;
}

export interface PrepareOptions {
  /** Below it lies `flights/<digest>/`. */
  cacheDir: string;
  weeks: number;
  /** Share of the flights to keep, by a hash of `flight_id`: 1 keeps all. */
  slice: number;
  /** false: the flights as they were, without the example's two incidents. */
  incidents?: boolean;
}

/**
 * Makes the files, or finds them as an earlier call left them. The same flights give the same bytes, so a dataset
 * version has the same id on every run. Throws SeawallError when `vega-datasets` is not installed or the options are off.
 */
export async function prepareFlights(options: PrepareOptions): Promise<FlightsData> {
  checkOptions(options);
  const source = sourceFile();
  const digest = createHash('sha256')
    .update(
      JSON.stringify([DATA_VERSION, await sha256Of(source), options.slice, options.weeks, options.incidents ?? true]),
    )
    .digest('hex');
  const dir = join(options.cacheDir, 'flights', digest.slice(0, 16));
  const known = await readIndex(dir);
  if (known) return { dir, ...known, cached: true };
  const making = `${dir}.${process.pid}.making`;
  await rm(making, { recursive: true, force: true });
  await mkdir(making, { recursive: true });
  try {
    const made = await makeFiles(source, making, options);
    await writeFile(join(making, INDEX), JSON.stringify(relativeTo(made, making), null, 2));
    await publish(making, dir);
  } finally {
    await rm(making, { recursive: true, force: true });
  }
  const made = await readIndex(dir);
  if (!made) throw new SeawallError('Unavailable', `${join(dir, INDEX)} vanished`, 'Run the command again.');
  return { dir, ...made, cached: false };
}

type Index = Pick<FlightsData, 'january' | 'gap' | 'weeks'>;
const INDEX = 'index.json';

/** Another process may have been faster; its files are the same. */
async function publish(making: string, dir: string): Promise<void> {
  try {
    await rename(making, dir);
  } catch (error) {
    if (!(await readIndex(dir))) throw error;
  }
}

async function readIndex(dir: string): Promise<Index | undefined> {
  let text: string;
  try {
    text = await readFile(join(dir, INDEX), 'utf8');
  } catch {
    return undefined;
  }
  const index = JSON.parse(text) as Index;
  return withFiles(index, (file) => join(dir, file));
}

const relativeTo = (index: Index, dir: string): Index => withFiles(index, (file) => file.slice(dir.length + 1));

function withFiles(index: Index, change: (file: string) => string): Index {
  const moved = <T extends { file: string }>(of: T): T => ({ ...of, file: change(of.file) });
  const weeks = index.weeks.map((week) => ({ ...week, data: moved(week.data), labels: week.labels.map(moved) }));
  return { january: moved(index.january), gap: moved(index.gap), weeks };
}

function checkOptions({ weeks, slice }: PrepareOptions): void {
  if (!Number.isInteger(weeks) || weeks < 1 || weeks > MAX_WEEKS) {
    throw new SeawallError('BadInput', `the example cannot run ${weeks} weeks`, `Choose 1 to ${MAX_WEEKS} weeks.`);
  }
  if (!(slice > 0 && slice <= 1)) {
    throw new SeawallError('BadInput', `a slice of ${slice} is not possible`, 'Choose a share above 0 and up to 1.');
  }
}

function sourceFile(): string {
  try {
    const require = createRequire(import.meta.url);
    // The package exports its entry point only; the data lie beside that one's folder.
    return join(dirname(require.resolve('vega-datasets')), '..', 'data', 'flights-3m.parquet');
  } catch (cause) {
    throw new SeawallError('NotFound', 'the npm package vega-datasets is not installed', 'Run `npm ci`.', { cause });
  }
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

// ── Making the files ────────────────────────────────────────────────────────────────────────────────────────────────

async function makeFiles(
  source: string,
  dir: string,
  { weeks, slice, incidents = true }: PrepareOptions,
): Promise<Index> {
  // One thread: with more, row groups are written in the order in which threads finish, and the bytes differ.
  const database = await DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await database.connect();
  try {
    await connection.run(flightsTable(source, { slice, end: productionWeek(weeks).to, incidents }));
    const write = (path: string, from: string, to: string) => writeFlights(connection, dir, path, from, to);
    const january = await write('month=2001-01/flights.parquet', '2001-01-01T00:00:00.000Z', JANUARY_END);
    const gap = await write('week=2001-01-29/flights.parquet', JANUARY_END, PRODUCTION_START);
    const made: WeekData[] = [];
    for (let k = 1; k <= weeks; k++) {
      const week = productionWeek(k);
      const data = await write(`week=${week.day}/flights.parquet`, week.from, week.to);
      made.push({ ...week, data, labels: await writeLabels(connection, dir, week) });
    }
    return { january, gap, weeks: made };
  } finally {
    connection.closeSync();
    database.closeSync();
  }
}

/**
 * The flights up to `end`. `flight_id` is the row's number in the source: flights have duplicates, rows have not. The slice is
 * Knuth's multiplicative hash of it (The Art of Computer Programming, vol. 3, 6.4), which spreads evenly over all weeks.
 */
function flightsTable(
  source: string,
  { slice, end, incidents }: { slice: number; end: string; incidents: boolean },
): string {
  const code = (column: string): string => (incidents ? `${deliveredCode(column, 'date')} AS ${column}` : column);
  const delay = incidents ? realDelay('delay', 'destination', 'date') : 'delay';
  return `
    CREATE TABLE flights AS
    SELECT file_row_number AS flight_id, date AS event_time,
           hour(date)::BIGINT AS hour, isodow(date)::BIGINT AS weekday, distance::FLOAT AS distance,
           ${code('origin')}, ${code('destination')}, (${delay} > 15)::INTEGER AS late
    FROM read_parquet(${text(source)}, file_row_number = true)
    WHERE date < ${time(end)} AND (file_row_number * 2654435761) % 4294967296 < ${Math.round(slice * 2 ** 32)}
    ORDER BY file_row_number`;
}

async function writeFlights(
  connection: DuckDBConnection,
  dir: string,
  path: string,
  from: string,
  to: string,
): Promise<DataFile> {
  const select = `
    SELECT * FROM flights WHERE event_time >= ${time(from)} AND event_time < ${time(to)} ORDER BY event_time, flight_id`;
  const file = join(dir, 'dataset', path);
  return { path, file, rows: await copyTo(connection, select, file) };
}

/** What the airline's records say a week later, in the columns of the label log. */
async function writeLabels(connection: DuckDBConnection, dir: string, week: Week): Promise<LabelFile[]> {
  const written: LabelFile[] = [];
  for (const day of labelDays(week)) {
    const file = join(dir, 'labels', `dt=${day}`, `flights-${week.day}.parquet`);
    const labelTime = `event_time + INTERVAL ${LABEL_DELAY_DAYS} DAY`;
    const select = `
      SELECT 'f' || flight_id AS _prediction_id, late::BIGINT AS label, ${labelTime} AS _label_time, 1::BIGINT AS _seq
      FROM flights WHERE (${labelTime})::DATE = DATE ${text(day)} ORDER BY event_time, flight_id`;
    const rows = await copyTo(connection, select, file);
    if (rows > 0) written.push({ day, file, rows });
  }
  return written;
}

async function copyTo(connection: DuckDBConnection, select: string, file: string): Promise<number> {
  await mkdir(dirname(file), { recursive: true });
  const copied = await connection.runAndReadAll(`COPY (${select}) TO ${text(file)} (FORMAT parquet, COMPRESSION zstd)`);
  return Number(copied.getRows()[0]?.[0] ?? 0);
}

const text = (value: string): string => `'${value.replaceAll("'", "''")}'`;
const time = (iso: string): string => `TIMESTAMP '${iso.replace('T', ' ').replace('Z', '')}'`;
