/** Where direct labels go, so that no two lie on each other. */

/**
 * Moves positions along one axis apart, as little as possible and in their order, to at least `gap`, within `[low, high]`
 * where that has room.
 */
export function spread(positions: readonly number[], gap: number, [low, high]: readonly [number, number]): number[] {
  const order = positions.map((_, i) => i).sort((a, b) => positions[a]! - positions[b]!);
  // Neighbours that are too close become a block around their mean; blocks that touch are merged.
  const blocks: { members: number[]; start: number }[] = [];
  const settle = (members: number[]): { members: number[]; start: number } => {
    const mean = members.reduce((sum, i) => sum + positions[i]!, 0) / members.length;
    const length = (members.length - 1) * gap;
    return { members, start: Math.max(low, Math.min(high - length, mean - length / 2)) };
  };
  for (const i of order) {
    let block = settle([i]);
    for (let last = blocks.at(-1); last && last.start + last.members.length * gap > block.start; last = blocks.at(-1)) {
      blocks.pop();
      block = settle([...last.members, ...block.members]);
    }
    blocks.push(block);
  }
  const placed: number[] = [];
  for (const { members, start } of blocks) members.forEach((member, i) => (placed[member] = start + i * gap));
  return placed;
}

export interface PointLabel {
  /** Of the point, in pixels of the plot, y downwards. */
  x: number;
  y: number;
  text: string;
}
export interface PlacedLabel {
  /** Of the text, relative to the point. */
  dx: number;
  dy: number;
  align: 'left' | 'right' | 'center';
}
type Box = readonly [left: number, top: number, right: number, bottom: number];

/** Half the height of a label, and how far it stays from its point. */
const HALF_LINE = 8;
const AWAY = 9;

/**
 * Beside, above or below each point: wherever the fewest other labels and points lie. Those that come first choose first.
 *
 * @param width of the room; labels that leave it count as colliding
 * @param textWidth of a label, in pixels
 * @param path a line in the plot, by its corners, that labels had better not cross
 */
export function placeLabels(
  points: readonly PointLabel[],
  width: number,
  textWidth: (text: string) => number,
  path: readonly Pick<PointLabel, 'x' | 'y'>[] = [],
): PlacedLabel[] {
  const taken: Box[] = points.map(({ x, y }) => [x - 5, y - 5, x + 5, y + 5]);
  const along = pointsAlong(path);
  return points.map(({ x, y, text }, own) => {
    const long = textWidth(text);
    const scored = PLACES.map((place) => {
      const left = x + place.dx - { left: 0, right: long, center: long / 2 }[place.align];
      const box: Box = [left, y + place.dy - HALF_LINE, left + long, y + place.dy + HALF_LINE];
      const hits = taken.filter((other, i) => i !== own && overlaps(box, other)).length;
      const crosses = along.some(([px, py]) => overlaps(box, [px, py, px, py]));
      return { place, box, cost: hits + (crosses ? 0.5 : 0) + (box[0] < 0 || box[2] > width ? 1.5 : 0) };
    });
    const best = scored.reduce((a, b) => (b.cost < a.cost ? b : a));
    taken.push(best.box);
    return best.place;
  });
}

/** Dense enough that no label fits between two. */
function pointsAlong(path: readonly Pick<PointLabel, 'x' | 'y'>[]): [number, number][] {
  const steps = 64;
  return path.slice(1).flatMap((to, i) => {
    const from = path[i]!;
    return Array.from({ length: steps + 1 }, (_, k): [number, number] => [
      from.x + ((to.x - from.x) * k) / steps,
      from.y + ((to.y - from.y) * k) / steps,
    ]);
  });
}

const PLACES: readonly PlacedLabel[] = [
  { dx: AWAY, dy: 0, align: 'left' },
  { dx: -AWAY, dy: 0, align: 'right' },
  { dx: 0, dy: -AWAY - 5, align: 'center' },
  { dx: 0, dy: AWAY + 6, align: 'center' },
  { dx: AWAY, dy: AWAY + 3, align: 'left' },
  { dx: -AWAY, dy: -AWAY - 3, align: 'right' },
  { dx: AWAY, dy: -AWAY - 3, align: 'left' },
  { dx: -AWAY, dy: AWAY + 3, align: 'right' },
];

const overlaps = (a: Box, b: Box): boolean => a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];
