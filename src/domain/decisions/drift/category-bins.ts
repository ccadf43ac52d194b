/** The parts over which the shares of categories are compared: frequent ones alone, rare ones in groups. */
import { bucketOf } from '../../profiles/index.js';
import type { Bins } from './bins.js';
import { type CategoricalJoint, total } from './joint.js';

/** Categories in which the smaller sample should have fewer rows than this are compared in groups: alone they are noise. */
const MIN_EXPECTED_ROWS = 10;
/** Where every category has its name: no more groups than deciles, since new and gone ones are told apart by name. */
const MOST_GROUPS = 10;
/** Rows count as new, or as gone, from so many standard deviations above what chance makes look so. */
const CHANCE_DEVIATIONS = 4;

interface Category {
  name: string;
  reference: number;
  current: number;
}

/**
 * Frequent categories, groups of rare ones, what is new and what is gone. Frequent is told by both samples together: what only one
 * of them says would prefer categories that chance made frequent there, and would not see a frequent new one. One `other` for all
 * rare ones would hide that all of them were replaced.
 */
export function categoryBins(joint: CategoricalJoint): Bins {
  const rows = { reference: total(joint.reference), current: total(joint.current) };
  const all = rows.reference + rows.current;
  const expectedRows = ({ reference, current }: Category): number =>
    ((reference + current) * Math.min(rows.reference, rows.current)) / all;
  const categories = joint.categories.map((name, i): Category => ({
    name,
    reference: joint.reference[i]!,
    current: joint.current[i]!,
  }));
  const bins = categories.filter((one) => expectedRows(one) >= MIN_EXPECTED_ROWS);
  const rare = categories.filter((one) => expectedRows(one) < MIN_EXPECTED_ROWS);
  if (joint.of === 'buckets')
    bins.push(...groupsOf(rare, (group) => expectedRows(group) >= MIN_EXPECTED_ROWS, joint.of));
  else {
    // A bucket holds many categories: that nobody was in it says little. Of a category it says much.
    const gone = beyondChance(rare, 'reference', rows.reference / all);
    const fresh = beyondChance(rare, 'current', rows.current / all);
    const rareRows = rare.reduce((sum, one) => sum + expectedRows(one), 0);
    const full = Math.max(MIN_EXPECTED_ROWS, rareRows / MOST_GROUPS);
    const rest = rare.map(({ name, reference, current }) => ({
      name,
      reference: current === 0 ? reference * (1 - gone.share) : reference,
      current: reference === 0 ? current * (1 - fresh.share) : current,
    }));
    bins.push(...groupsOf(rest, (group) => expectedRows(group) >= full, joint.of));
    if (gone.rows > 0) bins.push({ name: 'gone and rare', reference: gone.rows, current: 0 });
    if (fresh.rows > 0) bins.push({ name: 'new and rare', reference: 0, current: fresh.rows });
  }
  return {
    labels: bins.map(({ name }) => name),
    reference: bins.map(({ reference }) => reference),
    current: bins.map(({ current }) => current),
  };
}

/**
 * Rows of rare categories that only this side has, as many as chance does not explain, and their share of all such rows: if both
 * samples were drawn from one population, a category with `n` rows in both would have all of them here with probability `part` ** n.
 * @param part of all rows that are this side's
 */
function beyondChance(
  rare: readonly Category[],
  side: 'reference' | 'current',
  part: number,
): { rows: number; share: number } {
  let [alone, expected, variance] = [0, 0, 0];
  for (const one of rare) {
    const n = one.reference + one.current;
    const chance = part ** n;
    if (one[side] === n) alone += n;
    expected += n * chance;
    variance += n * n * chance * (1 - chance);
  }
  const rows = Math.max(0, alone - expected - CHANCE_DEVIATIONS * Math.sqrt(variance));
  return { rows, share: alone > 0 ? rows / alone : 0 };
}

/** In the order of their hashes; what is left over joins the last. Names of buckets are hashes. */
function groupsOf(
  rare: readonly Category[],
  isFull: (group: Category) => boolean,
  of: CategoricalJoint['of'],
): Category[] {
  const sorted = rare
    .map((one) => ({ ...one, at: of === 'values' ? `${bucketOf(one.name)} ${one.name}` : one.name }))
    .sort((a, b) => (a.at < b.at ? -1 : 1));
  const groups: Category[] = [];
  for (const { reference, current } of sorted) {
    const last = groups.at(-1);
    if (last && !isFull(last)) add(last, { reference, current });
    else groups.push({ name: '', reference, current });
  }
  const left = groups.at(-1);
  if (groups.length > 1 && !isFull(left!)) add(groups.at(-2)!, groups.pop()!);
  const name = (i: number): string => (groups.length === 1 ? 'other' : `other (group ${i + 1} of ${groups.length})`);
  return groups.map((group, i) => ({ ...group, name: name(i) }));
}

function add(group: Category, { reference, current }: Omit<Category, 'name'>): void {
  group.reference += reference;
  group.current += current;
}
