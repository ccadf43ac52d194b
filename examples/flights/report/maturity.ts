/** How complete the labels were whenever a week was judged, and when its verdict became final. */
import { COLOR, html, type Html, type Layer, renderChart, renderNumbers } from '../../../src/adapters/charts/index.js';
import type { FlightsDocument, WeekResult } from '../document.js';
import { day, percent } from './format.js';
import { middleOf, type Plot, TIME, timeChart, type Timeline } from './timeline.js';

const DAY_MS = 86_400_000;

interface Report {
  /** Middle of the week. */
  at: number;
  /** From the week's end to the report. */
  days: number;
  labelMaturity: number;
  final: boolean;
  text: string;
}

export async function renderMaturity({ weeks }: FlightsDocument, timeline: Timeline): Promise<Html> {
  const reports = weeks.flatMap((week) => week.revisions.map((revision) => reportOf(week, revision)));
  const longest = Math.max(7, ...reports.map(({ days }) => days));
  const chart = timeChart(timeline, {
    title: 'When each week was judged, and with how many of its labels',
    description: describe(weeks, reports),
    height: 110,
    layers: (plot) => layersOf(reports, longest, plot),
  });
  return html`<section aria-labelledby="labels">
    <h2 id="labels">How late the labels were</h2>
    <figure>
      <figcaption>
        Every report on a week, by the days from the week’s end to the report. The circle fills with the share of
        flights whose outcome was known; a <b>ring</b> around it: this verdict is final.
      </figcaption>
      ${reports.length > 0 ? await renderChart(chart) : html`<p class="soft">No week was monitored.</p>`}
      ${renderNumbers(
        'reports',
        [
          { name: 'week of' },
          { name: 'revision', number: true },
          { name: 'at' },
          { name: 'labels', number: true },
          { name: 'verdict' },
        ],
        weeks.flatMap((week) =>
          week.revisions.map(({ revision, at, labelMaturity, status }) => [
            day(week.from),
            revision,
            day(at),
            percent(labelMaturity, 1),
            status,
          ]),
        ),
      )}
    </figure>
  </section>`;
}

function reportOf(week: WeekResult, { at, labelMaturity, status }: WeekResult['revisions'][number]): Report {
  const days = (Date.parse(at) - Date.parse(week.to)) / DAY_MS;
  // None and all are seen; what lies between is said.
  const text = labelMaturity > 0.005 && labelMaturity < 0.995 ? percent(labelMaturity) : '';
  return { at: middleOf(week), days, labelMaturity, final: status === 'final', text };
}

/** Area, not radius: half of the labels fill half of the circle. */
const FULL = 70;

function layersOf(reports: Report[], longest: number, plot: Plot): Layer[] {
  const y = {
    field: 'days',
    type: 'quantitative' as const,
    scale: { domain: [-2, longest + 2], nice: false, reverse: true },
    axis: {
      title: null,
      values: Array.from({ length: Math.floor(longest / 7) + 1 }, (_, i) => i * 7),
      labelExpr: `datum.value === 0 ? 'week’s end' : '+ ' + datum.value + ' days'`,
    },
  };
  const size = plot.size === 'wide' ? 1 : 0.6;
  const values = reports.map((one) => ({ ...one, filled: one.labelMaturity * FULL * size }));
  return [
    {
      data: { values },
      mark: { type: 'point', filled: true, color: COLOR.own, opacity: 1 },
      encoding: { x: TIME, y, size: { field: 'filled', type: 'quantitative', scale: null, legend: null } },
    },
    {
      data: { values },
      mark: { type: 'point', filled: false, size: FULL * size, stroke: COLOR.soft, strokeWidth: 1, opacity: 1 },
      encoding: { x: TIME, y },
    },
    {
      data: { values: values.filter(({ final }) => final) },
      mark: { type: 'point', filled: false, size: FULL * size * 2.4, stroke: COLOR.own, strokeWidth: 1.5, opacity: 1 },
      encoding: { x: TIME, y },
    },
    {
      data: { values: values.filter(({ text }) => text !== '') },
      mark: { type: 'text', align: 'left', baseline: 'middle', dx: 12, fontSize: 11, color: COLOR.soft },
      encoding: { x: TIME, y, text: { field: 'text' } },
    },
  ];
}

function describe(weeks: readonly WeekResult[], reports: readonly Report[]): string {
  const last = reports.filter(({ final }) => final);
  const days = [...new Set(last.map((one) => Math.round(one.days)))].sort((a, b) => a - b);
  return last.length === 0
    ? 'No verdict is final.'
    : `${last.length} of ${weeks.length} weeks have a final verdict, ${days.join(' or ')} days after their end.`;
}
