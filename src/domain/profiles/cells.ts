/** Cells of numeric sketches: see `Cells` in the contracts. */
import { EXACT_BITS } from '../../contracts/index.js';

const floats = new Float64Array(1);
const words = new BigUint64Array(floats.buffer);

/** The start of the cell that holds x: its float64 with all but the first `bits` bits of the mantissa cleared; -0 becomes 0. */
export function cellStart(x: number, bits: number): number {
  floats[0] = x;
  words[0] = words[0]! & mask(bits);
  return floats[0]! + 0;
}

/** Where the cell ends, away from zero: not in the cell itself, except with EXACT_BITS, where a cell is one value. */
export function cellEnd(start: number, bits: number): number {
  if (bits === EXACT_BITS) return start;
  floats[0] = start;
  words[0] = words[0]! + (1n << BigInt(EXACT_BITS - bits));
  return floats[0]!;
}

const mask = (bits: number): bigint => ~((1n << BigInt(EXACT_BITS - bits)) - 1n) & 0xffff_ffff_ffff_ffffn;
