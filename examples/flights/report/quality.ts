/** How good the predictions were, beside the two ways not to decide: never, and every week. */
import { html, type Html, renderChart, renderNumbers } from '../../../src/adapters/charts/index.js';
import type { FlightsDocument, WeekResult } from '../document.js';
import { day, fixed, percent, signed } from './format.js';
import { domainOf, lineLayers, LOOKS, type Series } from './lines.js';
import { timeChart, type Timeline } from './timeline.js';

const AUC: Series[] = [
  { ...LOOKS.weekly, dash: [...LOOKS.weekly.dash], value: (week) => week.aucWeekly },
  { ...LOOKS.frozen, dash: [...LOOKS.frozen.dash], value: (week) => week.aucFrozen },
  { ...LOOKS.seawall, dash: [...LOOKS.seawall.dash], value: (week) => week.auc },
];
const LOG_LOSS: Series[] = [
  { ...AUC[0]!, value: (week) => week.logLossWeekly },
  { ...AUC[1]!, value: (week) => week.logLossFrozen },
  { ...AUC[2]!, value: (week) => week.logLoss },
];
const saved = (own: number | null, { logLossFrozen }: WeekResult): number | null =>
  own === null || logLossFrozen === null ? null : logLossFrozen - own;
const SAVED: Series[] = [
  { ...AUC[0]!, value: (week) => saved(week.logLossWeekly, week) },
  { ...AUC[1]!, value: (week) => saved(week.logLossFrozen, week) },
  { ...AUC[2]!, value: (week) => saved(week.logLoss, week) },
];

export async function renderQuality(document: FlightsDocument, timeline: Timeline): Promise<Html> {
  const { weeks } = document;
  const panels = [
    await panel(timeline, weeks, {
      title: 'AUC',
      better: 'higher',
      series: AUC,

      height: 170,
      names: true,
    }),
    await panel(timeline, weeks, { title: 'Log loss', better: 'lower', series: LOG_LOSS, height: 150 }),
    await panel(timeline, weeks, {
      title: 'Log loss saved against the January model',
      better: 'higher',
      series: SAVED,

      height: 130,
      include: 0,
    }),
  ];
  return html`<section aria-labelledby="quality">
    <h2 id="quality">Quality over time</h2>
    <figure>
      <figcaption>
        Each point is a week of flights, judged by labels that arrived later. A numbered rule: from here on that release
        answered (<b>square</b>: it waited for an approval; <b>dashed</b>: back to an older one). Shaded: something was
        injected into the data. Hollow points are provisional. The first two axes do not begin at zero.
      </figcaption>
      ${panels}
      ${renderNumbers(
        'quality by week',
        [
          { name: 'week of' },
          { name: 'flights', number: true },
          { name: 'late', number: true },
          { name: 'release', number: true },
          { name: 'AUC', number: true },
          { name: 'January', number: true },
          { name: 'weekly', number: true },
          { name: 'log loss', number: true },
          { name: 'January', number: true },
          { name: 'weekly', number: true },
          { name: 'injected' },
        ],
        weeks.map((week) => [
          day(week.from),
          week.rows.toLocaleString('en-US'),
          percent(week.lateShare, 1),
          week.release ?? '–',
          ...[week.auc, week.aucFrozen, week.aucWeekly].map((value) => fixed(value, 3)),
          ...[week.logLoss, week.logLossFrozen, week.logLossWeekly].map((value) => fixed(value, 3)),
          incidentTitle(document, week),
        ]),
      )}
    </figure>
  </section>`;
}

export const incidentTitle = ({ incidents }: FlightsDocument, { incident }: WeekResult): string =>
  incident === null ? '' : (incidents.find(({ id }) => id === incident)?.title ?? incident);

interface Panel {
  title: string;
  better: 'higher' | 'lower';
  series: Series[];
  height: number;
  names?: boolean;
  include?: number;
}

async function panel(timeline: Timeline, weeks: readonly WeekResult[], options: Panel): Promise<Html> {
  const { title, better, series, height, names = false, include } = options;
  const measured = series.filter(({ value }) => weeks.some((week) => value(week) !== null));
  // Against itself the January model saves nothing: that line alone says nothing.
  const domain = measured.length > (include === undefined ? 0 : 1) ? domainOf(weeks, measured, include) : null;
  if (domain === null) return html`<p class="soft"><b>${title}</b>: not measured.</p>`;
  const chart = timeChart(timeline, {
    title,
    description: describe(weeks, measured, include !== undefined),
    height,
    namesIncidents: names,
    marksReleases: true,
    layers: (plot) => lineLayers(weeks, measured, plot, domain),
  });
  return html`<h3>${title} <span class="soft">(${better} is better)</span></h3>
    ${await renderChart(chart)}`;
}

function describe(weeks: readonly WeekResult[], series: readonly Series[], isSigned: boolean): string {
  const text = isSigned ? signed : fixed;
  return series
    .map(({ name, value }) => {
      const values = weeks.flatMap((week) => value(week) ?? []);
      return `${name}: from ${text(values[0] ?? null, 3)} in the first week to ${text(values.at(-1) ?? null, 3)} in the last, lowest ${text(Math.min(...values), 3)}, highest ${text(Math.max(...values), 3)}`;
    })
    .join('; ');
}
