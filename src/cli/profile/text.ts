/** A comparison for a person at a terminal. */
import type { DriftVerdict } from '../../contracts/index.js';
import { type Colors, colors, table } from '../output.js';
import type { ComparedColumn, ComparedPerformance, Comparison } from './document.js';
import type { Side } from './side.js';

/** Three significant digits, and whole numbers whole. */
export function number(x: number): string {
  if (Number.isInteger(x) && Math.abs(x) < 1e15) return x.toLocaleString('en');
  if (Math.abs(x) >= 1000) return Math.round(x).toLocaleString('en');
  return Math.abs(x) < 1e-3 ? Number(x.toPrecision(2)).toString() : x.toPrecision(Math.abs(x) < 0.1 ? 2 : 3);
}

type Told = Pick<Side, 'from' | 'stored' | 'unreadable' | 'skipped' | 'notes'>;

/** What was read, and all that a person should know about it. */
export function sideLines(what: string, side: Told & ({ rows: number } | { profile: { rows: number } })): string[] {
  const rows = 'rows' in side ? side.rows : side.profile.rows;
  return [
    `${what}  ${side.from}${side.stored ? ' (a stored profile)' : ''}: ${rows.toLocaleString('en')} rows`,
    ...side.unreadable.map(({ file, lines, problem }) =>
      lines === null
        ? `  not read: ${file}: ${problem}`
        : `  not read: ${lines.toLocaleString('en')} lines of ${file}: ${problem}`,
    ),
    ...side.skipped.map(({ column, type }) => `  not counted: ${column}, a nested type (${type})`),
    ...side.notes.map((note) => `  ${note}`),
  ];
}

export function comparisonLines(comparison: Comparison, color: Colors): string[] {
  const { columns, onlyInReference, onlyInCurrent, performance, slices } = comparison;
  return [
    ...sideLines('reference', comparison.reference),
    ...sideLines('current  ', comparison.current),
    '',
    color.bold(summaryOf(comparison, color)),
    ...columnLines(columns, color),
    ...columns.filter(needsWords).map((column) => `  ${column.name}: ${column.because}`),
    ...(onlyInReference.length > 0 ? [color.red(`Missing from current: ${onlyInReference.join(', ')}`)] : []),
    ...(onlyInCurrent.length > 0 ? [`Only in current: ${onlyInCurrent.join(', ')}`] : []),
    ...(performance ? ['', ...performanceLines(performance)] : []),
    ...sliceLines(slices),
  ];
}

const plain = colors({ NO_COLOR: '1' }, false);
const order: DriftVerdict[] = ['drifted', 'undecided', 'notJudged', 'stable'];
const needsWords = ({ verdict }: ComparedColumn) => verdict !== 'stable';

export const verdictOrder = ({ verdict }: ComparedColumn): number => order.indexOf(verdict);

/** A sentence. */
export function summaryOf(comparison: Comparison, color: Colors = plain): string {
  const { columns, onlyInReference, current } = comparison;
  if (current.rows === 0) return color.red('The current side has no rows: nothing can be judged.');
  const of = (verdict: DriftVerdict) => columns.filter((column) => column.verdict === verdict).length;
  const [drifted, undecided, notJudged] = order.map(of);
  const parts = [
    drifted! > 0 ? color.red(`${drifted} of ${columns.length} columns drifted`) : 'No column drifted',
    ...(undecided! > 0 ? [color.yellow(`${undecided} undecided`)] : []),
    ...(notJudged! > 0 ? [color.yellow(`${notJudged} not judged`)] : []),
    ...(onlyInReference.length > 0 ? [color.red(`${onlyInReference.length} missing`)] : []),
  ];
  return `${parts.join(', ')}.`;
}

/** What drifted stands first. Colours come after aligning: they have no width. */
function columnLines(columns: readonly ComparedColumn[], color: Colors): string[] {
  const sorted = columns.toSorted((a, b) => verdictOrder(a) - verdictOrder(b) || (b.psi ?? 0) - (a.psi ?? 0));
  const lines = table([
    ['column', 'kind', 'verdict', 'PSI (95 %)', 'Jensen-Shannon', 'KS', 'Wasserstein', 'no value', 'contributes most'],
    ...sorted.map((column) => [
      column.role ? `${column.name} (${column.role})` : column.name,
      column.kind,
      column.verdict === 'notJudged' ? 'not judged' : column.verdict,
      psiText(column),
      ...[column.jensenShannon, column.ks, column.wasserstein].map((x) => (x === null ? '' : number(x))),
      absentText(column),
      partText(column),
    ]),
  ]);
  const paint = { drifted: color.red, undecided: color.yellow, notJudged: color.dim, stable: (text: string) => text };
  return lines.map((line, i) => (i === 0 ? color.dim(line) : paint[sorted[i - 1]!.verdict](line)));
}

function psiText({ psi, intervals }: ComparedColumn): string {
  if (psi === null) return '';
  const interval = intervals.psi;
  return interval ? `${number(psi)} (${number(interval.low)} to ${number(interval.high)})` : number(psi);
}

/** Shares of rows without a usable value, where there are any. */
function absentText({ reference, current }: ComparedColumn): string {
  const rows = ({ nulls, missing, wrong, nan, infinities }: ComparedColumn['current']) =>
    nulls + missing + nan + infinities + wrong.reduce((sum, one) => sum + one.rows, 0);
  const [before, now] = [rows(reference), rows(current)];
  return before + now === 0 ? '' : `${before.toLocaleString('en')} → ${now.toLocaleString('en')}`;
}

function partText({ parts, verdict }: ComparedColumn): string {
  const [first] = parts;
  if (!first || verdict === 'notJudged' || !(first.share > 0)) return '';
  const percent = (share: number) => `${(share * 100).toFixed(1)} %`;
  return `${first.part}: ${percent(first.reference)} → ${percent(first.current)}`;
}

function performanceLines({
  task,
  rows,
  reference,
  current,
  estimated,
  intervals,
  change,
}: ComparedPerformance): string[] {
  const names = Object.keys(reference ?? current ?? estimated ?? {});
  const cell =
    (of: Record<string, number | null> | null, at: Record<string, { low: number; high: number } | null> | null) =>
    (name: string): string => {
      const value = of?.[name] ?? null;
      const interval = at?.[name];
      if (value === null) return '';
      return interval ? `${number(value)} (${number(interval.low)} to ${number(interval.high)})` : number(value);
    };
  const was = cell(reference, intervals.reference);
  const is = cell(current, intervals.current);
  const guessed = cell(estimated, intervals.estimated);
  return table([
    [`${task}, 95 %`, 'reference', 'current', 'change', ...(estimated ? ['estimated without labels'] : [])],
    ['rows', rows.reference.toLocaleString('en'), rows.current.toLocaleString('en'), '', ...(estimated ? [''] : [])],
    ...names.map((name) => {
      const moved = change[name];
      const text = moved
        ? `${moved.value > 0 ? '+' : ''}${number(moved.value)} (${number(moved.low)} to ${number(moved.high)})`
        : '';
      return [name, was(name), is(name), text, ...(estimated ? [guessed(name)] : [])];
    }),
  ]);
}

/** Those that changed most, by the task's first figure. */
function sliceLines(slices: Comparison['slices']): string[] {
  const MOST = 10;
  const metricOf = ({ task }: ComparedPerformance) =>
    ({ binary: 'auc', multiclass: 'accuracy', regression: 'mae' })[task];
  const size = ({ performance }: Comparison['slices'][number]) =>
    Math.abs(performance.change[metricOf(performance)]?.value ?? 0);
  const rows = slices.toSorted((a, b) => size(b) - size(a)).slice(0, MOST);
  if (rows.length === 0) return [];
  const metric = metricOf(rows[0]!.performance);
  return [
    '',
    ...table([
      ['slice', 'rows', `${metric} reference`, 'current', 'change'],
      ...rows.map(({ column, value, performance }) => {
        const moved = performance.change[metric];
        return [
          `${column} = ${value}`,
          performance.rows.current,
          ...[performance.reference, performance.current].map((of) => {
            const x = of?.[metric] ?? null;
            return x === null ? '' : number(x);
          }),
          moved ? `${number(moved.value)} (${number(moved.low)} to ${number(moved.high)})` : '',
        ];
      }),
    ]),
  ];
}
