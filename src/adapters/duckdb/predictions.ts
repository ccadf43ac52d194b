import type { LogFile } from '../../activities/monitor.js';
import { predictionColumns, type Window } from '../../contracts/index.js';
import type { Database } from './database.js';
import { timestamp } from './sql.js';
import { stage, type StagedColumn, type Unreadable } from './staging.js';

/** Columns of the prediction log that every analysis stages; the names of the table's columns are ours. */
const base: StagedColumn[] = [
  { alias: 'id', name: predictionColumns.id, kind: 'text' },
  { alias: 'event_time', name: predictionColumns.eventTime, kind: 'time' },
  { alias: 'release', name: predictionColumns.release, kind: 'number' },
  { alias: 'arm', name: predictionColumns.arm, kind: 'text' },
  { alias: 'score', name: predictionColumns.score, kind: 'float32' },
];

export interface StagedPredictions {
  rows: number;
  duplicates: number;
  withoutId: number;
  withoutTime: number;
  unreadable: Unreadable[];
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
  features: StagedColumn[],
): Promise<StagedPredictions> {
  const inWindow = `event_time >= ${timestamp(window.from)} AND event_time < ${timestamp(window.to)}`;
  const where = `arm IS DISTINCT FROM 'shadow' AND (event_time IS NULL OR (${inWindow}))`;
  const unreadable = await stage(db, 'staged', files, [...base, ...features], where);
  const [counts] = await db.all<{ rows: number; all: number; withoutId: number; withoutTime: number }>(`
    SELECT count(DISTINCT id) FILTER (event_time IS NOT NULL)::DOUBLE AS rows,
           count(*) FILTER (event_time IS NOT NULL AND id IS NOT NULL)::DOUBLE AS "all",
           count(*) FILTER (event_time IS NOT NULL AND id IS NULL)::DOUBLE AS "withoutId",
           count(*) FILTER (event_time IS NULL)::DOUBLE AS "withoutTime"
    FROM staged`);
  const { rows, all, withoutId, withoutTime } = counts!;
  await db.run(`CREATE TABLE predictions AS SELECT * FROM staged WHERE event_time IS NOT NULL AND id IS NOT NULL
    ${all === rows ? '' : earliestOfEach(features)}`);
  await db.run('DROP TABLE staged');
  return { rows, duplicates: all - rows, withoutId, withoutTime, unreadable };
}

function earliestOfEach(features: StagedColumn[]): string {
  const order = ['event_time', 'release', 'score', ...features.map((feature) => feature.alias)];
  return `QUALIFY row_number() OVER (PARTITION BY id ORDER BY ${order.map((name) => `${name} NULLS LAST`).join(', ')}) = 1`;
}
