/** The process that scores: reads rows with DuckDB, scores them in batches, leaves labels and answers as files. */
import { open, stat, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { type DuckDBConnection, DuckDBDataChunk, FLOAT } from '@duckdb/node-api';
import { outputsOf, SeawallError, type Servable } from '../../contracts/index.js';
import { identifier, text } from '../duckdb/sql.js';
import { encode, type Encoded } from './answers.js';
import { columnTypes, openRows, relationOf, rowBatches } from './scoring-rows.js';
import { ANSWER_FILES, type ScoringJob, type ScoringReport } from './scoring-protocol.js';
import { loadModel, type Model } from './session.js';
import { compareParity, requireInputs, tryRows } from './trial.js';

// Nobody waits for a child whose parent is gone.
process.once('disconnect', () => process.exit(1));
process.once('message', (job) => {
  void main(job as ScoringJob).then((report) => process.send?.(report, () => process.exit(0)));
});

async function main(job: ScoringJob): Promise<ScoringReport> {
  try {
    return { kind: 'done', servable: await scoreAll(job) };
  } catch (error) {
    if (error instanceof SeawallError) {
      return { kind: 'failed', type: error.type, message: error.message, next: error.next };
    }
    return { kind: 'failed', type: null, message: error instanceof Error ? error.message : String(error), next: '' };
  }
}

async function scoreAll(job: ScoringJob): Promise<Servable> {
  const { features, answering, parityFile } = job;
  const instance = await openRows(join(job.workDir, 'spill'));
  const connection = await instance.connect();
  // Whatever else runs on a connection ends the result that streams on it, without a word.
  const writing = await instance.connect();
  const out = await openAnswers(job.workDir);
  const from = performance.now();
  let model: Model | undefined;
  try {
    const featureOrder = features.map(({ name }) => name);
    const options = { featureOrder, answering, intraOpThreads: job.threads, scratchDir: job.workDir };
    model = await loadModel(job.modelFile, options);
    const loadMs = performance.now() - from;
    await columnTypes(connection, job.rowsFile, columnsOf(job));
    requireInputs(model, features);
    let parity: Servable['parity'] = null;
    let table: Awaited<ReturnType<typeof answerTable>> | null = null;
    let rowMs = 0;
    for await (const batch of rowBatches(connection, { ...job, file: job.rowsFile })) {
      if (batch.before === 0) {
        rowMs = await tryRows(model, batch);
        process.send?.({ kind: 'tried' } satisfies ScoringReport);
        // Up to 100,000 rows: they are no part of the trial, which has a shorter limit.
        if (parityFile) parity = await compareParity(writing, model, parityFile, features, answering);
        if (job.withRows) table = await answerTable(writing, job);
      }
      const answers = encode(await model.predict(batch.columns, batch.rows), batch.rows, batch.before, answering);
      await out.write(batch.labels, answers);
      table?.append(answers);
    }
    table?.close();
    if (job.withRows) await writeRows(connection, job, job.withRows);
    return { bytes: (await stat(job.modelFile)).size, loadMs, rowMs, parity };
  } finally {
    await out.close();
    connection.closeSync();
    writing.closeSync();
    instance.closeSync();
    await model?.dispose();
  }
}

const columnsOf = ({ features, labelColumn }: ScoringJob): string[] => [
  ...features.map(({ name }) => name),
  ...(labelColumn === null ? [] : [labelColumn]),
];

interface AnswerFiles {
  write(labels: Float64Array, answers: Encoded): Promise<void>;
  close(): Promise<void>;
}

async function openAnswers(folder: string): Promise<AnswerFiles> {
  const [labels, predictions, scores] = (await Promise.all(
    ANSWER_FILES.map((name) => open(join(folder, name), 'w')),
  )) as [FileHandle, FileHandle, FileHandle];
  return {
    write: async (of, answers) => {
      await labels.write(bytesOf(of));
      await predictions.write(bytesOf(answers.predictions));
      await scores.write(bytesOf(answers.scores));
    },
    close: async () => void (await Promise.all([labels.close(), predictions.close(), scores.close()])),
  };
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array | Float64Array): Uint8Array =>
  new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);

/** Answers as a table, in the order of the rows. */
async function answerTable(writing: DuckDBConnection, { answering }: ScoringJob) {
  const names = outputsOf(answering).map(({ name }) => name);
  await writing.run(`CREATE TABLE answers (${names.map((name) => `${identifier(name)} FLOAT`).join(', ')})`);
  const appender = await writing.createAppender('answers');
  const types = names.map(() => FLOAT);
  return {
    append: ({ predictions, scores }: Encoded): void => {
      const width = names.length - 1;
      // A chunk of DuckDB holds 2,048 rows.
      for (let from = 0; from < predictions.length; from += 2048) {
        const rows = Math.min(2048, predictions.length - from);
        const chunk = DuckDBDataChunk.create(types, rows);
        names.forEach((_, c) => {
          const vector = chunk.getColumnVector(c);
          for (let i = 0; i < rows; i++) {
            const row = from + i;
            vector.setItem(i, (c === 0 ? predictions[row] : scores[row * width + c - 1]) as number);
          }
          vector.flush();
        });
        appender.appendDataChunk(chunk);
      }
    },
    close: (): void => appender.closeSync(),
  };
}

/** The rows in the order in which they were scored, with the answers beside them; a class as its text. */
async function writeRows(
  connection: DuckDBConnection,
  job: ScoringJob,
  { file, prefix }: { file: string; prefix: string },
): Promise<void> {
  const { answering, rowsFile } = job;
  const classes = (answering.classes ?? []).map(text).join(', ');
  const answers = outputsOf(answering).map(({ name, types: [type] }) => {
    const answer = `a.${identifier(name)}`;
    const whole = `CAST(${answer} AS BIGINT)`;
    const value = { float32: answer, int64: whole, string: `[${classes}][1 + ${whole}]` }[type];
    return `${value} AS ${identifier(prefix + name)}`;
  });
  await connection.run(
    `COPY (SELECT ${[...columnsOf(job).map((name) => `h.${identifier(name)}`), ...answers].join(', ')}
     FROM ${relationOf(rowsFile)} h POSITIONAL JOIN answers a) TO ${text(file)} (FORMAT parquet)`,
  );
}
