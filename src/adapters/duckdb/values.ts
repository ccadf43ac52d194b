/**
 * SQL expressions that turn a column of any type into the type that is wanted, and say how that went. Logs come from many
 * serving systems: a wrong type must become a check that people can read, not a crash.
 */
import { identifier, jsonPointer } from './sql.js';

/**
 * What a staged column holds. `float32`, `int64` and `string` are feature types and keep a state per row;
 * the others take what they can get. Numbers are staged as DOUBLE (`float32` rounded to float32 first, so that `0.1`
 * written as a decimal and as a float are one value), `text` as VARCHAR, `time` as TIMESTAMP in UTC, `sequence` as DECIMAL(38, 9) (numbers
 * that are made of nanoseconds differ where a DOUBLE does not).
 */
export type ColumnKind = 'float32' | 'int64' | 'string' | 'number' | 'text' | 'time' | 'label' | 'sequence';

/** How a feature's value came out, in the staged column `<alias>_state`. */
export const state = { value: 0, null: 1, missing: 2, text: 3, number: 4, boolean: 5, other: 6 } as const;

/** One source column, as expressions: its number, text and time, each NULL where it is not of that family. */
export interface SourceColumn {
  number: string;
  text: string;
  time: string;
  isMissing: string;
  isNull: string;
  /** A code of `state` from `text` on: the family of the value. */
  family: string;
}

/** A class or an id that came through a column of floats is `1`, as it is elsewhere, not `1.0`. */
const wholeAsText = (number: string, otherwise = `${number}::VARCHAR`): string =>
  `CASE WHEN ${number} = floor(${number}) AND abs(${number}) < 1e15 THEN ${number}::BIGINT::VARCHAR ELSE ${otherwise} END`;

const NUMBERS = /^(U?(TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)|FLOAT|DOUBLE|DECIMAL.*)$/;
const TEXTS = /^(VARCHAR|ENUM.*|UUID|JSON)$/;
const textAsTime = (sql: string): string => `TRY_CAST(${sql} AS TIMESTAMPTZ) AT TIME ZONE 'UTC'`;

/** @param type the column's DuckDB type; undefined: the file has no such column */
export function parquetColumn(name: string, type: string | undefined): SourceColumn {
  const none = { number: 'NULL::DOUBLE', text: 'NULL::VARCHAR', time: 'NULL::TIMESTAMP' };
  if (type === undefined) return { ...none, isMissing: 'true', isNull: 'true', family: `${state.other}` };
  const sql = identifier(name);
  const found = { ...none, isMissing: 'false', isNull: `${sql} IS NULL` };
  if (NUMBERS.test(type)) {
    const value = type === 'FLOAT' || type === 'DOUBLE' ? wholeAsText(sql) : `${sql}::VARCHAR`;
    return { ...found, number: `TRY_CAST(${sql} AS DOUBLE)`, text: value, family: `${state.number}` };
  }
  if (type === 'BOOLEAN')
    return { ...found, number: `${sql}::INTEGER::DOUBLE`, text: `${sql}::VARCHAR`, family: `${state.boolean}` };
  if (TEXTS.test(type)) {
    return { ...found, text: `${sql}::VARCHAR`, time: textAsTime(`${sql}::VARCHAR`), family: `${state.text}` };
  }
  if (type.startsWith('TIMESTAMP') || type === 'DATE') {
    const time = type === 'TIMESTAMP WITH TIME ZONE' ? `${sql} AT TIME ZONE 'UTC'` : `${sql}::TIMESTAMP`;
    return { ...found, time, text: `${sql}::VARCHAR`, family: `${state.other}` };
  }
  return { ...found, family: `${state.other}` };
}

/** The `index`-th field of `jsonFields`. */
export function jsonColumn(index: number): SourceColumn {
  const type = `type_${index}`;
  const content = `content_${index}`;
  const isNumber = `${type} IN ('BIGINT', 'UBIGINT', 'HUGEINT', 'DOUBLE')`;
  const isText = `${type} = 'VARCHAR'`;
  const scalar = `(${isNumber} OR ${isText} OR ${type} = 'BOOLEAN')`;
  return {
    number: `CASE WHEN ${isNumber} THEN TRY_CAST(${content} AS DOUBLE) WHEN ${type} = 'BOOLEAN' THEN CASE ${content} WHEN 'true' THEN 1.0 ELSE 0.0 END END`,
    text: `CASE WHEN ${type} = 'DOUBLE' THEN ${wholeAsText(`TRY_CAST(${content} AS DOUBLE)`, content)} WHEN ${scalar} THEN ${content} END`,
    time: `CASE WHEN ${isText} THEN ${textAsTime(content)} END`,
    isMissing: `${type} IS NULL`,
    isNull: `${type} IS NULL OR ${type} = 'NULL'`,
    family: `CASE WHEN ${isNumber} THEN ${state.number} WHEN ${isText} THEN ${state.text} WHEN ${type} = 'BOOLEAN' THEN ${state.boolean} ELSE ${state.other} END`,
  };
}

/**
 * The lines of `lines` (a relation with the column `json`) as columns `type_<i>` and `content_<i>`, both NULL where a line
 * lacks the field. All fields are extracted at once: one by one, each would parse the line again.
 */
export function jsonFields(names: string[], lines: string): string {
  const list = `json_extract(json, [${names.map(jsonPointer).join(', ')}])`;
  const each = names.map(
    (_, i) => `json_type(fields[${i + 1}]) AS type_${i}, fields[${i + 1}] ->> '$' AS content_${i}`,
  );
  return `(SELECT ${each.join(', ')} FROM (SELECT ${list} AS fields FROM ${lines} WHERE json IS NOT NULL))`;
}

const isFeature = (kind: ColumnKind): boolean => kind === 'float32' || kind === 'int64' || kind === 'string';

function typeOf(kind: ColumnKind): string {
  if (kind === 'time') return 'TIMESTAMP';
  if (kind === 'sequence') return 'DECIMAL(38, 9)';
  return kind === 'string' || kind === 'text' ? 'VARCHAR' : 'DOUBLE';
}

/** The staged columns' types, for CREATE TABLE. */
export function stagedTypes(alias: string, kind: ColumnKind): string[] {
  const type = typeOf(kind);
  return isFeature(kind) ? [`${alias} ${type}`, `${alias}_state UTINYINT`] : [`${alias} ${type}`];
}

/** The staged columns' expressions, in the order of `stagedTypes`. */
export function stagedValues(kind: ColumnKind, source: SourceColumn): string[] {
  switch (kind) {
    case 'text':
      return [source.text];
    case 'time':
      return [source.time];
    case 'sequence':
      return [`coalesce(TRY_CAST(${source.text} AS DECIMAL(38, 9)), TRY_CAST(${source.number} AS DECIMAL(38, 9)))`];
    case 'number':
    case 'label':
      return [finite(`coalesce(${source.number}, TRY_CAST(${source.text} AS DOUBLE))`)];
    case 'string':
      return [`CASE WHEN (${source.family}) = ${state.text} THEN ${source.text} END`, stateOf(source, textState)];
    case 'float32': {
      // NaN and infinities are how number formats say "nothing usable here": they count as nulls.
      const float = `TRY_CAST(${source.number} AS FLOAT)`;
      return [`${finite(float)}::DOUBLE`, stateOf(source, numberState(`isfinite(${float})`))];
    }
    case 'int64': {
      // 2^63 and beyond is no int64.
      const whole = `(isfinite(${source.number}) AND ${source.number} = floor(${source.number}) AND abs(${source.number}) < 9223372036854775808.0)`;
      const fraction = `WHEN isfinite(${source.number}) AND NOT ${whole} THEN ${state.number} `;
      return [
        `CASE WHEN ${whole} THEN ${source.number} END`,
        stateOf(source, fraction + numberState(`isfinite(${source.number})`)),
      ];
    }
  }
}

const finite = (sql: string): string => `CASE WHEN isfinite(${sql}) THEN ${sql} END`;
const textState = `WHEN true THEN 0`;
const numberState = (isFinite: string): string => `WHEN ${isFinite} THEN ${state.value} WHEN true THEN ${state.null}`;

/** @param whenRight WHEN branches for a value of the right family */
function stateOf(source: SourceColumn, whenRight: string): string {
  const right = whenRight === textState ? `(${source.family}) = ${state.text}` : `${source.number} IS NOT NULL`;
  return `CASE WHEN ${source.isMissing} THEN ${state.missing} WHEN ${source.isNull} THEN ${state.null} WHEN ${right} THEN CASE ${whenRight} END ELSE ${source.family} END`;
}
