/** The process that scores: reads rows with DuckDB, scores them in batches, leaves scores and labels as files. */
import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { type DuckDBConnection, type DuckDBDataChunk, DuckDBInstance } from '@duckdb/node-api';
import { type Feature, SeawallError } from '../../contracts/index.js';
import { identifier, text } from '../duckdb/sql.js';
import { LABELS_FILE, SCORES_FILE, type ScoringJob, type ScoringReport } from './scoring-protocol.js';
import { type Column, type Columns, loadModel, type Model } from './session.js';

const SQL_TYPES = { float32: 'FLOAT', int64: 'BIGINT', string: 'VARCHAR' } as const;

// Nobody waits for a child whose parent is gone.
process.once('disconnect', () => process.exit(1));
process.once('message', (job) => {
  void main(job as ScoringJob).then((report) => process.send?.(report, () => process.exit(0)));
});

async function main(job: ScoringJob): Promise<ScoringReport> {
  try {
    return { kind: 'done', rows: await scoreAll(job) };
  } catch (error) {
    if (error instanceof SeawallError) {
      return { kind: 'failed', type: error.type, message: error.message, next: error.next };
    }
    return { kind: 'failed', type: null, message: error instanceof Error ? error.message : String(error), next: '' };
  }
}

async function scoreAll(job: ScoringJob): Promise<number> {
  const model = await loadModel(job.modelFile, { featureOrder: job.features.map(({ name }) => name) });
  requireInputs(model, job.features);
  // One thread, because several would change the order of rows, and both models must be compared row by row.
  const instance = await DuckDBInstance.create(':memory:', {
    threads: '1',
    memory_limit: '1GB',
    temp_directory: join(job.workDir, 'spill'),
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
  });
  const connection = await instance.connect();
  // An appender flushes every 204,800 rows, and whatever runs on a connection ends the result that streams on it, without a word.
  const writing = await instance.connect();
  const scores = await open(join(job.workDir, SCORES_FILE), 'w');
  const labels = await open(join(job.workDir, LABELS_FILE), 'w');
  try {
    await requireColumns(connection, job);
    const rows = await scoreRows(connection, job, model, { scores, labels, writing });
    if (job.withRows) await writeRows(connection, job, job.withRows);
    return rows;
  } finally {
    await Promise.all([scores.close(), labels.close()]);
    connection.closeSync();
    writing.closeSync();
    instance.closeSync();
    await model.dispose();
  }
}

const rowsOf = (job: ScoringJob): string => `read_parquet([${text(job.rowsFile)}], hive_partitioning = false)`;

/** A model that wants what serving will not send could never answer. */
function requireInputs(model: Model, features: Feature[]): void {
  const known = new Map(features.map(({ name, type }) => [name, type]));
  for (const { name, type } of model.inputs) {
    if (known.get(name) === type) continue;
    const instead = known.has(name)
      ? `the configuration has it as ${known.get(name)}`
      : 'the configuration has no such feature';
    throw new SeawallError(
      'InvalidModel',
      `it has the input "${name}" (${type}), but ${instead}`,
      'Give the model one input per feature of the configuration, with its name and type.',
    );
  }
}

async function requireColumns(connection: DuckDBConnection, job: ScoringJob): Promise<void> {
  const found = await connection.runAndReadAll(`DESCRIBE SELECT * FROM ${rowsOf(job)}`);
  const columns = new Set(found.getRows().map((row) => String(row[0])));
  for (const name of [...job.features.map((feature) => feature.name), job.labelColumn]) {
    if (columns.has(name)) continue;
    throw new SeawallError(
      'BadData',
      `the holdout has no column "${name}"; it has: ${[...columns].slice(0, 30).join(', ')}`,
      'Correct the configuration, or commit a dataset version with that column.',
    );
  }
}

interface Out {
  scores: FileHandle;
  labels: FileHandle;
  /** For the table of scores. */
  writing: DuckDBConnection;
}

async function scoreRows(connection: DuckDBConnection, job: ScoringJob, model: Model, out: Out): Promise<number> {
  if (job.withRows) await out.writing.run('CREATE TABLE scored (score FLOAT)');
  const appender = job.withRows ? await out.writing.createAppender('scored') : undefined;
  const result = await connection.stream(selectOf(job)).catch(unreadable);
  let rows = 0;
  for (;;) {
    const chunk = await result.fetchChunk().catch(unreadable);
    if (!chunk || chunk.rowCount === 0) break;
    const labels = labelsOf(chunk, job, rows);
    const { score } = await model.predict(columnsOf(chunk, job.features, rows), chunk.rowCount);
    requireProbabilities(score, rows);
    await out.scores.write(new Uint8Array(score.buffer, score.byteOffset, score.byteLength));
    await out.labels.write(labels);
    for (const one of appender ? score : []) {
      appender?.appendFloat(one);
      appender?.endRow();
    }
    rows += chunk.rowCount;
  }
  appender?.closeSync();
  return rows;
}

/** Nulls as everywhere: no number is NaN, no text is the empty text. A label that is no number becomes null, and is refused. */
function selectOf(job: ScoringJob): string {
  const features = job.features.map(({ name, type }) => {
    const cast = `CAST(${identifier(name)} AS ${SQL_TYPES[type]})`;
    return type === 'string' ? `coalesce(${cast}, '')` : cast;
  });
  return `SELECT ${[...features, `TRY_CAST(${identifier(job.labelColumn)} AS DOUBLE)`].join(', ')} FROM ${rowsOf(job)}`;
}

function columnsOf(chunk: DuckDBDataChunk, features: Feature[], before: number): Columns {
  const columns: Columns = {};
  features.forEach(({ name, type }, i) => (columns[name] = columnOf(chunk.getColumnValues(i), { name, type }, before)));
  return columns;
}

function columnOf(values: unknown[], { name, type }: Feature, before: number): Column {
  if (type === 'float32') return Float32Array.from(values as (number | null)[], (value) => value ?? Number.NaN);
  if (type === 'string') return values as string[];
  const missing = values.indexOf(null);
  if (missing === -1) return BigInt64Array.from(values as bigint[]);
  throw new SeawallError(
    'BadData',
    `row ${before + missing + 1} of the holdout has no value in "${name}", and int64 cannot say that`,
    'Declare a feature with missing values as float32.',
  );
}

function labelsOf(chunk: DuckDBDataChunk, { features, labelColumn }: ScoringJob, before: number): Uint8Array {
  const values = chunk.getColumnValues(features.length);
  const wrong = values.findIndex((value) => value !== 0 && value !== 1);
  if (wrong === -1) return Uint8Array.from(values as number[]);
  throw new SeawallError(
    'BadData',
    `row ${before + wrong + 1} of the holdout has a label that is neither 0 nor 1 (column "${labelColumn}")`,
    'Commit a dataset version in which every row has a label of 0 or 1.',
  );
}

function requireProbabilities(score: Float32Array, before: number): void {
  const wrong = score.findIndex((value) => !(value >= 0 && value <= 1));
  if (wrong === -1) return;
  throw new SeawallError(
    'InvalidModel',
    `it answers row ${before + wrong + 1} of the holdout with the score ${score[wrong]}, which is no probability`,
    'The output "score" must be the probability of the positive class, 0 to 1, for every row.',
  );
}

/** The rows in the order in which they were scored, with the score beside them. */
async function writeRows(
  connection: DuckDBConnection,
  job: ScoringJob,
  { file, scoreColumn }: { file: string; scoreColumn: string },
): Promise<void> {
  const score = identifier(scoreColumn);
  const wanted = [...job.features.map((feature) => feature.name), job.labelColumn].map(
    (name) => `h.${identifier(name)}`,
  );
  await connection.run(
    `COPY (SELECT ${wanted.join(', ')}, s.score AS ${score} FROM ${rowsOf(job)} h POSITIONAL JOIN scored s)
     TO ${text(file)} (FORMAT parquet)`,
  );
}

function unreadable(cause: unknown): never {
  const problem = cause instanceof Error ? cause.message.split('\n')[0] : String(cause);
  throw new SeawallError(
    'BadData',
    `the holdout cannot be read: ${problem}`,
    'Make the columns of the dataset of the types that the configuration gives its features.',
    { cause },
  );
}
