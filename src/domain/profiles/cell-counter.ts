import { type Cells, EXACT_BITS } from '../../contracts/index.js';

/** The upper word of a NaN that no data holds in practice: marks an empty slot. */
const EMPTY = 0xffff_ffff;
const NEGATIVE_ZERO = 0x8000_0000;
const FIRST_SLOTS = 64;

const float = new Float64Array(1);
const word = new Uint32Array(float.buffer);
const [LOW, HIGH] = lowWordFirst() ? [0, 1] : [1, 0];

function lowWordFirst(): boolean {
  float[0] = 1;
  return word[0] === 0;
}

/** 32 for 0. */
const trailingZeros = (x: number): number => (x === 0 ? 32 : 31 - Math.clz32(x & -x));

/** Where the two words of a float64 stand in a Uint32Array over the same memory. */
export const wordOrder = { low: LOW, high: HIGH } as const;

/**
 * Counts finite numbers in cells (see `Cells` in the contracts) and takes bits away as soon as more than `limit` are in use. The
 * number of cells in use only grows with more values and with more bits, so what comes out does not depend on the order. Without
 * bits there are 2 signs × 2,047 exponents: any limit from 4,094 on can be kept.
 * A hash table on the float's two words with linear probing; `lanes` counters per cell.
 */
export class CellCounter {
  bits = EXACT_BITS;
  #cells = 0;
  #highMask = 0xffff_ffff;
  #lowMask = 0xffff_ffff;
  #highs = new Uint32Array(FIRST_SLOTS).fill(EMPTY);
  #lows = new Uint32Array(FIRST_SLOTS);
  #counts: Float64Array;
  #shift = 32 - Math.log2(FIRST_SLOTS);

  constructor(
    readonly limit: number,
    readonly lanes = 1,
  ) {
    this.#counts = new Float64Array(FIRST_SLOTS * lanes);
  }

  /** Adds to one lane of the cell of the finite float64 with these words. */
  addWords(highWord: number, lowWord: number, lane: number, count: number): void {
    let high = (highWord & this.#highMask) >>> 0;
    const low = (lowWord & this.#lowMask) >>> 0;
    if (high === NEGATIVE_ZERO && low === 0) high = 0;
    const last = this.#highs.length - 1;
    let slot = Math.imul(high ^ Math.imul(low, 0x9e37_79b1), 0x85eb_ca6b) >>> this.#shift;
    for (;;) {
      const found = this.#highs[slot]!;
      if (found === high && this.#lows[slot] === low) {
        this.#counts[slot * this.lanes + lane]! += count;
        return;
      }
      if (found === EMPTY) break;
      slot = (slot + 1) & last;
    }
    this.#highs[slot] = high;
    this.#lows[slot] = low;
    this.#counts[slot * this.lanes + lane] = count;
    this.#cells++;
    if (this.#cells > this.limit) this.coarsen(this.#bitsThatJoin());
    else if (this.#cells * 2 > this.#highs.length) this.#rehash(this.#highs.length * 2);
  }

  add(x: number, lane: number, count: number): void {
    float[0] = x;
    this.addWords(word[HIGH]!, word[LOW]!, lane, count);
  }

  /** Takes bits away down to `bits`, and further while more than `limit` cells are in use. */
  coarsen(bits: number): void {
    if (bits >= this.bits) return;
    this.bits = bits;
    const cleared = EXACT_BITS - bits;
    this.#lowMask = cleared >= 32 ? 0 : (0xffff_ffff << cleared) >>> 0;
    this.#highMask = cleared <= 32 ? 0xffff_ffff : (0xffff_ffff << (cleared - 32)) >>> 0;
    this.#rehash(this.#highs.length);
  }

  #rehash(slots: number): void {
    const [highs, lows, counts] = [this.#highs, this.#lows, this.#counts];
    this.#highs = new Uint32Array(slots).fill(EMPTY);
    this.#lows = new Uint32Array(slots);
    this.#counts = new Float64Array(slots * this.lanes);
    this.#shift = 32 - Math.log2(slots);
    this.#cells = 0;
    // While it runs it may not rehash again: the limit is looked at when everything has its place.
    for (let slot = 0; slot < highs.length; slot++) {
      if (highs[slot] === EMPTY) continue;
      const at = this.#place(highs[slot]!, lows[slot]!);
      for (let lane = 0; lane < this.lanes; lane++)
        this.#counts[at * this.lanes + lane]! += counts[slot * this.lanes + lane]!;
    }
    if (this.#cells > this.limit) this.coarsen(this.#bitsThatJoin());
  }

  /** The most bits without which two cells can become one: of numbers that were float32 the last 29 are zero in every cell. */
  #bitsThatJoin(): number {
    let [high, low] = [0, 0];
    for (let slot = 0; slot < this.#highs.length; slot++) {
      if (this.#highs[slot] === EMPTY) continue;
      high |= this.#highs[slot]!;
      low |= this.#lows[slot]!;
    }
    const zeros = low !== 0 ? trailingZeros(low) : 32 + trailingZeros(high);
    return Math.min(this.bits - 1, EXACT_BITS - zeros - 1);
  }

  #place(highWord: number, lowWord: number): number {
    let high = (highWord & this.#highMask) >>> 0;
    const low = (lowWord & this.#lowMask) >>> 0;
    if (high === NEGATIVE_ZERO && low === 0) high = 0;
    let slot = Math.imul(high ^ Math.imul(low, 0x9e37_79b1), 0x85eb_ca6b) >>> this.#shift;
    while (this.#highs[slot] !== EMPTY && (this.#highs[slot] !== high || this.#lows[slot] !== low))
      slot = (slot + 1) & (this.#highs.length - 1);
    if (this.#highs[slot] === EMPTY) this.#cells++;
    this.#highs[slot] = high;
    this.#lows[slot] = low;
    return slot;
  }

  /** Adds a sketch that was made before: its cells, with one array of counts per lane. */
  addCells(cells: Cells, counts: readonly (readonly number[])[]): void {
    this.coarsen(cells.bits);
    cells.starts.forEach((start, i) =>
      counts.forEach((ofLane, lane) => {
        if (ofLane[i]! > 0) this.add(start, lane, ofLane[i]!);
      }),
    );
  }

  /** The cells in ascending order, with one array of counts per lane. */
  result(): { cells: Cells; counts: number[][] } {
    const used: { start: number; slot: number }[] = [];
    for (let slot = 0; slot < this.#highs.length; slot++) {
      if (this.#highs[slot] === EMPTY) continue;
      word[HIGH] = this.#highs[slot]!;
      word[LOW] = this.#lows[slot]!;
      used.push({ start: float[0]!, slot });
    }
    used.sort((a, b) => a.start - b.start);
    const ofLane = (lane: number) => used.map(({ slot }) => this.#counts[slot * this.lanes + lane]!);
    return {
      cells: { bits: this.bits, starts: used.map(({ start }) => start) },
      counts: Array.from({ length: this.lanes }, (_, lane) => ofLane(lane)),
    };
  }
}
