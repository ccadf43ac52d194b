/** A model is tried before it is trusted: with the inputs that serving will send, row by row, and against its trainer's answers. */
import type { DuckDBConnection } from '@duckdb/node-api';
import { type Answering, type Feature, outputsOf, predictionColumns, SeawallError } from '../../contracts/index.js';
import { identifier } from '../duckdb/sql.js';
import { type Batch, columnTypes, relationOf, rowBatches } from './scoring-rows.js';
import type { Column, Columns, Model } from './session.js';

/** Between two runs of the same sums in another order, float32 differs in its last digits. */
const TOLERANCE = 1e-4;
/** Rows that are also scored alone. */
const ALONE_ROWS = 8;
const TIMED_RUNS = 100;
const TIMED_MS = 200;
/** More prove nothing more. */
const PARITY_ROWS = 100_000;
/** Where scores agree, a prediction may still fall on the other side of its threshold. */
const OTHER_PREDICTIONS = 0.01;

/** A model that wants what serving will not send could never answer, and callers send every feature of the configuration. */
export function requireInputs(model: Model, features: Feature[]): void {
  const known = new Map(features.map(({ name, type }) => [name, type]));
  for (const { name, type } of model.inputs) {
    if (known.get(name) === type) continue;
    const instead = known.has(name)
      ? `the configuration has it as ${known.get(name)}`
      : 'the configuration has no such feature';
    throw unfit(`it has the input "${name}" (${type}), but ${instead}`, INPUT_HINT);
  }
  const missing = features.find(({ name }) => !model.inputs.some((input) => input.name === name));
  if (missing) throw unfit(`it has no input for the feature "${missing.name}" (${missing.type})`, INPUT_HINT);
}
const INPUT_HINT = 'Give the model one input per feature of the configuration, with its name and type.';

/**
 * The same row gets the same answer alone and among others, or an answer would depend on who else asks at that moment.
 * @returns the median time of a request of one row, in milliseconds
 */
export async function tryRows(model: Model, batch: Batch): Promise<number> {
  const rows = Math.min(batch.rows, 64);
  const together = await model.predict(slice(batch.columns, 0, rows), rows);
  for (let row = 0; row < Math.min(rows, ALONE_ROWS); row++) {
    const alone = await model.predict(slice(batch.columns, row, row + 1), 1);
    for (const { name } of model.outputs) {
      const [one, other] = [alone[name]?.[0], together[name]?.[row]];
      if (!differs(one, other)) continue;
      throw unfit(
        `it answers row ${row + 1} of the holdout with ${name} ${one} alone and ${other} among ${rows} rows`,
        'A row must be scored by itself: nothing in the graph may mix rows, as a mean over the batch does.',
      );
    }
  }
  return medianMs(model, batch, rows);
}

async function medianMs(model: Model, { columns }: Batch, rows: number): Promise<number> {
  const times: number[] = [];
  const until = performance.now() + TIMED_MS;
  for (let i = 0; i < TIMED_RUNS && performance.now() < until; i++) {
    const one = slice(columns, i % rows, (i % rows) + 1);
    const from = performance.now();
    await model.predict(one, 1);
    times.push(performance.now() - from);
  }
  return times.sort((a, b) => a - b)[times.length >> 1] ?? 0;
}

/** @returns rows compared and the largest difference found. @throws SeawallError `InvalidModel`: it answers otherwise than its trainer */
export async function compareParity(
  connection: DuckDBConnection,
  model: Model,
  file: string,
  features: Feature[],
  answering: Answering,
): Promise<{ rows: number; largestDifference: number }> {
  const outputs = outputsOf(answering).map(({ name }) => name);
  await columnTypes(connection, file, [...features.map(({ name }) => name), ...outputs]).catch(notComparable);
  const said = await trainersAnswers(connection, file, outputs).catch(notComparable);
  const found = { rows: 0, largestDifference: 0, otherPredictions: 0 };
  // Scores say more than a class; where there are none, the prediction is the number.
  const [prediction, ...scores] = outputs as [string, ...string[]];
  const compared = scores.length > 0 ? scores : [prediction];
  const batches = rowBatches(connection, { file, features, labelColumn: null, answering });
  for await (const { before, rows, columns } of batches) {
    const answers = await model.predict(columns, rows);
    for (let i = 0; i < rows; i++) {
      for (const name of compared) {
        const [own, trainers] = [answers[name]?.[i] as number, said[name]?.[before + i] as number];
        if (differs(own, trainers)) throw disagrees(before + i, name, own, trainers);
        found.largestDifference = Math.max(found.largestDifference, Math.abs(own - trainers));
      }
      if (String(answers[prediction]?.[i]) !== String(said[prediction]?.[before + i])) found.otherPredictions += 1;
    }
    found.rows += rows;
    if (found.rows >= PARITY_ROWS) break;
  }
  if (scores.length > 0 && found.otherPredictions > OTHER_PREDICTIONS * found.rows) {
    const share = `${found.otherPredictions} of ${found.rows} rows of parity.parquet`;
    throw unfit(`its scores are its trainer's, but its prediction is another one in ${share}`, PARITY_HINT);
  }
  return { rows: found.rows, largestDifference: found.largestDifference };
}
const PARITY_HINT =
  'What the trainer exported is not what it trained: compare both on these rows, first the order of the columns and the encodings.';

async function trainersAnswers(
  connection: DuckDBConnection,
  file: string,
  outputs: string[],
): Promise<Record<string, unknown[]>> {
  const values = outputs.map((name) =>
    name === predictionColumns.prediction ? identifier(name) : `CAST(${identifier(name)} AS DOUBLE)`,
  );
  const found = await connection.runAndReadAll(
    `SELECT ${values.join(', ')} FROM ${relationOf(file)} LIMIT ${PARITY_ROWS * 2}`,
  );
  const columns = found.getColumns();
  return Object.fromEntries(outputs.map((name, i) => [name, columns[i] as unknown[]]));
}

function notComparable(error: unknown): never {
  const message = error instanceof Error ? (error.message.split('\n')[0] as string) : String(error);
  throw unfit(
    `its parity.parquet cannot be compared: ${message.replace('the holdout', 'parity.parquet')}`,
    'It needs every feature, and the trainer’s answers in columns named as the outputs; or leave it out.',
  );
}

function differs(one: unknown, other: unknown): boolean {
  if (typeof one !== 'number' || typeof other !== 'number') return one !== other;
  const scale = Math.max(1, Math.abs(one), Math.abs(other));
  return !(Math.abs(one - other) <= TOLERANCE * scale) && !(Number.isNaN(one) && Number.isNaN(other));
}

function disagrees(row: number, name: string, own: number, trainers: number): SeawallError {
  return unfit(
    `it disagrees with its trainer: in row ${row + 1} of parity.parquet it answers ${name} ${own}, the trainer said ${trainers}`,
    PARITY_HINT,
  );
}

function slice(columns: Columns, from: number, to: number): Columns {
  return Object.fromEntries(
    Object.entries(columns).map(([name, column]): [string, Column] => [name, column.slice(from, to)]),
  );
}

const unfit = (message: string, next: string): SeawallError => new SeawallError('InvalidModel', message, next);
