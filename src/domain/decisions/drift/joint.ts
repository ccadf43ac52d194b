/** Two sketches in the same cells. */
import { type CategoricalSketch, EXACT_BITS, type NumericSketch } from '../../../contracts/index.js';
import { bucketOf, cellEnd, cellStart } from '../../profiles/index.js';

/** Counts of two samples over the same parts. */
export interface Counts {
  reference: number[];
  current: number[];
}

export interface NumericJoint extends Counts {
  bits: number;
  /** Ascending, as in `Cells`. */
  starts: number[];
  /** The ends of the cells on the line, ascending: equal where a cell is one value. */
  low: number[];
  high: number[];
}

export interface CategoricalJoint extends Counts {
  of: CategoricalSketch['of'];
  categories: string[];
}

/** Both sketches in the wider one's cells, in the order of the line. */
export function joinNumeric(reference: NumericSketch, current: NumericSketch): NumericJoint {
  const bits = Math.min(reference.bits, current.bits);
  const a = coarsen(reference, bits);
  const b = coarsen(current, bits);
  const joint: NumericJoint = { bits, starts: [], low: [], high: [], reference: [], current: [] };
  for (let i = 0, j = 0; i < a.starts.length || j < b.starts.length;) {
    const start = Math.min(a.starts[i] ?? Infinity, b.starts[j] ?? Infinity);
    joint.starts.push(start);
    joint.reference.push(a.starts[i] === start ? a.counts[i++]! : 0);
    joint.current.push(b.starts[j] === start ? b.counts[j++]! : 0);
  }
  return withEnds(joint, Math.min(reference.min!, current.min!), Math.max(reference.max!, current.max!));
}

/** No value lies outside the extremes: the outermost cells end there. */
function withEnds(joint: NumericJoint, min: number, max: number): NumericJoint {
  for (const start of joint.starts) {
    const end = joint.bits === EXACT_BITS ? start : cellEnd(start, joint.bits);
    joint.low.push(Math.max(start < 0 ? end : start, min));
    joint.high.push(Math.min(start < 0 ? start : end, max));
  }
  return joint;
}

/** Counts in cells of fewer bits. */
export function coarsen(
  { starts, counts, bits: fine }: { starts: readonly number[]; counts: readonly number[]; bits: number },
  bits: number,
): { starts: readonly number[]; counts: readonly number[] } {
  if (fine === bits) return { starts, counts };
  const wide: { starts: number[]; counts: number[] } = { starts: [], counts: [] };
  for (let i = 0; i < starts.length; i++) {
    const wider = cellStart(starts[i]!, bits);
    const last = wide.starts.length - 1;
    if (last >= 0 && wide.starts[last] === wider) wide.counts[last]! += counts[i]!;
    else {
      wide.starts.push(wider);
      wide.counts.push(counts[i]!);
    }
  }
  return wide;
}

/** Where one side counts in buckets, the other's categories are put into the same buckets. */
export function joinCategorical(reference: CategoricalSketch, current: CategoricalSketch): CategoricalJoint {
  const of = reference.of === 'values' && current.of === 'values' ? 'values' : 'buckets';
  const rows = new Map<string, [number, number]>();
  for (const [side, sketch] of [reference, current].entries())
    for (let i = 0; i < sketch.categories.length; i++) {
      const category = sketch.categories[i]!;
      const key = of === sketch.of ? category : bucketOf(category);
      const pair = rows.get(key) ?? [0, 0];
      pair[side]! += sketch.counts[i]!;
      rows.set(key, pair);
    }
  const categories = [...rows.keys()];
  const pairs = [...rows.values()];
  return { of, categories, reference: pairs.map(([n]) => n), current: pairs.map(([, n]) => n) };
}

export const total = (counts: readonly number[]): number => {
  let sum = 0;
  for (const n of counts) sum += n;
  return sum;
};
