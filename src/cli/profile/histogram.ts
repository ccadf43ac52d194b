/** Two columns as histograms over each other: shares of the rows that have a value. */
import type { CategoricalSketch, NumericSketch } from '../../contracts/index.js';
import { cellEnd, quantile } from '../../domain/profiles/index.js';

export interface Bar {
  /** Numbers: the half-open range `[from, to)`. */
  from: number;
  to: number;
  /** 0 to 1. */
  reference: number;
  current: number;
}

export interface CategoryBar {
  category: string;
  reference: number;
  current: number;
}

const BINS = 40;
/** What lies farther out is in the outermost bins: one wild value must not press all others into one bar. */
const TAIL = 0.005;
const CATEGORIES = 12;

const total = (counts: readonly number[]): number => counts.reduce((sum, count) => sum + count, 0);

/** Bins of equal width; up to 40 whole numbers that follow each other have a bin each. Empty without values. */
export function histogram(reference: NumericSketch, current: NumericSketch): Bar[] {
  const sides = [reference, current].filter(({ counts }) => counts.length > 0);
  if (sides.length === 0) return [];
  const low = Math.min(...sides.map((sketch) => quantile(sketch, TAIL)!));
  const high = Math.max(...sides.map((sketch) => quantile(sketch, 1 - TAIL)!));
  const areWhole = sides.every(({ bits, starts }) => bits === 52 && starts.every(Number.isInteger));
  const isFew = areWhole && high - low < BINS;
  const bins = isFew ? high - low + 1 : low === high ? 1 : BINS;
  const width = isFew ? 1 : low === high ? Math.abs(low) || 1 : (high - low) / BINS;
  // A whole number stands in the middle of its bar.
  const from = isFew || low === high ? low - width / 2 : low;
  const bars = Array.from({ length: bins }, (_, i) => ({ from: from + i * width, to: from + (i + 1) * width }));
  const shares = [reference, current].map((sketch) => sharesIn(sketch, from, width, bins));
  return bars.map((bar, i) => ({ ...bar, reference: shares[0]![i]!, current: shares[1]![i]! }));
}

/** A cell is where its middle is. */
function sharesIn({ starts, counts, bits }: NumericSketch, from: number, width: number, bins: number): number[] {
  const shares = Array.from({ length: bins }, () => 0);
  const all = total(counts) || 1;
  starts.forEach((start, i) => {
    const middle = bits === 52 ? start : (start + cellEnd(start, bits)) / 2;
    const bin = Math.floor((middle - from) / width);
    shares[Math.max(0, Math.min(bins - 1, bin))]! += counts[i]! / all;
  });
  return shares;
}

/** The most frequent of either side by name, and what shares the others have. */
export function categoryBars(
  reference: CategoricalSketch,
  current: CategoricalSketch,
): { bars: CategoryBar[]; others: Omit<CategoryBar, 'category'> } {
  const sides = [reference, current].map(shares);
  const names = [...new Set(sides.flatMap((side) => [...side.keys()]))];
  const every = names.map((category) => {
    const [before, now] = sides.map((side) => side.get(category) ?? 0);
    return { category, reference: before!, current: now! };
  });
  const size = (bar: CategoryBar) => Math.max(bar.reference, bar.current);
  const bars = every.toSorted((a, b) => size(b) - size(a) || (a.category < b.category ? -1 : 1)).slice(0, CATEGORIES);
  const other = (side: 'reference' | 'current', { counts }: CategoricalSketch) =>
    counts.length === 0 ? 0 : Math.max(0, 1 - bars.reduce((sum, bar) => sum + bar[side], 0));
  return { bars, others: { reference: other('reference', reference), current: other('current', current) } };
}

function shares({ of, categories, counts, frequent }: CategoricalSketch): Map<string, number> {
  const all = total(counts) || 1;
  if (of === 'buckets') return new Map(frequent.map(({ value, count }) => [value, count / all]));
  return new Map(categories.map((category, i) => [category, counts[i]! / all]));
}
