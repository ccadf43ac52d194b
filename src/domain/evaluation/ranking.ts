/** Order of scores, and the area under the ROC curve. */

/** Indices of the values in ascending order, NaN last: a radix sort of the floats' bits, in linear time. Equal values keep their order. */
export function ascending(values: Float32Array): Uint32Array {
  const n = values.length;
  const bits = new Uint32Array(Float32Array.from(values).buffer);
  // As integers, floats are in order once negative ones are turned round and positive ones lifted above them; -0 equals 0.
  for (let i = 0; i < n; i++) {
    const bit = bits[i] === 0x80000000 ? 0 : (bits[i] as number);
    bits[i] = bit & 0x80000000 ? ~bit : bit | 0x80000000;
  }
  let from = Uint32Array.from({ length: n }, (_, i) => i);
  let to = new Uint32Array(n);
  for (const shift of [0, 16]) {
    const starts = new Uint32Array(65537);
    for (let i = 0; i < n; i++) starts[(((bits[i] as number) >>> shift) & 0xffff) + 1]! += 1;
    for (let b = 0; b < 65536; b++) starts[b + 1]! += starts[b] as number;
    for (let i = 0; i < n; i++) {
      const row = from[i] as number;
      to[starts[((bits[row] as number) >>> shift) & 0xffff]!++] = row;
    }
    [from, to] = [to, from];
  }
  return from;
}

/** Per row how the other class lies below it (of a positive) or above it (of a negative), as a share of the other class; a tie counts half. */
export interface Placements {
  values: Float64Array;
  positives: number;
  negatives: number;
  /** The exact area: Mann and Whitney's U over the number of pairs (Fawcett 2006, "An introduction to ROC analysis"). null: one class only. */
  auc: number | null;
}

/** DeLong, DeLong and Clarke-Pearson 1988's structural components in O(n log n), after Sun and Xu 2014 (IEEE SPL 21(11)). Labels are 0 or 1. */
export function placements(scores: Float32Array, labels: Float64Array): Placements {
  const n = scores.length;
  const order = ascending(scores);
  let positives = 0;
  for (let i = 0; i < n; i++) positives += labels[i] as number;
  const negatives = n - positives;
  const values = new Float64Array(n);
  const below = [0, 0];
  let twiceU = 0;
  for (let at = 0; at < n;) {
    const from = at;
    const score = scores[order[at] as number];
    const tied = [0, 0];
    for (; at < n && scores[order[at] as number] === score; at++) tied[labels[order[at] as number] as 0 | 1]! += 1;
    const [negativesBelow, positivesBelow] = below as [number, number];
    const [negativesTied, positivesTied] = tied as [number, number];
    const ofPositive = (negativesBelow + negativesTied / 2) / negatives;
    const ofNegative = (positives - positivesBelow - positivesTied / 2) / positives;
    for (let i = from; i < at; i++) {
      const row = order[i] as number;
      values[row] = labels[row] === 1 ? ofPositive : ofNegative;
    }
    twiceU += positivesTied * (2 * negativesBelow + negativesTied);
    below[0] = negativesBelow + negativesTied;
    below[1] = positivesBelow + positivesTied;
  }
  const auc = positives > 0 && negatives > 0 ? twiceU / 2 / (positives * negatives) : null;
  return { values, positives, negatives, auc };
}
