/** What a label is, by the model's task. */
import type { Answering, Task } from '../../contracts/index.js';
import { text } from './sql.js';
import type { ColumnKind } from './values.js';

/** How labels are read from the log. */
export const labelKind: Record<Task, ColumnKind> = { binary: 'label', multiclass: 'text', regression: 'number' };
/** The type in which they are counted. */
export const labelType: Record<Task, string> = { binary: 'DOUBLE', multiclass: 'VARCHAR', regression: 'DOUBLE' };

/** Whether a value says what was true; null withdraws what was said. */
export function isLabel({ task }: Answering, label: string): string {
  return task === 'binary' ? `${label} IN (0, 1)` : `${label} IS NOT NULL`;
}

/** Whether the model knows it: a class that it does not have can neither be learnt by it nor make a window mature. */
export function isKnownLabel(answering: Answering, label: string): string {
  const classes = answering.classes?.map(text).join(', ');
  return `${isLabel(answering, label)}${classes === undefined ? '' : ` AND ${label} IN (${classes})`}`;
}
