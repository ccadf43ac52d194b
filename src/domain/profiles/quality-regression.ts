import type { RegressionQuality, RegressionSum } from '../../contracts/index.js';
import { ExactSum } from './exact-sum.js';
import { NumericBuilder } from './numeric.js';

const SUMS = [
  'error',
  'absolute',
  'squared',
  'squaredSquared',
  'label',
  'labelSquared',
] as const satisfies RegressionSum[];
/** Beyond it the fourth power of an error has no place in a float64 any more. */
const LARGEST = 1e70;

const perSum = <T>(make: (name: RegressionSum) => T) =>
  Object.fromEntries(SUMS.map((name) => [name, make(name)])) as Record<RegressionSum, T>;

/** Predicted numbers with their labels; rows where one of them is no number, or beyond 1e70, are left out. */
export class RegressionBuilder {
  #rows = 0;
  readonly #errors = new NumericBuilder();
  readonly #sums = perSum(() => new ExactSum());

  add(prediction: number, label: number): void {
    if (!(Math.abs(prediction) < LARGEST && Math.abs(label) < LARGEST)) return;
    const error = prediction - label;
    const squared = error * error;
    this.#rows++;
    this.#errors.add(error);
    this.#sums.error.add(error);
    this.#sums.absolute.add(Math.abs(error));
    this.#sums.squared.add(squared);
    this.#sums.squaredSquared.add(squared * squared);
    this.#sums.label.add(label);
    this.#sums.labelSquared.add(label * label);
  }

  addQuality(quality: RegressionQuality): void {
    this.#rows += quality.rows;
    this.#errors.addSketch(quality.errors);
    for (const name of SUMS)
      for (const part of [quality.sums[name], ...quality.remainders[name]]) this.#sums[name].add(part);
  }

  quality(): RegressionQuality {
    const parts = perSum((name) => this.#sums[name].parts());
    return {
      task: 'regression',
      rows: this.#rows,
      sums: perSum((name) => parts[name][0] ?? 0),
      remainders: perSum((name) => parts[name].slice(1)),
      errors: this.#errors.sketch(),
    };
  }
}
