/** Booleans that were written as texts: pandas writes `True` in a CSV where Parquet has a boolean. */
import type { Sketch } from '../../../contracts/index.js';
import { text } from '../sql.js';
import type { Source } from './sources.js';

/** How a table writes false and true. */
export type BooleanSpelling = readonly [no: string, yes: string];

const SPELLINGS: readonly BooleanSpelling[] = [
  ['false', 'true'],
  ['False', 'True'],
  ['FALSE', 'TRUE'],
];

/** Undefined: there are other values too, or several spellings. */
export function booleanSpelling(sketch: Sketch): BooleanSpelling | undefined {
  if (sketch.kind === 'numeric' || sketch.categories.length === 0) return undefined;
  return SPELLINGS.find((spelling) => sketch.categories.every((category) => spelling.includes(category)));
}

/** The sources with this column's booleans spelled so; other values stay as they are. */
export function respell(sources: readonly Source[], name: string, [no, yes]: BooleanSpelling): void {
  for (const { columns } of sources) {
    const column = columns.get(name);
    if (!column) continue;
    const value = `CASE lower(${column.text}) WHEN 'false' THEN ${text(no)} WHEN 'true' THEN ${text(yes)} ELSE ${column.text} END`;
    columns.set(name, { ...column, text: value });
  }
}
