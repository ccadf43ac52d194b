/** Data to check a trainer with: made up for its features and task, or cut from its own. */
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Answering, type Feature, SeawallError } from '../../../contracts/index.js';
import { type Database, withDatabase } from '../../duckdb/database.js';
import { identifier, text } from '../../duckdb/sql.js';

export interface SampleOptions {
  features: Feature[];
  label: string;
  answering: Answering;
  /** Own data, Parquet; undefined: they are made up. */
  dataDir: string | undefined;
  /** Of made-up data. */
  rows: number;
  /** An empty folder. */
  root: string;
}

export interface Sample {
  /** What the trainer gets. */
  dataDir: string;
  /** The same without the label. */
  unlabelledDir: string;
  /** Rows with their labels, to be scored: at most 10,000. */
  rowsFile: string;
  /** Rows as serving may meet them, by what is unusual about them. */
  unusual: { what: string; file: string }[];
  rows: number;
}

const SCORED_ROWS = 10_000;
const UNUSUAL_ROWS = 100;

/** @throws SeawallError `BadInput`: own data cannot be read, or lack a column */
export function makeSample(options: SampleOptions): Promise<Sample> {
  const { root } = options;
  return withDatabase({ tempDir: join(root, 'scoring'), threads: 1 }, async (db) => {
    const dataDir = options.dataDir ?? join(root, 'data');
    // A trainer must look below the folder: dataset versions have paths.
    if (options.dataDir === undefined) await makeUp(db, options, dataDir);
    const all = `read_parquet(${text(join(dataDir, '**', '*.parquet'))}, union_by_name = true, hive_partitioning = false)`;
    const rows = await countRows(db, options, all, dataDir);
    const unlabelledDir = join(root, 'unlabelled');
    const rowsFile = join(root, 'scored.parquet');
    const names = options.features.map(({ name }) => identifier(name));
    await write(db, `SELECT ${names.join(', ')} FROM ${all} LIMIT ${SCORED_ROWS}`, join(unlabelledDir, 'part.parquet'));
    const usable = options.features.filter(({ type }) => type === 'int64').map(({ name }) => identifier(name));
    const where = [identifier(options.label), ...usable].map((name) => `${name} IS NOT NULL`).join(' AND ');
    const wanted = [...names, identifier(options.label)].join(', ');
    await write(db, `SELECT ${wanted} FROM ${all} WHERE ${where} LIMIT ${SCORED_ROWS}`, rowsFile);
    return { dataDir, unlabelledDir, rowsFile, unusual: await unusualRows(db, options, rowsFile), rows };
  });
}

async function write(db: Database, select: string, file: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await db.run(`COPY (${select}) TO ${text(file)} (FORMAT parquet)`);
}

async function countRows(
  db: Database,
  { features, label }: SampleOptions,
  relation: string,
  folder: string,
): Promise<number> {
  const wanted = [label, ...features.map(({ name }) => name)];
  try {
    const columns = await db.all<{ column_name: string }>(`DESCRIBE SELECT * FROM ${relation}`);
    const missing = wanted.find((name) => !columns.some((column) => column.column_name === name));
    if (missing !== undefined) throw new Error(`no file has a column "${missing}"`);
    const [count] = await db.all<{ n: number }>(`SELECT CAST(count(*) AS DOUBLE) AS n FROM ${relation}`);
    return count?.n ?? 0;
  } catch (cause) {
    throw new SeawallError(
      'BadInput',
      `${folder} does not hold data for this check: ${(cause as Error).message.split('\n')[0]}`,
      'Give a folder of Parquet files with the features and the label, or leave --data out.',
      { cause },
    );
  }
}

/** Each feature adds something to a number, noise too; the label is what comes of it. The same every time. */
async function makeUp(
  db: Database,
  { features, label, answering, rows }: SampleOptions,
  folder: string,
): Promise<void> {
  const share = (salt: number): string => `((hash(i * 1000003 + ${salt}) % 100003) / 100003.0)`;
  const columns = features.map(({ name, type }, f) => {
    const value = {
      float32: `CAST(${share(f)} * 10 - 5 AS FLOAT)`,
      int64: `CAST(floor(${share(f)} * 24) AS BIGINT)`,
      string: `concat('c', CAST(floor(${share(f)} * 12) AS BIGINT))`,
    }[type];
    return `${value} AS ${identifier(name)}`;
  });
  const effects = features.map((_, f) => `sin(${f + 1} + 4 * floor(12 * ${share(f)}) / 12)`);
  // Between 0 and 1, near the middle for most rows.
  const level = `((${effects.join(' + ')}) / ${features.length} + 1 + ${share(777)}) / 3`;
  const classes = answering.classes ?? [];
  // Most levels lie there; the tails belong to the first and the last class.
  const band = `greatest(0, least(${classes.length - 1}, floor((${level} - 0.3) / 0.4 * ${classes.length})))`;
  const labels = {
    binary: `CAST(${level} > 0.5 AS INTEGER)`,
    multiclass: `list_extract([${classes.map(text).join(', ')}], 1 + CAST(${band} AS BIGINT))`,
    regression: `CAST(100 * ${level} AS DOUBLE)`,
  };
  for (const part of [0, 1]) {
    const select = `SELECT i AS row_number, ${[...columns, `${labels[answering.task]} AS ${identifier(label)}`].join(', ')}`;
    await write(
      db,
      `${select} FROM range(${rows}) t(i) WHERE i % 2 = ${part}`,
      join(folder, `part-${part}`, 'rows.parquet'),
    );
  }
}

async function unusualRows(
  db: Database,
  { features, root }: SampleOptions,
  rowsFile: string,
): Promise<Sample['unusual']> {
  const kinds = [
    { what: 'missing numbers', type: 'float32', value: 'CAST(NULL AS FLOAT)' },
    { what: 'empty texts', type: 'string', value: "''" },
    { what: 'texts that training never saw', type: 'string', value: "'never seen before'" },
  ];
  const made: Sample['unusual'] = [];
  for (const { what, type, value } of kinds) {
    if (!features.some((feature) => feature.type === type)) continue;
    const columns = features.map((feature) =>
      feature.type === type ? `${value} AS ${identifier(feature.name)}` : identifier(feature.name),
    );
    const file = join(root, `unusual-${made.length}.parquet`);
    await write(db, `SELECT ${columns.join(', ')} FROM read_parquet(${text(rowsFile)}) LIMIT ${UNUSUAL_ROWS}`, file);
    made.push({ what, file });
  }
  return made;
}
