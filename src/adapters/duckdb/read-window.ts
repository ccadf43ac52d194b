import type { ExpectedColumn, WindowReading, WindowRequest } from '../../activities/monitor.js';
import { outputsOf, type ProfiledColumn, scoreColumn } from '../../contracts/index.js';
import { type Database, type DatabaseOptions, withDatabase } from './database.js';
import { extraColumns } from './extra-columns.js';
import { stagePredictions } from './predictions.js';
import { profileTable, type RelationColumn } from './profile/index.js';
import { identifier, text } from './sql.js';
import type { StagedColumn } from './staging.js';

/** Of the champion's arm, which is everybody's who names none. */
export const CHAMPIONS = `(SELECT * FROM predictions WHERE arm IS DISTINCT FROM 'canary')`;

/** The column of an index that holds a column of the log by which quality is looked at apart. */
export const sliceName = (name: string): string => `slice:${name}`;

/**
 * Counts one window of the prediction log, distinct predictions with `from <= _event_time < to` (UTC): its traffic, which releases
 * answered, and the expected columns. Writes the index that labels are joined with. Broken input (types, columns, files, lines)
 * is counted, never thrown.
 */
export function readWindow(options: DatabaseOptions, request: WindowRequest): Promise<WindowReading> {
  return withDatabase(options, async (db) => {
    const { files, window, columns, partMs } = request;
    const staged = stagedColumns(request);
    const { rows, feed } = await stagePredictions(db, files, window, partMs, [...staged.values()]);
    const profiled = [
      ...(await profileTable(db, 'predictions', relationColumns(columns, staged, false))),
      ...(await profileTable(db, CHAMPIONS, relationColumns(columns, staged, true))),
    ];
    if (rows > 0) await writeIndex(db, request, staged);
    return {
      rows,
      servedBy: await servedBy(db),
      feed: {
        ...feed,
        extraColumns: request.extras ? await extraColumns(db, files, columns) : [],
        repeats: await repeats(db, request.unique, staged),
      },
      profile: { kind: 'profile', schema: 1, rows, columns: inOrder(profiled, columns), quality: null, slices: [] },
    };
  });
}

/** The log's columns that are needed, each once, by their names in the log. */
function stagedColumns({ columns, answering, slices }: WindowRequest): Map<string, StagedColumn> {
  const staged = new Map<string, StagedColumn>();
  const add = (name: string, kind: StagedColumn['kind']): void => {
    if (!staged.has(name)) staged.set(name, { alias: `c${staged.size}`, name, kind });
  };
  for (const { name, type } of columns)
    add(name, answering.task === 'multiclass' && name === 'prediction' ? 'text' : type);
  for (const { name } of outputsOf(answering)) add(name, 'number');
  for (const name of slices) add(name, 'text');
  return staged;
}

function relationColumns(
  columns: ExpectedColumn[],
  staged: ReadonlyMap<string, StagedColumn>,
  output: boolean,
): RelationColumn[] {
  return columns
    .filter((column) => column.output === output)
    .map(({ name, type }) => {
      const { alias, kind } = staged.get(name)!;
      const numeric = type !== 'string';
      // What is staged as plain text has no states: a class may be written as a number.
      return {
        name,
        kind: numeric ? 'numeric' : 'categorical',
        value: alias,
        ...(kind === 'text' ? {} : { state: `${alias}_state` }),
      };
    });
}

/** A sketch cannot tell: it has room for some thousand values. */
async function repeats(
  db: Database,
  unique: string[],
  staged: ReadonlyMap<string, StagedColumn>,
): Promise<WindowReading['feed']['repeats']> {
  const found: WindowReading['feed']['repeats'] = [];
  for (const name of unique) {
    const { alias } = staged.get(name)!;
    const [row] = await db.all<{ rows: number }>(
      `SELECT (count(${alias}) - count(DISTINCT ${alias}))::DOUBLE AS rows FROM predictions`,
    );
    found.push({ name, rows: row!.rows });
  }
  return found;
}

const inOrder = (profiled: ProfiledColumn[], columns: ExpectedColumn[]): ProfiledColumn[] =>
  columns.map(({ name }) => profiled.find((column) => column.name === name)!);

function servedBy(db: Database): Promise<WindowReading['servedBy']> {
  return db.all(`SELECT release, count(*)::DOUBLE AS rows FROM predictions WHERE release IS NOT NULL
    GROUP BY release ORDER BY rows DESC, release DESC`);
}

/** One row per prediction, by id, so that equal rows make an equal file. */
async function writeIndex(
  db: Database,
  { answering, slices, indexFile }: WindowRequest,
  staged: ReadonlyMap<string, StagedColumn>,
): Promise<void> {
  const answers = outputsOf(answering).map(
    ({ name }) => `${staged.get(name)!.alias}${scoreType(name)} AS ${identifier(name)}`,
  );
  const parts = slices.map((name) => `${staged.get(name)!.alias} AS ${identifier(sliceName(name))}`);
  await db.run(`COPY (SELECT id, arm, ${[...answers, ...parts].join(', ')} FROM predictions ORDER BY id)
    TO ${text(indexFile)} (FORMAT parquet, COMPRESSION zstd)`);
}

/** Scores are float32 wherever they come from. */
const scoreType = (name: string): string => (name.startsWith(scoreColumn()) ? '::FLOAT' : '');
