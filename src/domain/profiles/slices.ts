/** Which parts of a column are looked at apart: the reference says, so that a window's parts are the same. */
import type { NumericSketch, ProfiledColumn } from '../../contracts/index.js';

/** More parts of a column are nobody's to read. */
const MOST_CATEGORIES = 20;
const RANGES = 4;

export type SliceSpec =
  | { name: string; kind: 'categorical'; categories: string[] }
  /** n + 1 ranges between and beyond n ascending edges. */
  | { name: string; kind: 'numeric'; edges: number[] };

/** The most frequent categories, or the quarters of the numbers, of the named columns that there are. */
export function sliceSpecs(columns: readonly ProfiledColumn[], names: readonly string[]): SliceSpec[] {
  return columns
    .filter(({ name }) => names.includes(name))
    .map(({ name, sketch }) => {
      if (sketch.kind === 'numeric') return { name, kind: sketch.kind, edges: quarters(sketch) };
      const counted =
        sketch.of === 'values'
          ? sketch.categories.map((value, i) => ({ value, count: sketch.counts[i] as number }))
          : sketch.frequent;
      const most = [...counted].sort((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1));
      return { name, kind: sketch.kind, categories: most.slice(0, MOST_CATEGORIES).map(({ value }) => value) };
    });
}

/** The starts of the cells that hold the quartiles; a value that repeats makes one edge. */
function quarters({ starts, counts }: NumericSketch): number[] {
  const rows = counts.reduce((sum, n) => sum + n, 0);
  const edges = new Set<number>();
  let below = 0;
  let quarter = 1;
  for (const [i, start] of starts.entries()) {
    while (quarter < RANGES && below + (counts[i] as number) > (rows * quarter) / RANGES) {
      if (i > 0) edges.add(start);
      quarter += 1;
    }
    below += counts[i] as number;
  }
  return [...edges];
}
