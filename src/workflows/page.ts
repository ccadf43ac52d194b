/**
 * Markdown for the current details, within what Temporal's UI 2.54 makes of it: lines between blocks are kept, so blocks are few;
 * tables have neither borders nor padding; all of it travels in the address of a frame, so it is short.
 */
import { workflowInfo } from '@temporalio/workflow';

/** Current details are for reading at a glance; the record has the whole text. */
const MAX_TEXT = 600;

export type Row = readonly [label: string, ...cells: string[]];

/** Somebody's words as words: on one line, and no markup whatever they hold. */
export function words(text: string): string {
  const short = text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)} …` : text;
  return short.replace(/\s+/g, ' ').replace(/[\\`*_[\]|~#&<>]/g, '\\$&');
}

/** A line that stands out; a real heading would stand between empty lines. */
export const strong = (text: string): string => `**${text}**`;

/** Rows of a table; `head` is its first row, in bold. */
export function table(head: Row, rows: readonly Row[]): string {
  const line = ([label, ...cells]: Row) =>
    `| ${[`**${label.replaceAll(' ', NBSP)}**${GAP}`, ...cells.map((cell) => cell + GAP)].join(' | ')} |`;
  return [line(head), `|${' :-- |'.repeat(head.length)}`, ...rows.map(line)].join('\n');
}
/** As a character: entities are shown as they are written. */
const NBSP = '\u00a0';
const GAP = NBSP + NBSP;

/** Lines to paste into a shell. */
export const commands = (...lines: string[]): string => ['```', ...lines, '```'].join('\n');

/** The page of a workflow; relative, because a proxy may serve the UI below a path of its own. */
export const linkTo = (workflowId: string, text = workflowId): string =>
  `[${text}](namespaces/${workflowInfo().namespace}/workflows/${encodeURIComponent(workflowId)})`;

/** `2026-11-24 23:05 UTC`. */
export const minute = (iso: string): string => `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC`;
/** A time of the model's clock, which is mostly midnight: `2001-02-05`. */
export const modelTime = (iso: string): string => (iso.slice(11, 19) === '00:00:00' ? iso.slice(0, 10) : minute(iso));
