/** Two sketches over the same parts, for people to look at. */
import { type CategoricalSketch, EXACT_BITS, type NumericSketch, type Sketch } from '../../contracts/index.js';
import { cellEnd } from './cells.js';
import { quantile } from './numeric.js';

export interface HistogramBin {
  /** A value, where the bin begins, or a category. */
  label: string;
  /** Shares of the rows, 0 to 1. */
  reference: number;
  current: number;
}

const BINS = 24;
const CATEGORIES = 12;
/** Beyond these quantiles of both sides the ends of the line are in one bin each: few extremes would hide all the rest. */
const ENDS = 0.005;

/** Equal ranges of numbers, single values where there are few; the categories that most rows have. Empty: nothing to compare. */
export function histogramOf(reference: Sketch, current: Sketch): HistogramBin[] {
  if (reference.kind === 'numeric' && current.kind === 'numeric') return numbers(reference, current);
  if (reference.kind === 'categorical' && current.kind === 'categorical') return categories(reference, current);
  return [];
}

function numbers(reference: NumericSketch, current: NumericSketch): HistogramBin[] {
  const values = [...new Set([...reference.starts, ...current.starts])].sort((a, b) => a - b);
  const sides = [reference, current] as const;
  if (values.length <= BINS + 1 && sides.every(({ bits }) => bits === EXACT_BITS))
    return binsOf(sides, values.map(String), (start) => values.indexOf(start));
  const ends = sides.flatMap((sketch) => [quantile(sketch, ENDS), quantile(sketch, 1 - ENDS)]);
  const known = ends.filter((x) => x !== null);
  const low = Math.min(...known);
  const width = (Math.max(...known) - low) / BINS || 1;
  const labels = Array.from({ length: BINS }, (_, i) => `${Number((low + i * width).toPrecision(3))}`);
  // A cell counts where its middle lies.
  const bin = (start: number, bits: number): number => Math.floor(((start + cellEnd(start, bits)) / 2 - low) / width);
  return binsOf(sides, labels, (start, bits) => Math.min(BINS - 1, Math.max(0, bin(start, bits))));
}

function binsOf(
  sides: readonly [NumericSketch, NumericSketch],
  labels: readonly string[],
  binAt: (start: number, bits: number) => number,
): HistogramBin[] {
  const shares = sides.map(({ starts, counts, bits }) => {
    const bins = labels.map(() => 0);
    const rows = sum(counts);
    for (const [i, start] of starts.entries()) bins[binAt(start, bits)]! += counts[i]! / rows;
    return bins;
  });
  return labels.map((label, i) => ({ label, reference: shares[0]![i]!, current: shares[1]![i]! }));
}

function categories(reference: CategoricalSketch, current: CategoricalSketch): HistogramBin[] {
  const [before, now] = [sharesOf(reference), sharesOf(current)];
  const all = [...new Set([...before.keys(), ...now.keys()])].map((label) => ({
    ...{ label, reference: before.get(label) ?? 0, current: now.get(label) ?? 0 },
  }));
  const weight = (bin: HistogramBin): number => Math.max(bin.reference, bin.current);
  const sorted = all.sort((a, b) => weight(b) - weight(a) || (a.label < b.label ? -1 : 1));
  const rest = sorted.slice(CATEGORIES - 1);
  if (rest.length <= 1) return sorted;
  const total = (side: 'reference' | 'current'): number => sum(rest.map((bin) => bin[side]));
  return [
    ...sorted.slice(0, CATEGORIES - 1),
    { label: `${rest.length} others`, reference: total('reference'), current: total('current') },
  ];
}

/** Of categories that have a name; with buckets only the frequent ones have. */
function sharesOf(sketch: CategoricalSketch): Map<string, number> {
  const rows = sum(sketch.counts);
  const named =
    sketch.of === 'values'
      ? sketch.categories.map((value, i) => ({ value, count: sketch.counts[i]! }))
      : sketch.frequent;
  return new Map(named.map(({ value, count }) => [value, rows === 0 ? 0 : count / rows]));
}

const sum = (values: readonly number[]): number => values.reduce((all, n) => all + n, 0);
