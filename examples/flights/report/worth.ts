/** What the decisions were worth: what each way to decide costs and brings, and whether it held on weeks nobody had looked at. */
import {
  type Chart,
  COLOR,
  html,
  type Html,
  type Layer,
  placeLabels,
  renderChart,
  renderNumbers,
  renderTable,
} from '../../../src/adapters/charts/index.js';
import type { Comparison, FlightsDocument } from '../document.js';
import { counted, fixed, percent, seconds } from './format.js';

type Policy = Comparison['policies'][number];
type Placed = Policy & { gainKept: number; costShare: number };

export async function renderWorth({ comparison, weeks }: FlightsDocument): Promise<Html> {
  return html`<section aria-labelledby="worth">
    <h2 id="worth">What the decisions were worth</h2>
    ${
      comparison === null
        ? html`<p class="soft">
            The baselines were not measured, or not for every week: there is nothing to compare with.
          </p>`
        : html`${await policiesFigure(comparison, weeks.length)} ${spansTable(comparison)}`
    }
  </section>`;
}

async function policiesFigure({ policies }: Comparison, weeks: number): Promise<Html> {
  const placed = policies.filter((one): one is Placed => one.gainKept !== null && one.costShare !== null);
  const chart: Chart = {
    title: 'What ways to decide cost and bring',
    description: placed
      .map(
        ({ name, gainKept, costShare }) =>
          `${name}: ${percent(gainKept)} of the gain for ${percent(costShare)} of the cost`,
      )
      .join('; '),
    draw: (size) => {
      const [width, height, right] = size === 'wide' ? [660, 300, 82] : [270, 300, 16];
      return {
        width,
        height,
        padding: { left: 58, right, top: 12, bottom: 46 },
        layers: scatter(size === 'wide' ? placed : placed.map(shortened), width, height, right),
      };
    },
  };
  return html`<figure>
    <figcaption>
      Every way to decide begins with the same model and goes through the same ${counted(weeks, 'week')}. Up is better,
      left is cheaper: what lies above and left of Seawall did better. The thin line joins the timers, each in the mean
      over the weeks in which it may begin; its upright stroke goes from the worst of these to the best. Gain is the
      mean log loss saved against the January model, as a share of what weekly retraining saves.
    </figcaption>
    ${
      placed.length > 1
        ? await renderChart(chart)
        : html`<p class="soft">
            Weekly retraining gained nothing over the January model: there is no gain to keep a share of.
          </p>`
    }
    ${renderNumbers(
      'ways to decide',
      [
        { name: 'retrains' },
        { name: 'times', number: true },
        { name: 'training', number: true },
        { name: 'cost', number: true },
        { name: 'log loss', number: true },
        { name: 'AUC', number: true },
        { name: 'gain kept', number: true },
      ],
      policies.map((one) => [
        one.kind === 'seawall' ? html`<b>${one.name}</b>` : one.name,
        one.retrains,
        seconds(one.seconds),
        percent(one.costShare),
        fixed(one.logLoss, 4),
        fixed(one.auc, 4),
        one.range
          ? `${percent(one.gainKept)} (${percent(one.range.gainKept[0])} to ${percent(one.range.gainKept[1])})`
          : percent(one.gainKept),
      ]),
    )}
  </figure>`;
}

const LOOKS: Readonly<Record<Policy['kind'], { color: string; shape: string }>> = {
  seawall: { color: COLOR.own, shape: 'circle' },
  frozen: { color: COLOR.other, shape: 'square' },
  weekly: { color: COLOR.bound, shape: 'square' },
  periodic: { color: COLOR.bound, shape: 'circle' },
  hindsight: { color: COLOR.data, shape: 'diamond' },
};
/** `every 3rd week` as `every 3rd`, for the phone. */
const shortened = (one: Placed): Placed =>
  one.kind === 'periodic' ? { ...one, name: one.name.replace(/ week$/, '') } : one;

/** A guess that errs on the wide side: there is no font to measure here. */
const textWidth = (text: string): number => text.length * 7;

/** @param room to the right of the plot */
function scatter(policies: readonly Placed[], width: number, height: number, room: number): Layer[] {
  const [costs, gains] = [policies.map((one) => one.costShare), policies.map((one) => one.gainKept)];
  const [right, low, high] = [Math.max(1, ...costs) * 1.02, Math.min(0, ...gains) - 0.05, Math.max(1, ...gains) + 0.08];
  const axis = { format: '.0%', tickCount: 5, titlePadding: 8 } as const;
  const x = {
    field: 'costShare',
    type: 'quantitative' as const,
    scale: { domain: [0, right], nice: false },
    axis: { ...axis, title: 'training seconds, of weekly retraining’s', grid: false, domain: true },
  };
  const y = {
    field: 'gainKept',
    type: 'quantitative' as const,
    scale: { domain: [low, high], nice: false },
    axis: {
      ...axis,
      title: 'gain kept',
      titleAnchor: 'end' as const,
      titleAngle: 0,
      titleAlign: 'left' as const,
      titleX: 6,
      titleY: 4,
    },
  };
  // Seawall first: it has the first choice of where its name goes.
  const ordered = [...policies].sort((a, b) => Number(b.kind === 'seawall') - Number(a.kind === 'seawall'));
  const pointOf = ({ name, costShare, gainKept }: Placed) => ({
    x: (costShare / right) * width,
    y: ((high - gainKept) / (high - low)) * height,
    text: name,
  });
  const timers = policies
    .filter(({ kind }) => kind === 'frozen' || kind === 'periodic' || kind === 'weekly')
    .sort((a, b) => a.costShare - b.costShare);
  const places = placeLabels(ordered.map(pointOf), width + room, textWidth, timers.map(pointOf));
  return [
    {
      data: { values: timers },
      mark: { type: 'line', color: COLOR.bound, strokeWidth: 1, opacity: 0.7 },
      encoding: { x, y, order: { field: 'costShare' } },
    },
    {
      data: {
        values: timers.flatMap(({ costShare, range }) =>
          range ? [{ costShare, gainKept: range.gainKept[0], to: range.gainKept[1] }] : [],
        ),
      },
      mark: { type: 'rule', color: COLOR.bound, strokeWidth: 1.5, opacity: 0.7 },
      encoding: { x, y, y2: { field: 'to' } },
    },
    ...ordered.flatMap((one, i): Layer[] => {
      const { color, shape } = LOOKS[one.kind];
      const own = one.kind === 'seawall';
      const { dx, dy, align } = places[i]!;
      return [
        {
          data: { values: [one] },
          mark: { type: 'point', filled: true, opacity: 1, color, shape, size: own ? 170 : 60 },
          encoding: { x, y },
        },
        {
          data: { values: [one] },
          mark: { type: 'text', color, dx, dy, align, baseline: 'middle', fontWeight: own ? 'bold' : 'normal' },
          encoding: { x, y, text: { field: 'name' } },
        },
      ];
    }),
  ];
}

function spansTable({ spans }: Comparison): Html {
  const [tuning, reported] = [
    spans.find(({ name }) => name === 'tuning'),
    spans.find(({ name }) => name === 'reported'),
  ];
  return html`<h3>On the weeks the limits were chosen on, and on those after</h3>
    <p>
      ${tuning && `The gate’s limits were chosen on the weeks ${tuning.label}. `}
      ${
        reported
          ? `${reported.label} were only reported, and are the fairer number; docs/flights.md says how far they are untouched.`
          : 'No later weeks were run: what stands here is what the limits were chosen on.'
      }
    </p>
    ${renderTable(
      'Means over weeks, each week counts the same',
      [
        { name: 'weeks' },
        { name: 'number', number: true },
        ...['log loss', 'AUC'].flatMap((metric) =>
          ['Seawall', 'January', 'weekly'].map((name) => ({ name: `${metric}, ${name}`, number: true })),
        ),
        { name: 'gain kept', number: true },
      ],
      spans.map(({ name, label, weeks, logLoss, auc, gainKept }) => [
        `${label}${{ all: '', tuning: ' (tuning)', reported: ' (reported)' }[name]}`,
        weeks,
        ...[logLoss, auc].flatMap(({ seawall, frozen, weekly }) =>
          [seawall, frozen, weekly].map((value) => fixed(value, 4)),
        ),
        html`<b>${percent(gainKept)}</b>`,
      ]),
    )}`;
}
