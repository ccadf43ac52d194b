import { type NumericSketch, SKETCH_CELLS } from '../../contracts/index.js';
import { CellCounter, wordOrder } from './cell-counter.js';

const EXPONENT = 0x7ff0_0000;
/**
 * A batch is one array: a row without a value stands in it as a NaN of this upper word, with the reason (0 to 7) as the lower
 * word. NaN of data have the payload 0 in nearly every program.
 */
export const ABSENT_HIGH_WORD = 0x7ff8_5ea1;
export const ABSENT_REASONS = 8;

/** Counts numbers; the sketch depends on the numbers alone, not on their order or batches. */
export class NumericBuilder {
  readonly #cells: CellCounter;
  #min = Infinity;
  #max = -Infinity;
  #nan = 0;
  #positiveInfinity = 0;
  #negativeInfinity = 0;
  /** Rows without a value, by reason. */
  readonly absent: number[] = Array.from({ length: ABSENT_REASONS }, () => 0);

  constructor(limit: number = SKETCH_CELLS) {
    this.#cells = new CellCounter(limit);
  }

  add(x: number, count = 1): void {
    if (Number.isFinite(x)) {
      this.#cells.add(x, 0, count);
      if (x < this.#min) this.#min = x;
      if (x > this.#max) this.#max = x;
    } else if (x === Infinity) this.#positiveInfinity += count;
    else if (x === -Infinity) this.#negativeInfinity += count;
    else this.#nan += count;
  }

  /** Adds a batch, in which `ABSENT_HIGH_WORD` marks rows without a value. */
  addAll(values: Float64Array): void {
    const words = new Uint32Array(values.buffer, values.byteOffset, values.length * 2);
    let [min, max] = [this.#min, this.#max];
    for (let i = 0; i < values.length; i++) {
      const high = words[2 * i + wordOrder.high]!;
      if ((high & EXPONENT) === EXPONENT) {
        this.#addSpecial(values[i]!, high, words[2 * i + wordOrder.low]!);
        continue;
      }
      const x = values[i]!;
      if (x < min) min = x;
      if (x > max) max = x;
      this.#cells.addWords(high, words[2 * i + wordOrder.low]!, 0, 1);
    }
    this.#min = min;
    this.#max = max;
  }

  #addSpecial(x: number, high: number, low: number): void {
    if (high === ABSENT_HIGH_WORD && low < ABSENT_REASONS) this.absent[low]! += 1;
    else this.add(x);
  }

  addSketch(sketch: NumericSketch): void {
    this.#cells.addCells(sketch, [sketch.counts]);
    this.#min = Math.min(this.#min, sketch.min ?? Infinity);
    this.#max = Math.max(this.#max, sketch.max ?? -Infinity);
    this.#nan += sketch.nan;
    this.#positiveInfinity += sketch.positiveInfinity;
    this.#negativeInfinity += sketch.negativeInfinity;
  }

  sketch(): NumericSketch {
    const { cells, counts } = this.#cells.result();
    const isEmpty = this.#min > this.#max;
    return {
      kind: 'numeric',
      ...cells,
      counts: counts[0]!,
      min: isEmpty ? null : this.#min + 0,
      max: isEmpty ? null : this.#max + 0,
      nan: this.#nan,
      positiveInfinity: this.#positiveInfinity,
      negativeInfinity: this.#negativeInfinity,
    };
  }
}

/** The start of the cell that holds the value at that share of the rows; null without values. */
export function quantile(sketch: NumericSketch, share: number): number | null {
  let left = share * sketch.counts.reduce((sum, count) => sum + count, 0);
  for (const [i, count] of sketch.counts.entries()) {
    left -= count;
    if (left < 0) return sketch.starts[i]!;
  }
  return sketch.starts.at(-1) ?? null;
}
