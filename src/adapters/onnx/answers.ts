/** What a model answers, as numbers in fixed places: easy to write, to compare and to measure. */
import { type Answering, outputsOf, SeawallError } from '../../contracts/index.js';
import type { Columns } from './session.js';

export interface Encoded {
  /** 0 or 1, the index of the class, or the number; one per row. */
  predictions: Float32Array;
  /** `width` per row: the score, or one per class. */
  scores: Float32Array;
}

/** Scores per row. */
export const widthOf = (answering: Answering): number => outputsOf(answering).length - 1;

/** Scores of one row may differ from a distribution by what float32 rounds and a trainer is careless with. */
const SUM_TOLERANCE = 0.01;

/** @throws SeawallError `InvalidModel`: an answer that cannot be one, with the row */
export function encode(answers: Columns, rows: number, before: number, answering: Answering): Encoded {
  const [prediction, ...scores] = outputsOf(answering);
  const encoded = {
    predictions: predictionsOf(answers[prediction!.name] as BigInt64Array, answering, before),
    scores: interleaved(
      scores.map(({ name }) => answers[name] as Float32Array),
      rows,
    ),
  };
  requireProbabilities(encoded.scores, scores.length, before);
  return encoded;
}

function predictionsOf(
  found: BigInt64Array | Float32Array | string[],
  { task, classes }: Answering,
  before: number,
): Float32Array {
  const places = new Map(classes?.map((name, i) => [name, i]));
  const predictions = new Float32Array(found.length);
  for (let i = 0; i < found.length; i++) {
    const value = found[i];
    const number = task === 'multiclass' ? places.get(value as string) : Number(value);
    const fits = task === 'binary' ? number === 0 || number === 1 : Number.isFinite(number);
    if (!fits) throw wrongAnswer(before + i, 'prediction', String(value), task);
    predictions[i] = number as number;
  }
  return predictions;
}

function interleaved(columns: Float32Array[], rows: number): Float32Array {
  const [only] = columns;
  if (only && columns.length === 1) return only;
  const scores = new Float32Array(rows * columns.length);
  columns.forEach((column, c) => {
    for (let i = 0, at = c; i < rows; i++, at += columns.length) scores[at] = column[i] as number;
  });
  return scores;
}

function requireProbabilities(scores: Float32Array, width: number, before: number): void {
  for (let i = 0; i < scores.length; i++) {
    const value = scores[i] as number;
    if (!(value >= 0 && value <= 1)) throw notAProbability(before + Math.floor(i / width), value);
  }
  if (width < 2) return;
  for (let at = 0; at < scores.length; at += width) {
    let sum = 0;
    for (let c = 0; c < width; c++) sum += scores[at + c] as number;
    if (Math.abs(sum - 1) <= SUM_TOLERANCE) continue;
    throw new SeawallError(
      'InvalidModel',
      `the scores of row ${before + at / width + 1} add up to ${sum.toFixed(4)}, not to 1`,
      'The outputs "score_<class>" must be the probabilities of all classes.',
    );
  }
}

function notAProbability(row: number, value: number): SeawallError {
  return new SeawallError(
    'InvalidModel',
    `it answers row ${row + 1} of the holdout with the score ${value}, which is no probability`,
    'A score must be the probability of its class, 0 to 1, for every row.',
  );
}

function wrongAnswer(row: number, output: string, value: string, task: Answering['task']): SeawallError {
  const rule = { binary: '0 or 1', multiclass: 'one of the classes', regression: 'a finite number' };
  return new SeawallError(
    'InvalidModel',
    `it answers row ${row + 1} of the holdout with the ${output} ${value}, which is not ${rule[task]}`,
    `The output "${output}" must be ${rule[task]} for every row.`,
  );
}
