import { type BinaryQuality, LOG_LOSS_CLIP, SCORE_CELLS } from '../../contracts/index.js';
import { CellCounter } from './cell-counter.js';

/** Per unit: rows are rounded to multiples of 2^-24. */
const QUANTA = 2 ** 24;
const quantised = (x: number): number => Math.round(x * QUANTA);

export const clippedLog = (p: number): number => -Math.log(Math.min(1 - LOG_LOSS_CLIP, Math.max(LOG_LOSS_CLIP, p)));

/** The four sums that binary and multiclass quality share, as whole numbers of quanta. */
export class LossSums {
  /** Log loss, its square, Brier score, its square. In an array: a field that is no small integer is a new object at each sum. */
  readonly #quanta = new Float64Array(4);

  add(logLoss: number, brier: number): void {
    const quanta = this.#quanta;
    quanta[0]! += quantised(logLoss);
    quanta[1]! += quantised(logLoss * logLoss);
    quanta[2]! += quantised(brier);
    quanta[3]! += quantised(brier * brier);
  }

  addSums(sums: BinaryQuality['sums']): void {
    SUMS.forEach((name, i) => (this.#quanta[i]! += quantised(sums[name])));
  }

  sums(): BinaryQuality['sums'] {
    const [logLoss, logLossSquared, brier, brierSquared] = Array.from(this.#quanta, (sum) => sum / QUANTA);
    return {
      logLoss: logLoss!,
      logLossSquared: logLossSquared!,
      brier: brier!,
      brierSquared: brierSquared!,
    };
  }
}

const SUMS = ['logLoss', 'logLossSquared', 'brier', 'brierSquared'] as const;
const OUTCOMES = ['trueNegatives', 'falsePositives', 'falseNegatives', 'truePositives'] as const;

/** Scores P(1) with their labels; what is no score in [0, 1] or no label 0 or 1 is left out. */
export class BinaryBuilder {
  #rows = 0;
  readonly #cells = new CellCounter(SCORE_CELLS, 2);
  readonly #sums = new LossSums();
  /** Rows by 2 × label + prediction. */
  readonly #outcomes = [0, 0, 0, 0];

  /** Adds rows, one per place in the arrays. `predictions`: 0 or 1; anything else, or no array: score >= 0.5. */
  addAll(scores: Float64Array, labels: Float64Array, predictions: Float64Array | null): void {
    for (let i = 0; i < scores.length; i++) {
      const prediction = predictions ? predictions[i]! : NaN;
      this.add(scores[i]!, labels[i]!, prediction);
    }
  }

  /** @param prediction 0 or 1; anything else: score >= 0.5 */
  add(score: number, label: number, prediction: number): void {
    if (!(score >= 0 && score <= 1) || (label !== 0 && label !== 1)) return;
    this.#rows++;
    this.#cells.add(score, 1 - label, 1);
    this.#sums.add(clippedLog(label === 1 ? score : 1 - score), (score - label) ** 2);
    const predicted = prediction === 0 || prediction === 1 ? prediction : score >= 0.5 ? 1 : 0;
    this.#outcomes[2 * label + predicted]! += 1;
  }

  addQuality(quality: BinaryQuality): void {
    this.#rows += quality.rows;
    this.#cells.addCells(quality.cells, [quality.positives, quality.negatives]);
    this.#sums.addSums(quality.sums);
    OUTCOMES.forEach((outcome, i) => (this.#outcomes[i]! += quality.confusion[outcome]));
  }

  quality(): BinaryQuality {
    const { cells, counts } = this.#cells.result();
    const [trueNegatives, falsePositives, falseNegatives, truePositives] = this.#outcomes;
    return {
      task: 'binary',
      rows: this.#rows,
      cells,
      positives: counts[0]!,
      negatives: counts[1]!,
      confusion: {
        truePositives: truePositives!,
        falsePositives: falsePositives!,
        trueNegatives: trueNegatives!,
        falseNegatives: falseNegatives!,
      },
      sums: this.#sums.sums(),
    };
  }
}
