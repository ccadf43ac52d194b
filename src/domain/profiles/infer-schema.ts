/** What a profile says of the columns, as a schema that people edit. */
import { EXACT_BITS, type ColumnSchema, type ProfiledColumn, type TableSchema } from '../../contracts/index.js';
import { valuesOf } from './counts.js';

/** More categories than this are no list that anybody keeps. */
const MOST_CATEGORIES = 100;
/** Fewer rows prove no key. */
const LEAST_UNIQUE_ROWS = 100;

/**
 * Types, whether values may be missing, ranges, categories, keys: as they were found. Ranges and categories have no severity, since
 * new data always hold something new: people say which of them are laws.
 * @param without columns that are no input: the label, what the model answers
 */
export function inferSchema(columns: readonly ProfiledColumn[], without: readonly string[] = []): TableSchema {
  const inputs = columns.filter(({ name }) => !without.includes(name));
  return { columns: Object.fromEntries(inputs.map((column) => [column.name, infer(column)])), extra: 'warn' };
}

function infer(column: ProfiledColumn): ColumnSchema {
  const { sketch, rows } = column;
  const values = valuesOf(column);
  const nullable = values < rows;
  const isKey = values >= LEAST_UNIQUE_ROWS && mayBeKey(column) && distinctOf(column) === values;
  const common: ColumnSchema = { nullable, ...(isKey ? { unique: true } : {}) };
  if (sketch.kind === 'numeric') {
    const { min, max } = sketch;
    return { type: isWhole(column) ? 'int64' : 'float32', ...common, ...(min === null ? {} : { min, max: max! }) };
  }
  const listed = sketch.of === 'values' && sketch.categories.length <= MOST_CATEGORIES && !isKey && values > 0;
  return { type: 'string', ...common, ...(listed ? { categories: sketch.categories } : {}) };
}

/** Measurements with many digits seldom repeat, and are no keys for that. */
const mayBeKey = (column: ProfiledColumn): boolean => column.sketch.kind === 'categorical' || isWhole(column);

/** Distinct values; null: too many to know. */
function distinctOf({ sketch }: ProfiledColumn): number | null {
  if (sketch.kind === 'numeric') return sketch.bits === EXACT_BITS ? sketch.starts.length : null;
  return sketch.of === 'values' ? sketch.categories.length : null;
}

/** Cells that are not exact hold fractions, unless the numbers are large: then nobody can tell. */
const isWhole = ({ sketch }: ProfiledColumn): boolean =>
  sketch.kind === 'numeric' && sketch.bits === EXACT_BITS && sketch.starts.every(Number.isInteger);
