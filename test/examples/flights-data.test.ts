import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { labelDays, productionWeek } from '../../examples/flights/calendar.js';
import { type FlightsData, prepareFlights } from '../../examples/flights/data.js';

let cacheDir: string;
let full: FlightsData;

beforeAll(async () => {
  cacheDir = await mkdtemp(join(tmpdir(), 'seawall-flights-'));
  full = await prepareFlights({ cacheDir, weeks: 2, slice: 1 });
}, 120_000);
afterAll(() => rm(cacheDir, { recursive: true, force: true }));

async function query(sql: string): Promise<Record<string, unknown>[]> {
  const database = await DuckDBInstance.create(':memory:');
  const connection = await database.connect();
  try {
    return (await connection.runAndReadAll(sql)).getRowObjectsJson();
  } finally {
    connection.closeSync();
    database.closeSync();
  }
}
const filesOf = (data: FlightsData): string[] => [
  data.january.file,
  data.gap.file,
  ...data.weeks.flatMap((week) => [week.data.file, ...week.labels.map((label) => label.file)]),
];
const digestsOf = (data: FlightsData): Promise<string[]> =>
  Promise.all(
    filesOf(data).map(async (file) =>
      createHash('sha256')
        .update(await readFile(file))
        .digest('hex'),
    ),
  );

describe('the calendar', () => {
  it('counts weeks from Monday, and delivers a week of labels seven days later', () => {
    const week = productionWeek(2);
    expect(week).toEqual({ k: 2, from: '2001-02-12T00:00:00.000Z', to: '2001-02-19T00:00:00.000Z', day: '2001-02-12' });
    expect(new Date(week.from).getUTCDay()).toBe(1);
    expect(labelDays(week)[0]).toBe('2001-02-19');
    expect(labelDays(week).at(-1)).toBe('2001-02-25');
  });
});

describe('the flights', () => {
  it('are cut without losing or doubling one', async () => {
    expect(full.january.rows).toBe(508_239);
    expect(full.gap.rows).toBe(65_470);
    expect(full.weeks.map((week) => week.data.rows)).toEqual([113_229, 114_704]);
    const files = [full.january, full.gap, ...full.weeks.map((week) => week.data)].map((data) => `'${data.file}'`);
    const [found] = await query(`
      SELECT count(*)::INTEGER AS rows, count(DISTINCT flight_id)::INTEGER AS ids,
             max(event_time)::VARCHAR < '2001-02-19' AS inside FROM read_parquet([${files.join(', ')}])`);
    expect(found).toEqual({ rows: 801_642, ids: 801_642, inside: true });
  });

  it('have the columns and types that model.yaml names', async () => {
    const columns = await query(
      `DESCRIBE SELECT * FROM read_parquet('${full.january.file}', hive_partitioning = false)`,
    );
    expect(columns.map((column) => `${String(column['column_name'])} ${String(column['column_type'])}`)).toEqual([
      'flight_id BIGINT',
      'event_time TIMESTAMP',
      'hour BIGINT',
      'weekday BIGINT',
      'distance FLOAT',
      'origin VARCHAR',
      'destination VARCHAR',
      'late INTEGER',
    ]);
  });

  it('agree with the source, row by row', async () => {
    const source = 'node_modules/vega-datasets/data/flights-3m.parquet';
    const [found] = await query(`
      SELECT count(*)::INTEGER AS rows,
             count(*) FILTER (made.event_time = source.date AND made.late = (source.delay > 15)::INTEGER
               AND made.distance = source.distance AND made.origin = source.origin
               AND made.destination = source.destination AND made.hour = hour(source.date)
               AND made.weekday = (dayofweek(source.date) + 6) % 7 + 1)::INTEGER AS equal
      FROM '${full.weeks[0]?.data.file}' made
      JOIN read_parquet('${source}', file_row_number = true) source ON made.flight_id = source.file_row_number`);
    expect(found).toEqual({ rows: 113_229, equal: 113_229 });
  });

  it('get one label each, on the day on which it arrives', async () => {
    const [week] = full.weeks;
    const labels = week?.labels ?? [];
    expect(labels.map((label) => label.day)).toEqual(labelDays(productionWeek(1)));
    const files = labels.map((label) => `'${label.file}'`).join(', ');
    const [found] = await query(`
      SELECT count(*)::INTEGER AS rows, count(DISTINCT _prediction_id)::INTEGER AS ids,
             count(*) FILTER (label = late AND _label_time = event_time + INTERVAL 7 DAY AND _seq = 1
               AND logged.filename LIKE '%dt=' || _label_time::DATE::VARCHAR || '/%')::INTEGER AS right
      FROM read_parquet([${files}], filename = true) logged JOIN '${week?.data.file}' ON _prediction_id = 'f' || flight_id`);
    expect(found).toEqual({ rows: 113_229, ids: 113_229, right: 113_229 });
  });

  it('have the same bytes when made again, and are not made again when they are there', async () => {
    const elsewhere = await mkdtemp(join(tmpdir(), 'seawall-flights-'));
    try {
      const again = await prepareFlights({ cacheDir: elsewhere, weeks: 2, slice: 1 });
      expect(again.cached).toBe(false);
      expect(await digestsOf(again)).toEqual(await digestsOf(full));
    } finally {
      await rm(elsewhere, { recursive: true, force: true });
    }
    const found = await prepareFlights({ cacheDir, weeks: 2, slice: 1 });
    expect(found).toEqual({ ...full, cached: true });
  }, 60_000);
});

describe('a slice', () => {
  it('keeps its share of every part, and only flights of the whole', async () => {
    const slice = await prepareFlights({ cacheDir, weeks: 2, slice: 0.05 });
    expect(slice.dir).not.toBe(full.dir);
    expect(slice.january.rows / full.january.rows).toBeCloseTo(0.05, 2);
    for (const [index, week] of slice.weeks.entries()) {
      const whole = full.weeks[index];
      expect(week.data.rows / (whole?.data.rows ?? 0)).toBeCloseTo(0.05, 2);
      expect(week.labels.reduce((sum, label) => sum + label.rows, 0)).toBe(week.data.rows);
      const [missing] = await query(`
        SELECT count(*)::INTEGER AS rows FROM (SELECT * FROM '${week.data.file}' EXCEPT SELECT * FROM '${whole?.data.file}')`);
      expect(missing).toEqual({ rows: 0 });
    }
  }, 60_000);

  it.each([0, -1, 1.5, Number.NaN])('of %s is refused', async (slice) => {
    await expect(prepareFlights({ cacheDir, weeks: 1, slice })).rejects.toThrow(/slice/);
  });
  it.each([0, 22, 1.5])('of %s weeks is refused', async (weeks) => {
    await expect(prepareFlights({ cacheDir, weeks, slice: 1 })).rejects.toThrow(/weeks/);
  });
});
