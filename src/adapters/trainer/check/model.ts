/** What a trainer left: whether the model can serve, says what its trainer said, and equals another one. */
import { randomUUID } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SeawallError } from '../../../contracts/index.js';
import type { Answers, Scored } from '../../../activities/scoring.js';
import { createScorer } from '../../onnx/scoring.js';
import { fail, type Finding, notJudged, pass } from './points.js';
import type { Sample } from './sample.js';
import type { CheckedTrainer } from './start.js';

export interface ModelFile {
  model: string;
  metrics: string | null;
  parity: string | null;
}

export interface ModelJudge {
  /** The answers on the sample's rows, or in what way the model cannot serve. */
  answers(model: string): Promise<Scored | SeawallError>;
  unusual(model: string): Promise<Finding>;
  parity(file: ModelFile): Promise<Finding>;
  /** undefined: byte for byte the same; else the largest difference of their answers, or an error. */
  difference(one: string, other: string): Promise<number | undefined | SeawallError>;
}

/** Each question is answered by a process of its own, with limits of time and memory. */
export function createModelJudge(trainer: CheckedTrainer, sample: Sample, root: string): ModelJudge {
  const scorer = createScorer();
  const { features, answering, label } = trainer;
  const score = async (
    modelFile: string,
    rowsFile: string,
    options: { labelColumn: string | null; parityFile?: string },
  ): Promise<Scored | SeawallError> => {
    const workDir = join(root, 'scoring', randomUUID());
    await mkdir(workDir, { recursive: true });
    const { labelColumn, parityFile = null } = options;
    const signal = new AbortController().signal;
    try {
      return await scorer.score({
        ...{ subject: 'the model', modelFile, rowsFile, features, answering, labelColumn, parityFile },
        ...{ workDir, withRows: null, signal },
      });
    } catch (error) {
      if (error instanceof SeawallError) return inWords(error);
      throw error;
    }
  };
  const answers = (model: string) => score(model, sample.rowsFile, { labelColumn: label });
  return {
    answers,
    unusual: (model) => judgeUnusual(sample, (file) => score(model, file, { labelColumn: null })),
    parity: async ({ model, parity }) => {
      if (parity === null) return notJudged('there is no parity.parquet');
      const scored = await score(model, sample.rowsFile, { labelColumn: label, parityFile: parity });
      if (scored instanceof SeawallError) return fail(scored.message, scored.next);
      const { rows, largestDifference } = scored.servable.parity ?? { rows: 0, largestDifference: 0 };
      if (rows === 0) return fail('parity.parquet has no rows', 'Write some rows with every feature, or leave it out.');
      return pass(`${rows} rows, largest difference ${largestDifference.toPrecision(2)}`);
    },
    difference: async (one, other) => {
      const [a, b] = await Promise.all([readFile(one), readFile(other)]);
      if (a.equals(b)) return undefined;
      const [first, second] = [await answers(one), await answers(other)];
      if (first instanceof SeawallError) return first;
      if (second instanceof SeawallError) return second;
      return largestDifference(first.answers, second.answers);
    },
  };
}

/** The scorer speaks of the holdout of a run. */
const inWords = (error: SeawallError): SeawallError =>
  new SeawallError(error.type, error.message.replaceAll('the holdout', 'the sample'), error.next);

async function judgeUnusual(
  { unusual }: Sample,
  score: (file: string) => Promise<Scored | SeawallError>,
): Promise<Finding> {
  if (unusual.length === 0) return notJudged('its features are whole numbers, which are never missing');
  const refused: string[] = [];
  for (const { what, file } of unusual) {
    const scored = await score(file);
    if (scored instanceof SeawallError) refused.push(`${what}: ${scored.message}`);
  }
  if (refused.length === 0) return pass(unusual.map(({ what }) => what).join(', '));
  return fail(
    refused.join('; '),
    'Serving sends a missing number as NaN, a missing text as the empty one, and texts as they come: let the graph replace or expect them.',
  );
}

/** Of scores, else of predictions in parts of the largest. */
function largestDifference(one: Answers, other: Answers): number {
  const [a, b] = one.width > 0 ? [one.scores, other.scores] : [one.predictions, other.predictions];
  let largest = 0;
  let scale = 1;
  a.forEach((value, i) => {
    largest = Math.max(largest, Math.abs(value - (b[i] as number)));
    scale = Math.max(scale, Math.abs(value));
  });
  return one.width > 0 ? largest : largest / scale;
}

export async function judgeMetrics(file: string | null): Promise<Finding> {
  if (file === null) return notJudged('there is no metrics.json');
  const next = 'Write one JSON object; JSON knows no NaN and no Infinity.';
  try {
    const metrics: unknown = JSON.parse(await readFile(file, 'utf8'));
    if (metrics === null || typeof metrics !== 'object' || Array.isArray(metrics)) {
      return fail('metrics.json is no JSON object', next);
    }
    return pass(Object.keys(metrics).slice(0, 8).join(', '));
  } catch (error) {
    return fail(`metrics.json is no JSON: ${(error as Error).message}`, next);
  }
}
