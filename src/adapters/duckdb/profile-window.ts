import type { LogFile, ProfileRequest } from '../../activities/monitor.js';
import { predictionColumns } from '../../contracts/index.js';
import type { NumericProfile } from '../../contracts/index.js';
import type { ExpectedColumn, WindowColumn, WindowProfile } from '../../activities/monitor.js';
import { countStates, profileCategorical, profileNumeric } from './columns.js';
import { type Database, type DatabaseOptions, withDatabase } from './database.js';
import { stagePredictions } from './predictions.js';
import type { StagedColumn } from './staging.js';

/**
 * Counts one window of the prediction log against a reference: distinct predictions with `from <= _event_time < to` (UTC),
 * which releases answered, and every expected column in the reference's bins or categories.
 * Broken input (types, columns, files, lines) is counted, never thrown.
 */
export function profileWindow(options: DatabaseOptions, request: ProfileRequest): Promise<WindowProfile> {
  return withDatabase(options, async (db) => {
    const staged = request.columns.map(stagedFeature);
    const { rows, duplicates, withoutId, withoutTime, unreadable } = await stagePredictions(
      db,
      request.files satisfies LogFile[],
      request.window,
      staged,
    );
    const score = { name: predictionColumns.score, type: 'float32', reference: request.score } as const;
    return {
      rows,
      duplicates,
      withoutId,
      withoutTime,
      servedBy: await servedBy(db),
      columns: await profileColumns(db, request.columns),
      score: await profileScore(db, score),
      unreadable,
    };
  });
}

const aliasOf = (index: number): string => `feature_${index}`;
const stagedFeature = (column: ExpectedColumn, index: number): StagedColumn => ({
  alias: aliasOf(index),
  name: column.name,
  kind: column.type,
});

function servedBy(db: Database): Promise<WindowProfile['servedBy']> {
  return db.all(`SELECT release, count(*)::DOUBLE AS rows FROM predictions WHERE release IS NOT NULL
    GROUP BY release ORDER BY rows DESC, release DESC`);
}

async function profileColumns(db: Database, columns: ExpectedColumn[]): Promise<WindowColumn[]> {
  const numeric = columns.flatMap(({ reference }, index) =>
    reference.kind === 'numeric' ? [{ alias: aliasOf(index), reference }] : [],
  );
  const numericProfiles = await profileNumeric(db, 'predictions', numeric);
  const profiled: WindowColumn[] = [];
  for (const [index, { name, type, reference }] of columns.entries()) {
    const alias = aliasOf(index);
    const measured =
      reference.kind === 'numeric'
        ? numericProfiles[numeric.findIndex((column) => column.alias === alias)]!
        : await profileCategorical(db, 'predictions', alias, reference);
    profiled.push({ name, expected: type, ...measured, ...(await countStates(db, 'predictions', alias)) });
  }
  return profiled;
}

async function profileScore(
  db: Database,
  score: { name: string; type: 'float32'; reference: NumericProfile },
): Promise<WindowProfile['score']> {
  const [measured] = await profileNumeric(db, 'predictions', [{ alias: 'score', reference: score.reference }]);
  const states = await countStates(db, 'predictions', 'score');
  return {
    name: score.name,
    expected: score.type,
    ...measured!,
    profile: measured!.profile as NumericProfile,
    ...states,
  };
}
