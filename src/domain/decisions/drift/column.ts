/** What one column of two profiles says. */
import type {
  CategoricalSketch,
  ColumnDrift,
  DriftPolicy,
  NumericSketch,
  ProfiledColumn,
  TableProfile,
} from '../../../contracts/index.js';
import { count } from '../text.js';
import { type Bins, numericBins } from './bins.js';
import { categoryBins } from './category-bins.js';
import { jensenShannonInterval, jensenShannonOf, psiInterval, psiOf, psiTerms } from './divergence.js';
import { type CategoricalJoint, joinCategorical, joinNumeric, total } from './joint.js';
import { orderStatistics } from './order.js';
import { judge } from './verdict.js';

/** Common readings of each statistic; PSI decides. */
export const DRIFT_POLICY: DriftPolicy = {
  numeric: 'psi',
  categorical: 'psi',
  limits: { psi: 0.1, jensenShannon: 0.1, ks: 0.1, wasserstein: 0.1 },
  falseAlarms: 0.05,
  columns: 1,
};

const MAX_PARTS = 10;

/** Each of the columns is judged at this confidence. */
export const confidenceOf = ({ falseAlarms, columns }: DriftPolicy): number => 1 - falseAlarms / Math.max(1, columns);

/**
 * How a column's values differ from the reference's. Nulls, missing and wrong values are left out: a rise of those is the data
 * checks' business (fix it, don't learn it).
 */
export function driftOf(reference: ProfiledColumn, current: ProfiledColumn, policy: DriftPolicy): ColumnDrift {
  const why = notComparable(reference.sketch, current.sketch, reference, current);
  if (why !== undefined) return notJudged(reference, why);
  if (reference.sketch.kind === 'numeric')
    return numericDrift(reference.name, reference.sketch, current.sketch as NumericSketch, policy);
  return categoricalDrift(reference, current.sketch as CategoricalSketch, policy);
}

/**
 * The columns that both profiles have, in the reference's order, judged together.
 * @param names only these, where given
 */
export function driftOfProfiles(
  reference: TableProfile,
  current: TableProfile,
  policy: Omit<DriftPolicy, 'columns'>,
  names?: readonly string[],
): ColumnDrift[] {
  const now = new Map(current.columns.map((column) => [column.name, column]));
  const pairs = reference.columns.flatMap((column) => {
    const other = names === undefined || names.includes(column.name) ? now.get(column.name) : undefined;
    return other ? [[column, other] as const] : [];
  });
  return pairs.map(([before, after]) => driftOf(before, after, { ...policy, columns: pairs.length }));
}

function numericDrift(
  name: string,
  reference: NumericSketch,
  current: NumericSketch,
  policy: DriftPolicy,
): ColumnDrift {
  const confidence = confidenceOf(policy);
  const joint = joinNumeric(reference, current);
  const bins = numericBins(joint);
  const order = orderStatistics(joint, confidence);
  const measured = {
    psi: psiOf(bins),
    jensenShannon: jensenShannonOf(bins),
    ks: order.ks.value,
    wasserstein: order.wasserstein?.value ?? null,
    intervals: {
      psi: psiInterval(bins, confidence),
      jensenShannon: jensenShannonInterval(bins, confidence),
      ks: order.ksInterval,
      ...(order.wasserstein && { wasserstein: order.wassersteinInterval }),
    },
    parts: partsOf(bins),
  };
  const unit = order.deviation.reference || order.deviation.current || measured.wasserstein || 1;
  return {
    name,
    kind: 'numeric',
    ...measured,
    newCategories: null,
    ...judge({ ...measured, statistic: policy.numeric, unit, rows: total(joint.current), policy, hides: null }),
  };
}

function categoricalDrift(column: ProfiledColumn, current: CategoricalSketch, policy: DriftPolicy): ColumnDrift {
  const reference = column.sketch as CategoricalSketch;
  const joint = joinCategorical(reference, current);
  const confidence = confidenceOf(policy);
  const bins = categoryBins(joint);
  const measured = {
    psi: psiOf(bins),
    jensenShannon: jensenShannonOf(joint),
    ks: null,
    wasserstein: null,
    intervals: { psi: psiInterval(bins, confidence), jensenShannon: jensenShannonInterval(bins, confidence) },
    parts: partsOf(bins),
  };
  const hides =
    joint.of === 'buckets'
      ? `${count(joint.categories.length)} groups of categories were compared, shifts within a group are not seen`
      : null;
  return {
    name: column.name,
    kind: 'categorical',
    ...measured,
    newCategories: joint.of === 'values' ? newShare(joint) : null,
    ...judge({ ...measured, statistic: policy.categorical, unit: 1, rows: total(joint.current), policy, hides }),
  };
}

const newShare = ({ reference, current }: CategoricalJoint): number =>
  total(current.filter((_, i) => reference[i] === 0)) / total(current);

function partsOf(bins: Bins): ColumnDrift['parts'] {
  const terms = psiTerms(bins);
  const psi = total(terms);
  const rows = { reference: total(bins.reference), current: total(bins.current) };
  return bins.labels
    .map((part, i) => ({
      part,
      reference: bins.reference[i]! / rows.reference,
      current: bins.current[i]! / rows.current,
      share: psi > 0 ? terms[i]! / psi : 0,
    }))
    .sort((a, b) => b.share - a.share)
    .slice(0, MAX_PARTS);
}

function notComparable(
  before: ProfiledColumn['sketch'],
  now: ProfiledColumn['sketch'],
  reference: ProfiledColumn,
  current: ProfiledColumn,
): string | undefined {
  if (total(before.counts) === 0) return `the reference has ${whyEmpty(reference)}`;
  if (total(now.counts) === 0) return `there is ${whyEmpty(current)}`;
  if (before.kind !== now.kind)
    return `the reference has ${inWords[before.kind]} here, and now there are ${inWords[now.kind]}`;
  return undefined;
}

const inWords = { numeric: 'numbers', categorical: 'categories' };

function whyEmpty({ rows, nulls, missing, wrong }: ProfiledColumn): string {
  if (rows === 0) return 'no row';
  if (missing === rows) return 'no such column';
  if (nulls + missing === rows) return `no value: all ${count(rows)} are null`;
  if (wrong.length > 0) return `no value of this type: ${count(wrong[0]!.rows)} are ${wrong[0]!.kind}`;
  return `no finite number in ${count(rows)} rows`;
}

const notJudged = ({ name, sketch }: ProfiledColumn, why: string): ColumnDrift => ({
  name,
  kind: sketch.kind,
  psi: null,
  jensenShannon: null,
  ks: null,
  wasserstein: null,
  intervals: {},
  newCategories: null,
  verdict: 'notJudged',
  because: `Cannot be judged: ${why}.`,
  parts: [],
});
