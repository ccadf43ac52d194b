/** Pairs of models of which nobody is better, and how often one is promoted over the other. */
import { metricsOf, type Metric, type Task } from '../../../src/contracts/index.js';
import { judgePromotion } from '../../../src/domain/decisions/promotion.js';
import type { Answers } from '../../../src/domain/evaluation/answers.js';
import { compare } from '../../../src/domain/evaluation/compare.js';
import { measure } from '../../../src/domain/evaluation/performance.js';
import { randomFrom } from '../../../src/domain/evaluation/random.js';
import { config } from '../decisions/samples.js';

export interface Pair {
  champion: Answers;
  challenger: Answers;
}

/**
 * Rows whose labels follow from something that both models see through noise of their own, equally strong: exchanging the two
 * changes nothing, so the true gain is zero. `edge` makes the challenger's noise weaker by that share.
 */
export function twins(task: Task, rows: number, seed: string, edge = 0): Pair {
  const random = randomFrom(seed);
  const uniform = (): number => (random() + 0.5) / 4294967296;
  const normal = (): number => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
  const width = { binary: 1, multiclass: 3, regression: 0 }[task];
  const empty = (): Answers => ({
    ...{ task, width, labels: new Float64Array(rows) },
    ...{ predictions: new Float32Array(rows), scores: new Float32Array(rows * width) },
  });
  const pair = { champion: empty(), challenger: empty() };
  for (let i = 0; i < rows; i++) {
    const truth = Array.from({ length: Math.max(1, width) }, () => 1.2 * normal());
    const label = labelOf(task, truth, uniform());
    for (const [model, noise] of [
      [pair.champion, 0.8],
      [pair.challenger, 0.8 * (1 - edge)],
    ] as const) {
      model.labels[i] = label;
      answer(
        model,
        i,
        truth.map((z) => z + noise * normal()),
      );
    }
  }
  return pair;
}

function labelOf(task: Task, truth: number[], u: number): number {
  if (task === 'regression') return truth[0]! * 10 + (u - 0.5) * 4;
  const odds = task === 'binary' ? [1, Math.exp(truth[0]! - 0.7)] : truth.map(Math.exp);
  const sum = odds.reduce((all, one) => all + one, 0);
  let left = u * sum;
  return Math.max(
    0,
    odds.findIndex((one) => (left -= one) < 0),
  );
}

function answer(model: Answers, row: number, seen: number[]): void {
  const { task, width, predictions, scores } = model;
  if (task === 'regression') {
    predictions[row] = seen[0]! * 10;
  } else if (task === 'binary') {
    scores[row] = 1 / (1 + Math.exp(0.7 - seen[0]!));
    // At the odds of the mean: with more positives, F1 says more.
    predictions[row] = scores[row]! > 1 / 3 ? 1 : 0;
  } else {
    const odds = seen.map(Math.exp);
    const sum = odds.reduce((all, one) => all + one, 0);
    odds.forEach((one, c) => (scores[row * width + c] = one / sum));
    predictions[row] = odds.indexOf(Math.max(...odds));
  }
}

/** Whether `promotion/2` promotes by this metric, without any minimum gain. */
export function isPromoted({ champion, challenger }: Pair, metric: Metric, seed: string): boolean {
  const { gain, interval, pValue } = compare(champion, challenger, metric, seed);
  const both = { challenger: measure(challenger), champion: measure(champion) };
  const summary = {
    ...both,
    rows: champion.labels.length,
    metric,
    gain,
    gainInterval: interval,
    ...(pValue === undefined ? {} : { pValue }),
  };
  return judgePromotion(summary, { metric, minGain: 0, minRows: 1 }, config.approval).promote;
}

export const cases: [Task, Metric][] = (['binary', 'multiclass', 'regression'] as const).flatMap((task) =>
  metricsOf[task].map((metric): [Task, Metric] => [task, metric]),
);

/** 2.5 % on one side, and what 3 standard errors of chance add in so many tries. */
export const allowed = (tries: number): number => 0.025 * tries + 3 * Math.sqrt(tries * 0.025 * 0.975);
