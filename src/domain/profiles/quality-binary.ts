import { type BinaryQuality, LOG_LOSS_CLIP, SCORE_CELLS } from '../../contracts/index.js';
import { CellCounter } from './cell-counter.js';

const QUANTUM = 2 ** -24;
export const quantised = (x: number): number => Math.round(x / QUANTUM);
export const fromQuanta = (quanta: number): number => quanta * QUANTUM;

/** What a row costs whose true class had this score: one wrong row must not make the mean infinite. */
export const clippedLog = (p: number): number => -Math.log(Math.min(1 - LOG_LOSS_CLIP, Math.max(LOG_LOSS_CLIP, p)));

/** The four sums that binary and multiclass quality share, as whole numbers of quanta. */
export class LossSums {
  #logLoss = 0;
  #logLossSquared = 0;
  #brier = 0;
  #brierSquared = 0;

  add(logLoss: number, brier: number): void {
    this.#logLoss += quantised(logLoss);
    this.#logLossSquared += quantised(logLoss * logLoss);
    this.#brier += quantised(brier);
    this.#brierSquared += quantised(brier * brier);
  }

  addSums(sums: BinaryQuality['sums']): void {
    this.#logLoss += quantised(sums.logLoss);
    this.#logLossSquared += quantised(sums.logLossSquared);
    this.#brier += quantised(sums.brier);
    this.#brierSquared += quantised(sums.brierSquared);
  }

  sums(): BinaryQuality['sums'] {
    return {
      logLoss: fromQuanta(this.#logLoss),
      logLossSquared: fromQuanta(this.#logLossSquared),
      brier: fromQuanta(this.#brier),
      brierSquared: fromQuanta(this.#brierSquared),
    };
  }
}

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
