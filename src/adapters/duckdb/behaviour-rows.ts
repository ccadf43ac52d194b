/** Rows for tests of behaviour: some of the holdout's as they are, and changed. */
import { type BehaviourTest, type Feature, SeawallError } from '../../contracts/index.js';
import { type DatabaseOptions, withDatabase } from './database.js';
import { double, identifier, plainPath, text } from './sql.js';

const SQL_TYPES = { float32: 'FLOAT', int64: 'BIGINT', string: 'VARCHAR' } as const;
/** Evenly over the holdout. */
const ROWS = 2000;

/**
 * Writes the rows of all tests, one after the other, to `target` (Parquet): before and after the change, of a `minimum` the one.
 * @returns how many of each, per test
 * @throws SeawallError `BadData`: a value that is none of its feature's type
 */
export function writeBehaviourRows(
  options: DatabaseOptions,
  request: { file: string; features: Feature[]; tests: BehaviourTest[]; target: string },
): Promise<{ before: number; changed: number }[]> {
  const { file, features, tests, target } = request;
  return withDatabase({ ...options, threads: 1 }, async (db) => {
    const rows = `read_parquet([${text(await plainPath(db, file))}], hive_partitioning = false, file_row_number = true)`;
    const own = features.map(
      ({ name, type }) => `CAST(${identifier(name)} AS ${SQL_TYPES[type]}) AS ${identifier(name)}`,
    );
    await db.run(`CREATE TABLE sample AS SELECT ${own.join(', ')}, row_number() OVER (ORDER BY file_row_number) AS n FROM ${rows}
      WHERE file_row_number % greatest(1, (SELECT count(*) FROM ${rows}) // ${ROWS}) = 0 LIMIT ${ROWS}`);
    const [size] = await db.all<{ rows: number }>('SELECT count(*)::DOUBLE AS rows FROM sample');
    const parts: string[] = [];
    const counts = tests.map((test) => {
      const changed = features
        .map((feature) => `${changedTo(feature, test)} AS ${identifier(feature.name)}`)
        .join(', ');
      if (test.kind === 'minimum') {
        parts.push(`SELECT ${changed}, 1 AS n`);
        return { before: 1, changed: 0 };
      }
      parts.push('SELECT * FROM sample', `SELECT ${changed}, n FROM sample`);
      return { before: size!.rows, changed: size!.rows };
    });
    const names = features.map(({ name }) => identifier(name)).join(', ');
    const union = parts.map((part, i) => `SELECT ${i} AS part, * FROM (${part})`).join(' UNION ALL ');
    await db
      .run(`COPY (SELECT ${names} FROM (${union}) ORDER BY part, n) TO ${text(target)} (FORMAT parquet)`)
      .catch(wrongValue);
    return counts;
  });
}

function changedTo({ name, type }: Feature, { set, add }: BehaviourTest): string {
  const value = set?.[name];
  if (value !== undefined)
    return `CAST(${typeof value === 'number' ? double(value) : text(value)} AS ${SQL_TYPES[type]})`;
  const more = add?.[name];
  return more === undefined ? identifier(name) : `CAST(${identifier(name)} + ${double(more)} AS ${SQL_TYPES[type]})`;
}

function wrongValue(cause: unknown): never {
  const problem = cause instanceof Error ? cause.message.split('\n')[0] : String(cause);
  throw new SeawallError(
    'BadData',
    `The rows of promotion.tests cannot be made: ${problem}`,
    'Give each feature a value of its type.',
    { cause },
  );
}
