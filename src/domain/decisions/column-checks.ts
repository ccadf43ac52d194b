/** What is wrong with the values of one column. */
import type {
  CategoricalSketch,
  ColumnSchema,
  DataCheck,
  Limits,
  NumericSketch,
  ProfiledColumn,
  SchemaRule,
  Sketch,
  TableProfile,
} from '../../contracts/index.js';
import { type CheckInput, limited, limitsOf } from './check-input.js';
import { nullsOf, rowsOutside, valuesOf } from '../profiles/counts.js';
import { percent } from './text.js';

type Expected = CheckInput['columns'][number];

/** A column, with all that its checks need. */
interface Look {
  column: ProfiledColumn;
  /** undefined: the reference lacks it. */
  before: ProfiledColumn | undefined;
  expected: Expected;
  rule: ColumnSchema;
  input: CheckInput;
}

export function columnChecks(input: CheckInput, expected: Expected): DataCheck[] {
  const { name } = expected;
  const rule = Object.hasOwn(input.policy.schema.columns, name) ? input.policy.schema.columns[name]! : {};
  const column = columnOf(input.profile, name);
  if (!column || column.missing === column.rows) return wholly(name, rule);
  const look: Look = { column, before: columnOf(input.reference, name), expected, rule, input };
  return [missing, types, nulls, unseen, outside, constant, repeated].flatMap((check) => check(look));
}

const columnOf = ({ columns }: TableProfile, name: string): ProfiledColumn | undefined =>
  columns.find((column) => column.name === name);

function wholly(name: string, rule: ColumnSchema): DataCheck[] {
  const text = `column ${name} is missing from the prediction log`;
  return limited('missingColumn', name, 1, severityOf(rule, 'missing', { warn: 0, block: 0 }), text);
}

/** The limits of a rule that people have given a severity; of others the shares of the policy. */
function severityOf(rule: ColumnSchema, name: SchemaRule, otherwise: Limits): Limits {
  const severity = rule.rules?.[name] ?? rule.severity;
  return severity === undefined ? otherwise : limitsOf(severity);
}

const share = ({ column }: Look, rows: number): number => (column.rows === 0 ? 0 : rows / column.rows);
const of = (part: number): string => `${percent(part)} of the rows`;

function missing(look: Look): DataCheck[] {
  const value = share(look, look.column.missing);
  const limits = severityOf(look.rule, 'missing', look.input.policy.nullShare);
  return limited(
    'missingColumn',
    look.column.name,
    value,
    limits,
    `column ${look.column.name} is missing from log objects with ${of(value)}`,
  );
}

/** A value of another type is as unusable as a null, but it is never normal: even one row is worth a warning. */
function types(look: Look): DataCheck[] {
  const { column, rule, input } = look;
  const value = share(
    look,
    column.wrong.reduce((sum, { rows }) => sum + rows, 0),
  );
  const found = column.wrong.map(({ kind, rows }) => `${kind} in ${percent(share(look, rows))}`).join(', ');
  const limits = severityOf(rule, 'type', { warn: 0, block: input.policy.nullShare.block });
  const type = rule.type ?? look.expected.type;
  return limited(
    'type',
    column.name,
    value,
    limits,
    `column ${column.name} must be ${type}, but is ${found} of the rows`,
  );
}

function nulls(look: Look): DataCheck[] {
  const { column, before, rule, input } = look;
  const value = share(look, nullsOf(column));
  const usual = before && before.rows > 0 ? nullsOf(before) / before.rows : 0;
  const { warn, block } = input.policy.nullShare;
  const limits = { warn: warn + usual, block: block + usual };
  const beside = usual > 0 ? `, in the reference in ${percent(usual)}` : '';
  const text = `column ${column.name} has no value in ${of(value)}${beside}`;
  if (rule.nullable === false)
    return limited('nulls', column.name, value, severityOf(rule, 'nulls', limitsOf('block')), text);
  return limited('nulls', column.name, value, severityOf(rule.rules?.nulls ? rule : {}, 'nulls', limits), text);
}

function unseen(look: Look): DataCheck[] {
  const { column, before, rule, input } = look;
  if (column.sketch.kind !== 'categorical') return [];
  const known = rule.categories ?? knownOf(before?.sketch);
  if (!known) return [];
  const value = share(look, rowsOfOthers(column.sketch, new Set(known)));
  const named = rule.categories ? 'the schema does not name' : 'the reference never saw';
  const limits = severityOf(rule.categories ? rule : {}, 'categories', input.policy.unseenShare);
  return limited(
    'unseenCategories',
    column.name,
    value,
    limits,
    `column ${column.name} has categories that ${named} in ${of(value)}`,
  );
}

/** Every category of the reference; undefined where there are too many to know. */
function knownOf(sketch: Sketch | undefined): string[] | undefined {
  return sketch?.kind === 'categorical' && sketch.of === 'values' ? sketch.categories : undefined;
}

/** Rows of categories that are not known; of buckets only those that are frequent enough to have a name. */
function rowsOfOthers(sketch: CategoricalSketch, known: ReadonlySet<string>): number {
  if (sketch.of === 'values')
    return sketch.categories.reduce(
      (sum, category, i) => sum + (known.has(category) ? 0 : (sketch.counts[i] as number)),
      0,
    );
  return sketch.frequent.reduce((sum, { value, count }) => sum + (known.has(value) ? 0 : count), 0);
}

function outside(look: Look): DataCheck[] {
  const { column, before, rule, input } = look;
  if (column.sketch.kind !== 'numeric') return [];
  const checks: DataCheck[] = [];
  const { min, max } = rule;
  if (min !== undefined || max !== undefined) {
    const value = share(look, rowsOutside(column.sketch, min ?? -Infinity, max ?? Infinity));
    const text = `column ${column.name} is outside ${min ?? '−∞'} to ${max ?? '∞'}, the schema's range, in ${of(value)}`;
    checks.push(
      ...limited('outOfRange', column.name, value, severityOf(rule, 'range', input.policy.outOfRangeShare), text),
    );
  }
  const range = before?.sketch.kind === 'numeric' ? widened(before.sketch) : undefined;
  if (checks.length > 0 || !range) return checks;
  const value = share(look, rowsOutside(column.sketch, range.low, range.high));
  const text = `column ${column.name} is far outside the reference's range in ${of(value)}`;
  return limited(
    'outOfRange',
    column.name,
    value,
    severityOf(rule.rules?.range ? rule : {}, 'range', input.policy.outOfRangeShare),
    text,
  );
}

/** The reference's range, widened by its own width on both sides. */
function widened({ min, max }: NumericSketch): { low: number; high: number } | undefined {
  if (min === null || max === null) return undefined;
  return { low: Math.max(min - (max - min), -Number.MAX_VALUE), high: Math.min(max + (max - min), Number.MAX_VALUE) };
}

/** Less likely than this by chance, given the reference's share of the value. */
const CHANCE = 1e-6;

/**
 * One value everywhere, where the reference had others. A feature may be so by nature (the weekday of a day), so that warns; an answer
 * that never changes means that the model, or what logs it, is broken.
 */
function constant(look: Look): DataCheck[] {
  const { column, before, expected, rule } = look;
  const usual = before && shareOfOnly(column.sketch, before);
  if (usual === undefined || valuesOf(column) * Math.log(usual) > Math.log(CHANCE)) return [];
  const text = `column ${column.name} has the same value in all rows, in the reference in ${percent(usual)}`;
  const limits = severityOf(rule, 'constant', limitsOf(expected.output ? 'block' : 'warn'));
  return limited('constant', column.name, 1, limits, text);
}

/** The reference's share of the one value that the sketch holds; undefined: it holds several, or none. */
function shareOfOnly(sketch: Sketch, before: ProfiledColumn): number | undefined {
  const values = valuesOf(before);
  const other = before.sketch;
  if (values === 0) return undefined;
  if (sketch.kind === 'categorical' && other.kind === 'categorical' && sketch.of === 'values') {
    if (sketch.categories.length !== 1 || other.of !== 'values') return undefined;
    const at = other.categories.indexOf(sketch.categories[0] as string);
    return at < 0 ? undefined : (other.counts[at] as number) / values;
  }
  if (sketch.kind !== 'numeric' || other.kind !== 'numeric' || sketch.min === null) return undefined;
  if (sketch.min !== sketch.max || other.min === other.max) return undefined;
  return 1 - rowsOutside(other, sketch.min, sketch.min) / values;
}

function repeated(look: Look): DataCheck[] {
  const { column, rule, input } = look;
  if (rule.unique !== true) return [];
  const repeats = input.feed.repeats.find(({ name }) => name === column.name)?.rows ?? 0;
  const value = share(look, repeats);
  const text = `column ${column.name} must be unique, but ${of(value)} repeat a value`;
  return limited('notUnique', column.name, value, severityOf(rule, 'unique', limitsOf('block')), text);
}
