import type { LogFile } from '../../activities/monitor.js';
import { predictionColumns, type Volume, type Window, type WindowFeed } from '../../contracts/index.js';
import type { Database } from './database.js';
import { timestamp } from './sql.js';
import { stage, type StagedColumn } from './staging.js';

const DAY_MS = 86_400_000;

/** Columns of the prediction log that every analysis stages; the names of the table's columns are ours. */
const base: StagedColumn[] = [
  { alias: 'id', name: predictionColumns.id, kind: 'text' },
  { alias: 'event_time', name: predictionColumns.eventTime, kind: 'time' },
  { alias: 'release', name: predictionColumns.release, kind: 'number' },
  { alias: 'arm', name: predictionColumns.arm, kind: 'text' },
];

type Counted = 'objectRows' | 'rows' | 'all' | 'withoutId' | 'withoutTime' | 'before' | 'after';

export interface StagedPredictions {
  /** Distinct. */
  rows: number;
  feed: Omit<WindowFeed, 'extraColumns' | 'repeats'>;
}

/**
 * Stages a window's predictions as table `predictions`, one row per `_prediction_id`.
 * Of several rows with one id the earliest counts; rows of one instant are ordered by their contents, so that the choice
 * depends neither on the names nor on the order of the files. A shadow's answers served nobody: they are left out.
 */
export async function stagePredictions(
  db: Database,
  files: LogFile[],
  window: Window,
  partMs: number,
  columns: StagedColumn[],
): Promise<StagedPredictions> {
  const days = daysOf(window);
  const inWindow = `event_time >= ${timestamp(window.from)} AND event_time < ${timestamp(window.to)}`;
  const before = `event_time < ${timestamp(days.from)}`;
  const after = `event_time >= ${timestamp(days.to)}`;
  const unreadable = await stage(db, 'staged', files, [...base, ...columns], `arm IS DISTINCT FROM 'shadow'`);
  const count = (filter: string, what = '*'): string => `count(${what}) FILTER (${filter})::DOUBLE`;
  const [counts] = await db.all<Record<Counted, number>>(`
    SELECT count(*)::DOUBLE AS "objectRows", ${count(inWindow, 'DISTINCT id')} AS rows, ${count(`${inWindow} AND id IS NOT NULL`)} AS "all",
           ${count(`${inWindow} AND id IS NULL`)} AS "withoutId", ${count('event_time IS NULL')} AS "withoutTime",
           ${count(before)} AS before, ${count(after)} AS after
    FROM staged`);
  const { rows, all, objectRows, withoutId, withoutTime } = counts!;
  await db.run(`CREATE TABLE predictions AS SELECT * FROM staged WHERE ${inWindow} AND id IS NOT NULL
    ${all === rows ? '' : earliestOfEach(columns)}`);
  await db.run('DROP TABLE staged');
  const misdated = { before: counts!.before, after: counts!.after };
  const volume = await volumeOf(db, window, partMs);
  return { rows, feed: { objectRows, duplicates: all - rows, withoutId, withoutTime, misdated, volume, unreadable } };
}

function earliestOfEach(columns: StagedColumn[]): string {
  const order = ['event_time', 'release', ...columns.map(({ alias }) => alias)];
  return `QUALIFY row_number() OVER (PARTITION BY id ORDER BY ${order.map((name) => `${name} NULLS LAST`).join(', ')}) = 1`;
}

async function volumeOf(db: Database, { from, to }: Window, partMs: number): Promise<Volume> {
  const parts = await db.all<{ part: number; rows: number }>(
    `SELECT floor((epoch_ms(event_time) - ${Date.parse(from)}) / ${partMs})::DOUBLE AS part, count(*)::DOUBLE AS rows
     FROM predictions GROUP BY 1`,
  );
  const rows = Array.from({ length: Math.ceil((Date.parse(to) - Date.parse(from)) / partMs) }, () => 0);
  for (const { part, rows: found } of parts) rows[part] = found;
  return { partMs, rows };
}

/** The UTC days that a half-open window touches, from the first one's begin to the last one's end. */
function daysOf({ from, to }: Window): Window {
  const start = Math.floor(Date.parse(from) / DAY_MS) * DAY_MS;
  const end = Math.ceil(Date.parse(to) / DAY_MS) * DAY_MS;
  return { from: new Date(start).toISOString(), to: new Date(end).toISOString() };
}
