/** The parts over which shares are compared. */
import { EXACT_BITS } from '../../../contracts/index.js';
import { type Counts, type NumericJoint, total } from './joint.js';

export interface Bins extends Counts {
  labels: string[];
}

const DECILES = 10;
/** Numbers with no more different values are codes or small counts: each value is told. */
const FEW_VALUES = 20;

/** A bin begins at a cell; `at` is what people read. */
interface Edge {
  cell: number;
  at: number;
}

/**
 * Few values: a bin for each value of the reference, and for what lies between them. Else between the reference's deciles, `[a, b)`: those of NumPy
 * (`quantile`, linear) where the sketch is exact, otherwise the nearest ends of cells. A value that holds more than a tenth of the rows has a bin of its own: the deciles of a column that is mostly
 * zero are all zero, and could not tell what becomes of the rest.
 */
export function numericBins(joint: NumericJoint): Bins {
  const edges = distinct(valueEdges(joint) ?? [...decileEdges(joint), ...atomEdges(joint)]);
  const bins: Bins = { labels: [], reference: [], current: [] };
  let from: Edge = { cell: 0, at: -Infinity };
  for (const to of [...edges, { cell: joint.starts.length, at: Infinity }]) {
    const reference = total(joint.reference.slice(from.cell, to.cell));
    const current = total(joint.current.slice(from.cell, to.cell));
    if (reference + current > 0) {
      bins.labels.push(`${from.at === -Infinity ? '(' : '['}${shortest(from.at)}, ${shortest(to.at)})`);
      bins.reference.push(reference);
      bins.current.push(current);
    }
    from = to;
  }
  return bins;
}

/** @returns null when there are too many values */
function valueEdges(joint: NumericJoint): Edge[] | null {
  if (joint.bits !== EXACT_BITS) return null;
  const cells = joint.reference.flatMap((n, cell) => (n > 0 ? [cell] : []));
  return cells.length <= FEW_VALUES ? edgesAround(joint, cells) : null;
}

function decileEdges(joint: NumericJoint): Edge[] {
  const rows = total(joint.reference);
  const edges: Edge[] = [];
  let cell = -1;
  let upTo = 0;
  for (let decile = 1; decile < DECILES; decile++) {
    const position = ((rows - 1) * decile) / DECILES;
    const rank = Math.floor(position);
    while (upTo <= rank) upTo += joint.reference[++cell]!;
    edges.push(
      joint.bits === EXACT_BITS
        ? exactEdge(joint, cell, upTo, position)
        : nearestEnd(joint, cell, upTo, (rows * decile) / DECILES),
    );
  }
  return edges;
}

/** Between the value of this rank and that of the next one. */
function exactEdge(joint: NumericJoint, cell: number, upTo: number, position: number): Edge {
  const value = joint.starts[cell]!;
  const fraction = position - Math.floor(position);
  if (fraction === 0 || Math.floor(position) + 1 < upTo) return { cell, at: value };
  let next = cell + 1;
  while (joint.reference[next] === 0) next++;
  const at = value + fraction * (joint.starts[next]! - value);
  let first = cell;
  while (joint.starts[first]! < at) first++;
  return { cell: first, at };
}

function nearestEnd(joint: NumericJoint, cell: number, upTo: number, wanted: number): Edge {
  const before = wanted - (upTo - joint.reference[cell]!);
  return before <= upTo - wanted ? { cell, at: joint.low[cell]! } : { cell: cell + 1, at: joint.high[cell]! };
}

function atomEdges(joint: NumericJoint): Edge[] {
  const many = total(joint.reference) / DECILES;
  return edgesAround(
    joint,
    joint.reference.flatMap((n, cell) => (n > many ? [cell] : [])),
  );
}

/** Each of these cells in a bin of its own. */
const edgesAround = ({ low }: NumericJoint, cells: number[]): Edge[] =>
  cells.flatMap((cell) => [cell, cell + 1]).flatMap((cell) => (cell < low.length ? [{ cell, at: low[cell]! }] : []));

/** Ascending; no bin before the first cell and none twice. */
function distinct(edges: Edge[]): Edge[] {
  const byCell = new Map(edges.filter(({ cell }) => cell > 0).map((edge) => [edge.cell, edge]));
  return [...byCell.values()].sort((a, b) => a.cell - b.cell);
}

/** Six digits tell bins apart and are still read. */
const shortest = (x: number): string => (Number.isFinite(x) ? String(Number(x.toPrecision(6))) : x < 0 ? '-∞' : '∞');
