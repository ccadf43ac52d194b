/** A comparison as one page without a script: see decision 20. */
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { html, type Html, renderChart, renderNumbers, renderPage, renderTable } from '../../adapters/charts/index.js';
import type { ProfiledColumn } from '../../contracts/index.js';
import type { ComparedColumn, ComparedPerformance, Comparison } from './document.js';
import { categoryBars, histogram } from './histogram.js';
import { categoryChart, figureChart, histogramChart } from './page-charts.js';
import type { Side } from './side.js';
import { number, sideLines, summaryOf, verdictOrder } from './text.js';

/** With more columns, charts are drawn for those that moved most. */
const MOST_CHARTS = 60;

/** Writes the page whole or not at all. */
export async function writePage(
  cwd: string,
  out: string,
  comparison: Comparison,
  reference: Side,
  current: Side,
): Promise<void> {
  const file = resolve(cwd, out);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(`${file}.${process.pid}.new`, await renderComparison(comparison, reference, current));
  await rename(`${file}.${process.pid}.new`, file);
}

export async function renderComparison(comparison: Comparison, reference: Side, current: Side): Promise<string> {
  const columns = comparison.columns.toSorted(
    (a, b) => verdictOrder(a) - verdictOrder(b) || (b.psi ?? 0) - (a.psi ?? 0),
  );
  const body = html`<main>
      <header>
        <h1>What has changed</h1>
        <p class="lead">${summaryOf(comparison)}</p>
        ${[
          ...sideLines('Reference:', comparison.reference),
          ...sideLines('Current:', comparison.current),
          ...(comparison.onlyInReference.length > 0
            ? [`Missing from current: ${comparison.onlyInReference.join(', ')}`]
            : []),
          ...(comparison.onlyInCurrent.length > 0 ? [`Only in current: ${comparison.onlyInCurrent.join(', ')}`] : []),
        ].map((line) => html`<p class="soft">${line}</p>`)}
      </header>
      ${comparison.performance && (await renderPerformance(comparison.performance))} ${renderSlices(comparison.slices)}
      <section aria-labelledby="columns">
        <h2 id="columns">Columns</h2>
        ${renderColumns(columns)}
        <p class="soft">
          <b class="reference">Filled</b>: the reference. <b class="current">Line, or the darker bar</b>: what is now.
          Shares of the rows that have a value; the outermost bars of numbers hold everything beyond them.
        </p>
        ${await Promise.all(columns.slice(0, MOST_CHARTS).map((column) => renderColumn(column, reference, current)))}
        ${columns.length > MOST_CHARTS && html`<p class="soft">The other columns stand in the table only.</p>`}
      </section>
    </main>
    <footer class="soft"><p>Made by seawall compare.</p></footer>`;
  return renderPage({
    title: `Seawall: ${comparison.current.from} against ${comparison.reference.from}`,
    description: summaryOf(comparison),
    css: CSS,
    body,
  });
}

const CSS = `
.drifted { color: var(--stop); font-weight: 650; } .undecided { color: var(--world); font-weight: 650; }
.current { color: var(--own); }
header p { overflow-wrap: anywhere; }
`;

const verdictText = (verdict: ComparedColumn['verdict']): string => (verdict === 'notJudged' ? 'not judged' : verdict);
const figure = (x: number | null): string => (x === null ? '–' : number(x));

function renderColumns(columns: readonly ComparedColumn[]): Html {
  return renderTable(
    'columns, those that drifted first',
    [
      { name: 'column' },
      { name: 'verdict' },
      { name: 'PSI', number: true },
      { name: 'interval' },
      { name: 'Jensen-Shannon', number: true },
      { name: 'KS', number: true },
      { name: 'Wasserstein', number: true },
    ],
    columns.map(({ name, role, verdict, psi, jensenShannon, ks, wasserstein, intervals }) => [
      role ? `${name} (${role})` : name,
      html`<span class="${verdict}">${verdictText(verdict)}</span>`,
      figure(psi),
      intervals.psi ? `${number(intervals.psi.low)} to ${number(intervals.psi.high)}` : '',
      ...[jensenShannon, ks, wasserstein].map(figure),
    ]),
  );
}

async function renderColumn(column: ComparedColumn, reference: Side, current: Side): Promise<Html> {
  const { name, verdict, because, parts } = column;
  return html`<figure>
    <h3>${name} <span class="${verdict}">${verdictText(verdict)}</span></h3>
    <figcaption>${because}</figcaption>
    ${await columnChart(name, columnOf(reference, name), columnOf(current, name))}
    ${
      parts.length > 0 &&
      renderNumbers(
        `what contributes most to the PSI of ${name}`,
        [
          { name: 'part' },
          { name: 'reference', number: true },
          { name: 'current', number: true },
          { name: 'of the PSI', number: true },
        ],
        parts.map((part) => [part.part, percent(part.reference), percent(part.current), percent(part.share)]),
      )
    }
  </figure>`;
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
const columnOf = ({ profile }: Side, name: string): ProfiledColumn =>
  profile.columns.find((column) => column.name === name)!;

/** Both sides over each other; null: nothing to draw. */
export async function columnChart(name: string, before: ProfiledColumn, now: ProfiledColumn): Promise<Html | null> {
  if (before.sketch.kind === 'numeric' && now.sketch.kind === 'numeric') {
    const bars = histogram(before.sketch, now.sketch);
    return bars.length === 0 ? null : renderChart(histogramChart(name, bars));
  }
  if (before.sketch.kind === 'categorical' && now.sketch.kind === 'categorical') {
    const { bars, others } = categoryBars(before.sketch, now.sketch);
    if (bars.length === 0) return null;
    const hasOthers = Math.max(others.reference, others.current) > 1e-9;
    return html`${await renderChart(categoryChart(name, bars))}
    ${
      hasOthers &&
      html`<p class="soft">
        In categories that are not shown: ${percent(others.reference)}, now ${percent(others.current)}.
      </p>`
    }`;
  }
  return null;
}

async function renderPerformance(performance: ComparedPerformance): Promise<Html> {
  const { task, rows, reference, current, estimated, intervals, change } = performance;
  const names = Object.keys(reference ?? current ?? estimated ?? {});
  const charts = await Promise.all(
    names.map(async (name) => {
      const chart = figureChart(name, performance);
      return (
        chart &&
        html`<h3>${name}</h3>
          ${await renderChart(chart)}`
      );
    }),
  );
  const cell = (side: 'reference' | 'current' | 'estimated', name: string) => {
    const value = { reference, current, estimated }[side]?.[name] ?? null;
    const interval = intervals[side]?.[name];
    return value === null || !interval ? '–' : `${number(value)} (${number(interval.low)} to ${number(interval.high)})`;
  };
  return html`<section aria-labelledby="performance">
    <h2 id="performance">Performance</h2>
    <figure>
      <figcaption>
        ${task}; ${rows.reference.toLocaleString('en')} and ${rows.current.toLocaleString('en')} rows with a label. The
        bar is the 95 % interval.
        ${estimated && 'Estimated: of the current rows by their scores alone, calibrated on the reference.'}
      </figcaption>
      ${charts}
      ${renderTable(
        'performance with 95 % intervals',
        [{ name: 'figure' }, { name: 'reference' }, { name: 'current' }, { name: 'change' }, { name: 'estimated' }],
        names.map((name) => {
          const moved = change[name];
          return [
            name,
            cell('reference', name),
            cell('current', name),
            moved ? `${number(moved.value)} (${number(moved.low)} to ${number(moved.high)})` : '–',
            cell('estimated', name),
          ];
        }),
      )}
    </figure>
  </section>`;
}

function renderSlices(slices: Comparison['slices']): Html | null {
  if (slices.length === 0) return null;
  const names = Object.keys(slices[0]!.performance.change).slice(0, 3);
  return html`<section aria-labelledby="slices">
    <h2 id="slices">Slices</h2>
    ${renderTable(
      'change per slice, with 95 % intervals',
      [{ name: 'slice' }, { name: 'rows', number: true }, ...names.map((name) => ({ name }))],
      slices.map(({ column, value, performance }) => [
        `${column} = ${value}`,
        performance.rows.current.toLocaleString('en'),
        ...names.map((name) => {
          const moved = performance.change[name];
          return moved ? `${number(moved.value)} (${number(moved.low)} to ${number(moved.high)})` : '–';
        }),
      ]),
    )}
  </section>`;
}
