/** The parts over which the shares of categories are compared: frequent ones alone, rare ones in groups. */
import { bucketOf } from '../../profiles/index.js';
import type { Bins } from './bins.js';
import { type CategoricalJoint, total } from './joint.js';

/** Categories in which the smaller sample should have fewer rows than this are compared in groups: alone they are noise. */
const MIN_EXPECTED_ROWS = 10;
/** New rows count as such from so many standard deviations above what chance makes look new. */
const CHANCE_DEVIATIONS = 4;

interface Category {
  name: string;
  reference: number;
  current: number;
}

/**
 * Frequent categories, groups of rare ones, and what is new. Frequent is told by both samples together: what only one of them says
 * would prefer categories that chance made frequent there, and would not see a frequent new one. Groups are by hash, so that a
 * shift among rare categories moves their shares; one `other` for all would hide that all of them were replaced.
 */
export function categoryBins(joint: CategoricalJoint): Bins {
  const rows = { reference: total(joint.reference), current: total(joint.current) };
  const all = rows.reference + rows.current;
  const smaller = Math.min(rows.reference, rows.current) / all;
  const isFrequent = ({ reference, current }: Category): boolean =>
    (reference + current) * smaller >= MIN_EXPECTED_ROWS;
  const categories = joint.categories.map((name, i): Category => ({
    name,
    reference: joint.reference[i]!,
    current: joint.current[i]!,
  }));
  const rare = categories.filter((one) => !isFrequent(one));
  // A bucket holds many categories: that nobody was in it says little.
  const fresh = joint.of === 'values' ? rowsBeyondChance(rare, rows.current / all) : 0;
  const bins = [...categories.filter(isFrequent), ...groupsOf(withoutNew(rare, fresh), joint.of, isFrequent)];
  if (fresh > 0) bins.push({ name: 'new and rare', reference: 0, current: fresh });
  return {
    labels: bins.map(({ name }) => name),
    reference: bins.map(({ reference }) => reference),
    current: bins.map(({ current }) => current),
  };
}

/**
 * Current rows of rare categories that the reference lacks, beyond those that chance explains: if both samples were drawn from
 * one population, a category with `n` rows in both would have all of them in the current one with probability `share` ** n.
 * @param share of all rows that are current ones
 */
function rowsBeyondChance(rare: readonly Category[], share: number): number {
  let [fresh, expected, variance] = [0, 0, 0];
  for (const { reference, current } of rare) {
    const n = reference + current;
    const chance = share ** n;
    if (reference === 0) fresh += current;
    expected += n * chance;
    variance += n * n * chance * (1 - chance);
  }
  return Math.max(0, fresh - expected - CHANCE_DEVIATIONS * Math.sqrt(variance));
}

/** What has a bin of its own is counted in no other. */
function withoutNew(rare: readonly Category[], fresh: number): readonly Category[] {
  if (fresh === 0) return rare;
  const kept = 1 - fresh / total(rare.map(({ reference, current }) => (reference === 0 ? current : 0)));
  return rare.map((one) => (one.reference === 0 ? { ...one, current: one.current * kept } : one));
}

/** In the order of their hashes, each group with as many rows as a frequent category has; what is left over joins the last. */
function groupsOf(
  rare: readonly Category[],
  of: CategoricalJoint['of'],
  isFull: (group: Category) => boolean,
): Category[] {
  const place = (name: string): string => (of === 'buckets' ? name : `${bucketOf(name)} ${name}`);
  const sorted = rare.map((one) => ({ ...one, at: place(one.name) })).sort((a, b) => (a.at < b.at ? -1 : 1));
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
