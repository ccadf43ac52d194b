/** What `seawall compare --json` answers. */
import type {
  ColumnDrift,
  Interval,
  Measured,
  Performance,
  ProfiledColumn,
  QualityRoles,
  TableProfile,
} from '../../contracts/index.js';
import { DRIFT_POLICY, driftOfProfiles } from '../../domain/decisions/drift/column.js';
import { estimatePerformance } from '../../domain/decisions/performance/estimate.js';
import { performanceChange, performanceOf } from '../../domain/decisions/performance/performance.js';
import type { Side } from './side.js';

/** By the metric's name; null: cannot be computed. */
type Figures = Record<string, number | null>;
type Intervals = Record<string, Interval | null>;

/** Rows without a usable value. */
type Absent = Pick<ProfiledColumn, 'nulls' | 'missing' | 'wrong'> & { nan: number; infinities: number };

export interface ComparedColumn extends ColumnDrift {
  role: 'label' | 'prediction' | 'score' | null;
  reference: Absent;
  current: Absent;
}

export interface ComparedPerformance {
  task: Performance['task'];
  rows: { reference: number; current: number };
  reference: Figures | null;
  current: Figures | null;
  /** Of the current side, from its scores alone; null where it cannot be told. */
  estimated: Figures | null;
  /** Two-sided, 95 %. */
  intervals: { reference: Intervals | null; current: Intervals | null; estimated: Intervals | null };
  /** Current - reference. */
  change: Record<string, Measured>;
}

export interface Comparison {
  kind: 'comparison';
  schema: 1;
  reference: SideSummary;
  current: SideSummary;
  columns: ComparedColumn[];
  onlyInReference: string[];
  onlyInCurrent: string[];
  performance: ComparedPerformance | null;
  slices: { column: string; value: string; performance: ComparedPerformance }[];
}

interface SideSummary extends Pick<Side, 'from' | 'stored' | 'unreadable' | 'skipped' | 'notes'> {
  rows: number;
}

export function comparisonOf(reference: Side, current: Side): Comparison {
  const [before, now] = [reference.profile, current.profile];
  const roles = before.roles ?? now.roles;
  const rowsIn = (table: TableProfile, name: string) => table.columns.find((column) => column.name === name);
  const absentIn = ({ columns }: TableProfile) => columns.filter((c) => c.missing === c.rows).map(({ name }) => name);
  const there = (table: TableProfile) => (name: string) =>
    rowsIn(table, name) !== undefined && !absentIn(table).includes(name);
  const names = before.columns.map(({ name }) => name).filter(there(before));
  const drift = driftOfProfiles(before, now, DRIFT_POLICY, names.filter(there(now)));
  return {
    kind: 'comparison',
    schema: 1,
    reference: summaryOf(reference),
    current: summaryOf(current),
    columns: drift.map((column) => ({
      ...column,
      role: roleOf(column.name, roles),
      reference: absentOf(rowsIn(before, column.name)!),
      current: absentOf(rowsIn(now, column.name)!),
    })),
    onlyInReference: names.filter((name) => !there(now)(name)),
    onlyInCurrent: [
      ...current.extra.filter((name) => !reference.skipped.some(({ column }) => column === name)),
      ...now.columns.map(({ name }) => name).filter((name) => there(now)(name) && !there(before)(name)),
    ],
    performance: performanceOfBoth(before, now, roles),
    slices: slicesOfBoth(before, now),
  };
}

const summaryOf = ({ from, stored, profile, unreadable, skipped, notes }: Side): SideSummary => ({
  from,
  stored,
  rows: profile.rows,
  unreadable,
  skipped,
  notes,
});

function absentOf({ nulls, missing, wrong, sketch }: ProfiledColumn): Absent {
  const numeric = sketch.kind === 'numeric' ? sketch : { nan: 0, positiveInfinity: 0, negativeInfinity: 0 };
  return {
    nulls,
    missing,
    wrong,
    nan: numeric.nan,
    infinities: numeric.positiveInfinity + numeric.negativeInfinity,
  };
}

function roleOf(name: string, roles: QualityRoles | undefined): ComparedColumn['role'] {
  if (name === roles?.label) return 'label';
  if (name === roles?.prediction) return 'prediction';
  return roles?.scores.includes(name) ? 'score' : null;
}

function performanceOfBoth(
  before: TableProfile,
  now: TableProfile,
  roles: QualityRoles | undefined,
): ComparedPerformance | null {
  const task = before.quality?.task ?? now.quality?.task;
  if (!task) return null;
  const score = now.columns.find(({ name }) => name === roles?.scores[0])?.sketch;
  const estimated =
    before.quality?.task === 'binary' && score?.kind === 'numeric' ? estimatePerformance(before.quality, score) : null;
  return compared(
    task,
    before.quality && performanceOf(before.quality),
    now.quality && performanceOf(now.quality),
    estimated,
  );
}

function slicesOfBoth(before: TableProfile, now: TableProfile): Comparison['slices'] {
  return before.slices.flatMap(({ column, value, quality }) => {
    const other = now.slices.find((slice) => slice.column === column && slice.value === value);
    if (!other) return [];
    const [was, is] = [performanceOf(quality), performanceOf(other.quality)];
    return [{ column, value, performance: compared(was.task, was, is, null) }];
  });
}

function compared(
  task: Performance['task'],
  reference: Performance | null,
  current: Performance | null,
  estimated: Performance | null,
): ComparedPerformance {
  // Without rows there are no figures to be shown as null.
  const [before, now] = [reference, current].map((one) => (one && one.rows > 0 ? one : null));
  return {
    task,
    rows: { reference: before?.rows ?? 0, current: now?.rows ?? 0 },
    reference: figures(before!),
    current: figures(now!),
    estimated: figures(estimated),
    intervals: { reference: intervals(before!), current: intervals(now!), estimated: intervals(estimated) },
    change: before && now ? performanceChange(before, now) : {},
  };
}

const figures = (of: Performance | null): Figures | null =>
  of && Object.fromEntries(Object.entries(of.metrics).map(([name, measured]) => [name, measured?.value ?? null]));
const intervals = (of: Performance | null): Intervals | null =>
  of &&
  Object.fromEntries(
    Object.entries(of.metrics).map(([name, measured]) => [
      name,
      measured && { low: measured.low, high: measured.high },
    ]),
  );
