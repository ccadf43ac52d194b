/** Profiles of staged columns: counts in given bins or categories. */
import type { CategoricalProfile, NumericProfile } from '../../contracts/index.js';
import type { WindowColumn, WrongType } from '../../activities/monitor.js';
import type { Database } from './database.js';
import { double } from './sql.js';
import { state } from './values.js';

/** Aggregates of one query; more columns than this go into further queries. */
const COLUMNS_PER_QUERY = 20;

export interface NumericColumn {
  alias: string;
  reference: NumericProfile;
}
type Measured = Pick<WindowColumn, 'profile' | 'unseen' | 'outOfRange'>;

/** Counts numeric columns of `table` in the bins of their references. */
export async function profileNumeric(db: Database, table: string, columns: NumericColumn[]): Promise<Measured[]> {
  const profiles: Measured[] = [];
  for (let start = 0; start < columns.length; start += COLUMNS_PER_QUERY) {
    const some = columns.slice(start, start + COLUMNS_PER_QUERY);
    const aggregates = some.flatMap((column, index) => numericAggregates(column, `a${index}`));
    const [row] = await db.all<Record<string, number | null>>(
      `SELECT count(*)::DOUBLE AS rows, ${aggregates.join(', ')} FROM ${table}`,
    );
    profiles.push(...some.map((column, index) => numericProfile(column.reference, row!, `a${index}`)));
  }
  return profiles;
}

function numericAggregates({ alias, reference }: NumericColumn, prefix: string): string[] {
  const atLeast = reference.edges.map(
    (edge, index) => `count(*) FILTER (${alias} >= ${double(edge)})::DOUBLE AS ${prefix}_edge${index}`,
  );
  const range = widenedRange(reference);
  const outside = range ? `${alias} < ${double(range.low)} OR ${alias} > ${double(range.high)}` : 'false';
  return [
    `count(${alias})::DOUBLE AS ${prefix}_values`,
    `min(${alias}) AS ${prefix}_min`,
    `max(${alias}) AS ${prefix}_max`,
    `count(*) FILTER (${outside})::DOUBLE AS ${prefix}_outside`,
    ...atLeast,
  ];
}

/** The reference's range, widened by its own width on both sides. */
function widenedRange({ min, max }: NumericProfile): { low: number; high: number } | undefined {
  if (min === null || max === null) return undefined;
  return { low: Math.max(min - (max - min), -Number.MAX_VALUE), high: Math.min(max + (max - min), Number.MAX_VALUE) };
}

function numericProfile(reference: NumericProfile, row: Record<string, number | null>, prefix: string): Measured {
  const count = (name: string): number => row[name] ?? 0;
  const values = count(`${prefix}_values`);
  const atLeast = [values, ...reference.edges.map((_, index) => count(`${prefix}_edge${index}`)), 0];
  const profile: NumericProfile = {
    kind: 'numeric',
    name: reference.name,
    rows: count('rows'),
    nulls: count('rows') - values,
    min: row[`${prefix}_min`] ?? null,
    max: row[`${prefix}_max`] ?? null,
    edges: reference.edges,
    counts: atLeast.slice(0, -1).map((n, index) => n - atLeast[index + 1]!),
  };
  return { profile, unseen: null, outOfRange: widenedRange(reference) ? count(`${prefix}_outside`) : null };
}

/** Counts one text column of `table` in the categories of its reference. */
export async function profileCategorical(
  db: Database,
  table: string,
  alias: string,
  reference: CategoricalProfile,
): Promise<Measured> {
  const top = reference.categories.map((category) => category.value);
  const list = (parameter: string) => `(SELECT unnest(from_json(${parameter}, '["VARCHAR"]')))`;
  const groups = await db.all<{ value: string | null; rows: number; values: number; unseen: number }>(
    `SELECT CASE WHEN ${alias} IN ${list('$1')} THEN ${alias} END AS value, count(*)::DOUBLE AS rows,
            count(${alias})::DOUBLE AS "values", count(*) FILTER (${alias} NOT IN ${list('$2')})::DOUBLE AS unseen
     FROM ${table} GROUP BY 1`,
    [JSON.stringify(top), JSON.stringify(reference.known ?? [])],
  );
  const counts = new Map(groups.map((group) => [group.value, group]));
  const rows = groups.reduce((sum, group) => sum + group.rows, 0);
  const values = groups.reduce((sum, group) => sum + group.values, 0);
  const profile: CategoricalProfile = {
    kind: 'categorical',
    name: reference.name,
    rows,
    nulls: rows - values,
    categories: top.map((value) => ({ value, count: counts.get(value)?.rows ?? 0 })),
    other: counts.get(null)?.values ?? 0,
    // The list is the reference's business: repeating it in every report would be dear.
    known: null,
  };
  const unseen = groups.reduce((sum, group) => sum + group.unseen, 0);
  return { profile, unseen: reference.known ? unseen : null, outOfRange: null };
}

const wrongTypes: [WrongType, number][] = [
  ['text', state.text],
  ['number', state.number],
  ['boolean', state.boolean],
  ['other', state.other],
];

/** Rows that lack the column, and rows with a value of another type. */
export async function countStates(
  db: Database,
  table: string,
  alias: string,
): Promise<Pick<WindowColumn, 'missing' | 'wrong'>> {
  const states = await db.all<{ state: number; rows: number }>(
    `SELECT ${alias}_state AS state, count(*)::DOUBLE AS rows FROM ${table} GROUP BY 1`,
  );
  const rowsIn = (code: number): number => states.find((one) => one.state === code)?.rows ?? 0;
  return {
    missing: rowsIn(state.missing),
    wrong: wrongTypes.map(([type, code]) => ({ type, rows: rowsIn(code) })).filter(({ rows }) => rows > 0),
  };
}
