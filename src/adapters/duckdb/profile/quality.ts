import type { Quality, QualitySlice } from '../../../contracts/index.js';
import { BinaryBuilder, MulticlassBuilder, RegressionBuilder } from '../../../domain/profiles/index.js';
import type { Database } from '../database.js';
import { double, text } from '../sql.js';
import { doubles } from './doubles.js';

/** What is compared, as SQL over one relation. Rows that lack what their task needs are left out. */
export type QualityRequest = { slices?: readonly SliceColumn[] } & (
  | {
      task: 'binary';
      /** 0 or 1, as any type that casts to DOUBLE. */
      label: string;
      /** P(1). */
      score: string;
      /** 0 or 1; left out, or NULL in a row: score >= 0.5. */
      prediction?: string;
    }
  | {
      task: 'multiclass';
      label: string;
      classes: readonly string[];
      /** Left out, or NULL in a row: the class with the greatest score. */
      prediction?: string;
      /** One per class, in their order. */
      scores?: readonly string[];
    }
  | { task: 'regression'; label: string; prediction: string }
);

/** The parts of a column whose quality is looked at each for itself. */
export type SliceColumn =
  | { name: string; kind: 'categorical'; value: string; categories: readonly string[] }
  /** n + 1 ranges between and beyond n ascending edges. */
  | { name: string; kind: 'numeric'; value: string; edges: readonly number[] };

interface Counter {
  addAll(values: readonly Float64Array[]): void;
  add(values: readonly Float64Array[], row: number): void;
  quality(): Quality;
}

/**
 * How good the predictions of a relation's rows are, in all and per slice. Slices without rows are there, with 0 rows, so that
 * profiles of one request can be merged.
 * @throws what DuckDB throws when the relation cannot be read
 */
export async function qualityOf(
  db: Database,
  relation: string,
  request: QualityRequest,
): Promise<{ quality: Quality; slices: QualitySlice[] }> {
  const whole = counter(request);
  const columns = columnsOf(request);
  const slices = (request.slices ?? []).map((slice) => ({ slice, parts: partsOf(slice).map(() => counter(request)) }));
  // NaN is in no range and no class: it stands for NULL everywhere here.
  const values = [...columns, ...slices.map(({ slice }) => partIndex(slice))];
  const selected = values.map((value, i) => `coalesce((${value})::DOUBLE, 'nan'::DOUBLE) AS c${i}`).join(', ');
  await db.stream(`SELECT ${selected} FROM ${relation}`, (chunk) => {
    const arrays = values.map((_, i) => doubles(chunk, i));
    whole.addAll(arrays);
    slices.forEach(({ parts }, i) => arrays[columns.length + i]!.forEach((part, row) => parts[part]?.add(arrays, row)));
  });
  return {
    quality: whole.quality(),
    slices: slices.flatMap(({ slice, parts }) =>
      partsOf(slice).map((value, i) => ({ column: slice.name, value, quality: parts[i]!.quality() })),
    ),
  };
}

function columnsOf(request: QualityRequest): string[] {
  switch (request.task) {
    case 'binary':
      return [`try_cast(${request.label} AS DOUBLE)`, request.score, request.prediction ?? 'NULL'];
    case 'multiclass': {
      const classes = `[${request.classes.map(text).join(', ')}]::VARCHAR[]`;
      const place = (value: string) => `list_position(${classes}, (${value})::VARCHAR) - 1`;
      const label = `CASE WHEN ${request.label} IS NOT NULL THEN coalesce(${place(request.label)}, -1) END`;
      return [label, request.prediction ? place(request.prediction) : 'NULL', ...(request.scores ?? [])];
    }
    case 'regression':
      return [request.label, request.prediction];
  }
}

/** Takes what `columnsOf` selects, in that order. */
function counter(request: QualityRequest): Counter {
  switch (request.task) {
    case 'binary': {
      const builder = new BinaryBuilder();
      return {
        addAll: (values) => builder.addAll(values[1]!, values[0]!, request.prediction ? values[2]! : null),
        add: (values, row) => builder.add(values[1]![row]!, values[0]![row]!, values[2]![row]!),
        quality: () => builder.quality(),
      };
    }
    case 'multiclass': {
      const builder = new MulticlassBuilder(request.classes, request.scores !== undefined);
      const orNull = (x: number) => (Number.isNaN(x) ? null : x);
      const scores = (request.scores ?? []).map((_, i) => i + 2);
      return rowByRow(builder, (values, row) =>
        builder.add(
          orNull(values[0]![row]!),
          orNull(values[1]![row]!),
          scores.map((column) => values[column]![row]!),
        ),
      );
    }
    case 'regression': {
      const builder = new RegressionBuilder();
      return rowByRow(builder, (values, row) => builder.add(values[1]![row]!, values[0]![row]!));
    }
  }
}

const rowByRow = (builder: { quality(): Quality }, add: Counter['add']): Counter => ({
  addAll: (values) => values[0]!.forEach((_, row) => add(values, row)),
  add,
  quality: () => builder.quality(),
});

/** The slices of a column by name. */
function partsOf(slice: SliceColumn): string[] {
  if (slice.kind === 'categorical') return [...slice.categories];
  const bounds = [-Infinity, ...slice.edges, Infinity];
  return slice.edges.length === 0
    ? []
    : bounds.slice(0, -1).map((low, i) => `${low === -Infinity ? '(-inf' : `[${low}`}, ${boundText(bounds[i + 1]!)})`);
}
const boundText = (bound: number): string => (bound === Infinity ? 'inf' : `${bound}`);

function partIndex(slice: SliceColumn): string {
  if (slice.kind === 'categorical')
    return `list_position([${slice.categories.map(text).join(', ')}]::VARCHAR[], ${slice.value}) - 1`;
  if (slice.edges.length === 0) return 'NULL';
  const above = slice.edges.map((edge) => `(${slice.value} >= ${double(edge)})::INTEGER`).join(' + ');
  return `CASE WHEN NOT isnan(${slice.value}) THEN ${above} END`;
}
