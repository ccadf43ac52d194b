/** Cells of numeric sketches: see `Cells` in the contracts. */
import { EXACT_BITS } from '../../contracts/index.js';
import { wordOrder } from './cell-counter.js';

const floats = new Float64Array(1);
/** The same eight bytes: two words are several times faster than one BigInt. */
const words = new Uint32Array(floats.buffer);
const { low: LOW, high: HIGH } = wordOrder;

/** The start of the cell that holds x: its float64 with all but the first `bits` bits of the mantissa cleared; -0 becomes 0. */
export function cellStart(x: number, bits: number): number {
  const cleared = EXACT_BITS - bits;
  floats[0] = x;
  if (cleared < 32) words[LOW] = words[LOW]! & -(2 ** cleared);
  else {
    words[LOW] = 0;
    words[HIGH] = words[HIGH]! & -(2 ** (cleared - 32));
  }
  return floats[0]! + 0;
}

/** Where the cell ends, away from zero: not in the cell itself, except with EXACT_BITS, where a cell is one value. */
export function cellEnd(start: number, bits: number): number {
  if (bits === EXACT_BITS) return start;
  const cleared = EXACT_BITS - bits;
  floats[0] = start;
  if (cleared >= 32) words[HIGH]! += 2 ** (cleared - 32);
  else {
    const low = words[LOW]! + 2 ** cleared;
    words[LOW] = low;
    if (low >= 2 ** 32) words[HIGH]! += 1;
  }
  return floats[0]!;
}
