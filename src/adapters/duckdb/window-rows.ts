/** A window of the logs as rows to learn from. */
import type { WindowRowsRequest } from '../../activities/logs-dataset.js';
import { labelColumns, predictionColumns } from '../../contracts/index.js';
import { type Database, type DatabaseOptions, withDatabase } from './database.js';
import { identifier, text, timestamp } from './sql.js';
import { stage, type StagedColumn } from './staging.js';
import { isKnownLabel, labelKind } from './task-labels.js';

/** What is known of a prediction that tells its rows apart; of several rows with one id the earliest counts, as in monitoring. */
const base: StagedColumn[] = [
  { alias: 'id', name: predictionColumns.id, kind: 'text' },
  { alias: 'event_time', name: predictionColumns.eventTime, kind: 'time' },
  { alias: 'release', name: predictionColumns.release, kind: 'number' },
  { alias: 'arm', name: predictionColumns.arm, kind: 'text' },
  { alias: 'score', name: predictionColumns.score, kind: 'float32' },
];
/**
 * Writes the window's predictions that have a label to `target` (Parquet): id, `_event_time` (UTC), the features in the
 * configuration's types, the label. Shadow's rows are none: they served nobody. Of several labels the highest `_seq` counts; one
 * that its task does not know (neither 0 nor 1, no class of the model) is none. What cannot be read as its feature's type is null, as it is for monitoring.
 * The same rows give the same bytes, in whatever files and order they lie.
 * @returns the rows that were written, with none there is no file; null: something cannot be read, and what is written now would stay
 */
export function writeWindowRows(options: DatabaseOptions, request: WindowRowsRequest): Promise<number | null> {
  // One thread: how rows fall into row groups, and so the file's digest, depends on the number of threads.
  return withDatabase({ ...options, threads: 1 }, async (db) => {
    if (!(await stageRows(db, request))) return null;
    const [found] = await db.all<{ rows: number }>('SELECT count(*)::DOUBLE AS rows FROM labelled');
    if (found!.rows > 0)
      await db.run(
        `COPY (SELECT ${columnsOf(request).join(', ')} FROM labelled ORDER BY event_time, id)
         TO ${text(request.target)} (FORMAT parquet, COMPRESSION zstd)`,
      );
    return found!.rows;
  });
}

/** False when a log object, or a line of one, cannot be read. */
async function stageRows(db: Database, request: WindowRowsRequest): Promise<boolean> {
  const { predictions, labels, window, features, answering } = request;
  const staged = features.map(({ name, type }, i): StagedColumn => ({ alias: aliasOf(i), name, kind: type }));
  const inWindow = `event_time >= ${timestamp(window.from)} AND event_time < ${timestamp(window.to)}`;
  const counts = `arm IS DISTINCT FROM 'shadow' AND id IS NOT NULL AND ${inWindow}`;
  const unread = await stage(db, 'predictions', predictions, [...base, ...staged], counts);
  const label: StagedColumn[] = [
    { alias: 'id', name: labelColumns.id, kind: 'text' },
    { alias: 'label', name: labelColumns.label, kind: labelKind[answering.task] },
    { alias: 'label_time', name: labelColumns.labelTime, kind: 'time' },
    { alias: 'seq', name: labelColumns.seq, kind: 'sequence' },
  ];
  unread.push(...(await stage(db, 'labels', labels, label, 'id IN (SELECT id FROM predictions)')));
  const order = ['event_time', 'release', 'score', ...staged.map(({ alias }) => alias)].map((by) => `${by} NULLS LAST`);
  await db.run(`CREATE TABLE labelled AS
    WITH answered AS (
      SELECT * FROM predictions QUALIFY row_number() OVER (PARTITION BY id ORDER BY ${order.join(', ')}) = 1),
    truth AS (
      SELECT id, label FROM labels QUALIFY row_number() OVER (
        PARTITION BY id ORDER BY seq DESC NULLS LAST, label_time DESC NULLS LAST, label DESC NULLS LAST) = 1)
    SELECT * FROM answered JOIN truth USING (id) WHERE ${isKnownLabel(answering, 'label')}`);
  return unread.length === 0;
}

const aliasOf = (index: number): string => `feature_${index}`;
const TYPES = { float32: 'FLOAT', int64: 'BIGINT', string: 'VARCHAR' } as const;

const LEARNT_AS = { binary: 'BIGINT', multiclass: 'VARCHAR', regression: 'DOUBLE' } as const;

function columnsOf({ rowId, features, labelColumn, answering }: WindowRowsRequest): string[] {
  return [
    `id AS ${identifier(rowId)}`,
    `event_time AS ${identifier(predictionColumns.eventTime)}`,
    ...features.map(({ name, type }, i) => `TRY_CAST(${aliasOf(i)} AS ${TYPES[type]}) AS ${identifier(name)}`),
    `label::${LEARNT_AS[answering.task]} AS ${identifier(labelColumn)}`,
  ];
}
