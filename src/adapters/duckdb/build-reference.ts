import { basename } from 'node:path';
import {
  type CategoricalProfile,
  type Feature,
  type NumericProfile,
  predictionColumns,
  type ReferenceProfile,
  SeawallError,
} from '../../contracts/index.js';
import { profileNumeric } from './columns.js';
import { type Database, type DatabaseOptions, withDatabase } from './database.js';
import { binaryPerformance } from './performance.js';
import { stage } from './staging.js';

/** Categories with a count of their own; the rest is `other`. */
const TOP_CATEGORIES = 100;
/** Above this many categories "never seen" means nothing any more. */
const KNOWN_CATEGORIES = 10_000;

export interface ReferenceRequest {
  /** Local Parquet or JSON-lines files: rows with the features, `score` and the label. */
  files: string[];
  features: Feature[];
  labelColumn: string;
  /** Default: `score`. */
  scoreColumn?: string;
}

/**
 * Profiles the rows that a champion is accepted on: deciles of numbers, frequent categories of texts, and how good the
 * scores were. Equal rows give an equal profile, whatever their order.
 * @throws SeawallError BadData when a file cannot be read, or when no row has a score
 */
export function buildReference(options: DatabaseOptions, request: ReferenceRequest): Promise<ReferenceProfile> {
  return withDatabase(options, async (db) => {
    await stageRows(db, request);
    const columns = [];
    for (const [index, feature] of request.features.entries()) {
      const alias = `feature_${index}`;
      const profile = feature.type === 'string' ? categorical(db, alias, feature) : numeric(db, alias, feature.name);
      columns.push(await profile);
    }
    const prediction = await numeric(db, 'score', predictionColumns.score);
    if (prediction.rows === prediction.nulls) {
      throw new SeawallError(
        'BadData',
        `A reference profile needs rows with a score, but none of ${prediction.rows} rows has one.`,
        'Look at the holdout: it is empty, or the model answers with something that is not a number.',
      );
    }
    const performance = await binaryPerformance(db, 'rows');
    return { kind: 'reference-profile', schema: 1, rows: prediction.rows, columns, prediction, performance };
  });
}

async function stageRows(db: Database, request: ReferenceRequest): Promise<void> {
  const files = request.files.map((path) => ({ path, name: basename(path) }));
  const unreadable = await stage(db, 'rows', files, [
    { alias: 'score', name: request.scoreColumn ?? predictionColumns.score, kind: 'float32' },
    { alias: 'label', name: request.labelColumn, kind: 'label' },
    ...request.features.map(({ name, type }, index) => ({ alias: `feature_${index}`, name, kind: type })),
  ]);
  const first = unreadable[0];
  if (first) {
    throw new SeawallError(
      'BadData',
      `${first.file} cannot be read: ${first.lines === null ? '' : `${first.lines} lines are `}${first.problem}`,
      'A reference profile must see all rows of the holdout: make the files whole and commit them again.',
    );
  }
}

async function numeric(db: Database, alias: string, name: string): Promise<NumericProfile> {
  const edges = await decileEdges(db, alias);
  const empty = { kind: 'numeric', name, rows: 0, nulls: 0, min: null, max: null, edges, counts: [] } as const;
  const [measured] = await profileNumeric(db, 'rows', [{ alias, reference: { ...empty, counts: [] } }]);
  return measured!.profile as NumericProfile;
}

/**
 * The distinct deciles. A decile that equals the minimum would leave the bin below it empty: the next greater value stands
 * in its place, which also gives a column of nearly only zeros a bin of its own for the others.
 */
async function decileEdges(db: Database, alias: string): Promise<number[]> {
  const [row] = await db.all<{ min: number | null; next: number | null; deciles: number[] | null }>(`
    SELECT min(${alias}) AS min, min(${alias}) FILTER (${alias} > (SELECT min(${alias}) FROM rows)) AS next,
           quantile_disc(${alias}, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]) AS deciles
    FROM rows`);
  const { min, next, deciles } = row!;
  const edges = (deciles ?? []).map((decile) => (decile === min ? next : decile)).filter((edge) => edge !== null);
  return [...new Set(edges)].sort((a, b) => a - b);
}

async function categorical(db: Database, alias: string, { name }: Feature): Promise<CategoricalProfile> {
  const [row] = await db.all<{ rows: number; values: number; distinct: number }>(
    `SELECT count(*)::DOUBLE AS rows, count(${alias})::DOUBLE AS "values", count(DISTINCT ${alias})::DOUBLE AS "distinct" FROM rows`,
  );
  const { rows, values, distinct } = row!;
  const categories = await db.all<{ value: string; count: number }>(
    `SELECT ${alias} AS value, count(*)::DOUBLE AS count FROM rows WHERE ${alias} IS NOT NULL
     GROUP BY ${alias} ORDER BY count DESC, value LIMIT ${TOP_CATEGORIES}`,
  );
  const all = `SELECT DISTINCT ${alias} AS value FROM rows WHERE ${alias} IS NOT NULL ORDER BY value`;
  const known = distinct <= KNOWN_CATEGORIES ? (await db.all<{ value: string }>(all)).map(({ value }) => value) : null;
  const counted = categories.reduce((sum, { count }) => sum + count, 0);
  return { kind: 'categorical', name, rows, nulls: rows - values, categories, other: values - counted, known };
}
