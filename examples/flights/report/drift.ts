/** How far every feature has moved from the reference: weeks by features, and what the gate made of it. */
import {
  COLOR,
  HEAT_STEPS,
  heatColor,
  heatInk,
  html,
  type Html,
  type Layer,
  renderChart,
  renderNumbers,
} from '../../../src/adapters/charts/index.js';
import type { Action } from '../../../src/contracts/index.js';
import type { FlightsDocument, WeekResult } from '../document.js';
import { day, psiText } from './format.js';
import { incidentTitle } from './quality.js';
import { middleOf, type Plot, TIME, timeChart, type Timeline } from './timeline.js';

/** Of the colours, on a scale that is roughly logarithmic; 0.1 and 0.25 are the usual limits of the index. */
const LIMITS = [0.01, 0.03, 0.1, 0.25, 1] as const;
const MEANINGS = ['below 0.01', 'to 0.03', 'to 0.1', '0.1 to 0.25: something moved', 'to 1: much moved', 'above 1'];
/** From here on a cell says its number. */
const SAYS_NUMBER = 0.1;

const stepOf = (psi: number): number => LIMITS.filter((limit) => psi >= limit).length;

const SCORES = 'the scores';
const DECIDED = 'decision';
/** Shape and colour of every action. */
export const ACTION_MARKS: Readonly<Record<Action, { shape: string; sign: string; color: string; size: number }>> = {
  retrain: { shape: 'circle', sign: '●', color: COLOR.own, size: 90 },
  block: { shape: 'square', sign: '■', color: COLOR.stop, size: 90 },
  escalate: { shape: 'triangle-up', sign: '▲', color: COLOR.other, size: 90 },
  wait: { shape: 'circle', sign: '·', color: COLOR.soft, size: 12 },
};

export async function renderDrift(document: FlightsDocument, timeline: Timeline): Promise<Html> {
  const { weeks } = document;
  const columns = [...new Set(weeks.flatMap(({ driftColumns }) => driftColumns.map(({ column }) => column)))];
  const rows = [...columns, SCORES];
  const chart = timeChart(timeline, {
    title: 'Drift of every feature by week, as population stability index',
    description: describe(weeks),
    height: (rows.length + 1) * 24,
    namesIncidents: true,
    layers: (plot) => layersOf(weeks, rows, plot),
  });
  return html`<section aria-labelledby="drift">
    <h2 id="drift">Drift</h2>
    <figure>
      <figcaption>
        Population stability index of every feature, and of the scores, against what the champion was accepted on.
        Framed: the gate blocked the week, its data are never learnt from. The first row is what the gate decided:
        ${Object.entries(ACTION_MARKS).map(([action, { sign }]) => html`<span class="key sign-${action}">${sign}</span> ${action} `)}
      </figcaption>
      ${await renderChart(chart)}
      <ul class="ramp" aria-label="colours of the index">
        ${MEANINGS.map((meaning, step) => html`<li><span class="swatch heat-${step}"></span>${meaning}</li> `)}
      </ul>
      ${renderNumbers(
        'population stability index by week',
        [
          { name: 'week of' },
          ...rows.map((name) => ({ name, number: true })),
          { name: 'decision' },
          { name: 'injected' },
        ],
        weeks.map((week) => [
          day(week.from),
          ...rows.map((row) => psiText(psiOf(week, row))),
          week.decision ?? '–',
          incidentTitle(document, week),
        ]),
      )}
    </figure>
  </section>`;
}

export const DRIFT_CSS = `
.ramp { display: flex; flex-wrap: wrap; gap: 0.25rem 1rem; list-style: none; margin: 0.25rem 0 0.5rem; padding: 0;
  color: var(--soft); font-size: 0.875rem; }
.swatch { display: inline-block; width: 1.5rem; height: 0.8rem; margin-right: 0.4rem; border: 1px solid var(--rule); }
${Array.from({ length: HEAT_STEPS }, (_, step) => `.heat-${step} { background: ${heatColor(step)}; }`).join('\n')}
${Object.entries(ACTION_MARKS)
  .map(([action, { color }]) => `.sign-${action} { color: ${color}; }`)
  .join('\n')}
@media print { .swatch { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
`;

const psiOf = (week: WeekResult, row: string): number | null =>
  row === SCORES ? week.drift.prediction : (week.driftColumns.find(({ column }) => column === row)?.psi ?? null);

function layersOf(weeks: readonly WeekResult[], rows: readonly string[], plot: Plot): Layer[] {
  const domain = [DECIDED, ...rows];
  const y = {
    field: 'row',
    type: 'nominal' as const,
    scale: { domain, paddingInner: 0.08 },
    axis: { title: null, domain: false },
  };
  const cells = weeks.flatMap((week) =>
    rows.flatMap((row) => {
      const psi = psiOf(week, row);
      if (psi === null) return [];
      const step = stepOf(psi);
      const text = psi >= SAYS_NUMBER ? psiText(psi).replace(/^0/, '') : '';
      const [at, until] = [Date.parse(week.from), Date.parse(week.to)];
      return [{ at, until, middle: middleOf(week), row, text, fill: heatColor(step), ink: heatInk(step) }];
    }),
  );
  const decided = weeks.flatMap((week) =>
    week.decision === null ? [] : [{ at: middleOf(week), row: DECIDED, ...ACTION_MARKS[week.decision] }],
  );
  const blocked = weeks
    .filter(({ decision }) => decision === 'block')
    .map(({ from, to }) => ({ at: Date.parse(from), until: Date.parse(to) }));
  const exact = <T extends string>(field: T) => ({ field, type: 'nominal', scale: null, legend: null }) as const;
  const wide = plot.size === 'wide';
  return [
    {
      data: { values: cells },
      mark: { type: 'rect', stroke: COLOR.paper, strokeWidth: wide ? 1.5 : 0.75 },
      encoding: { x: TIME, x2: { field: 'until' }, y, color: exact('fill') },
    },
    {
      data: { values: decided },
      mark: { type: 'point', filled: true, opacity: 1 },
      encoding: {
        x: TIME,
        y,
        color: exact('color'),
        shape: exact('shape'),
        size: { field: 'size', type: 'quantitative', scale: null, legend: null },
      },
    },
    {
      data: { values: blocked },
      mark: { type: 'rect', filled: false, stroke: COLOR.stop, strokeWidth: 2 },
      encoding: { x: TIME, x2: { field: 'until' } },
    },
    ...(wide
      ? [
          {
            data: { values: cells },
            mark: { type: 'text', fontSize: 10, baseline: 'middle' },
            encoding: {
              x: { ...TIME, field: 'middle' },
              y,
              text: { field: 'text' },
              color: exact('ink'),
            },
          } satisfies Layer,
        ]
      : []),
  ];
}

function describe(weeks: readonly WeekResult[]): string {
  const moved = weeks.flatMap(({ from, driftColumns }) =>
    driftColumns
      .filter(({ psi }) => psi !== null && psi >= SAYS_NUMBER)
      .map(({ column, psi }) => `${column} ${psiText(psi)} in the week of ${day(from)}`),
  );
  return moved.length === 0 ? 'Every feature stayed below 0.1.' : `Above 0.1: ${moved.join(', ')}.`;
}
