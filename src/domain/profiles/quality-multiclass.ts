import { type MulticlassQuality, SCORE_CELLS } from '../../contracts/index.js';
import { CellCounter } from './cell-counter.js';
import { clippedLog, LossSums } from './quality-binary.js';

/** Labels and predictions out of `classes`, with a score per class where there are scores. */
export class MulticlassBuilder {
  #rows = 0;
  #unknownLabels = 0;
  readonly #confusion: number[][];
  readonly #oneVsRest: CellCounter[];
  readonly #sums = new LossSums();

  constructor(
    private readonly classes: readonly string[],
    private readonly withScores: boolean,
  ) {
    this.#confusion = classes.map(() => classes.map(() => 0));
    this.#oneVsRest = withScores ? classes.map(() => new CellCounter(SCORE_CELLS, 2)) : [];
  }

  /**
   * Rows without a label, with scores that are not all in [0, 1], or without scores and a known prediction are left out.
   * @param label its place in `classes`; -1: a label that is none of them; null: no label
   * @param prediction its place; anything else: the class with the greatest score, the first of equals
   */
  add(label: number | null, prediction: number | null, scores: readonly number[]): void {
    if (label === null) return;
    if (this.withScores && !scores.every((score) => score >= 0 && score <= 1)) return;
    const known = prediction !== null && prediction >= 0;
    if (!known && !this.withScores) return;
    if (label < 0) {
      this.#unknownLabels++;
      return;
    }
    this.#rows++;
    this.#confusion[label]![known ? prediction : scores.indexOf(Math.max(...scores))]! += 1;
    if (!this.withScores) return;
    this.#oneVsRest.forEach((cells, i) => cells.add(scores[i]!, i === label ? 0 : 1, 1));
    const brier = scores.reduce((sum, score, i) => sum + (score - (i === label ? 1 : 0)) ** 2, 0);
    this.#sums.add(clippedLog(scores[label]!), brier);
  }

  addQuality(quality: MulticlassQuality): void {
    this.#rows += quality.rows;
    this.#unknownLabels += quality.unknownLabels;
    quality.confusion.forEach((row, i) => row.forEach((count, j) => (this.#confusion[i]![j]! += count)));
    quality.oneVsRest.forEach(({ cells, positives, negatives }, i) =>
      this.#oneVsRest[i]!.addCells(cells, [positives, negatives]),
    );
    this.#sums.addSums(quality.sums);
  }

  quality(): MulticlassQuality {
    return {
      task: 'multiclass',
      rows: this.#rows,
      classes: [...this.classes],
      unknownLabels: this.#unknownLabels,
      confusion: this.#confusion.map((row) => [...row]),
      oneVsRest: this.#oneVsRest.map((counter) => {
        const { cells, counts } = counter.result();
        return { cells, positives: counts[0]!, negatives: counts[1]! };
      }),
      sums: this.#sums.sums(),
    };
  }
}
