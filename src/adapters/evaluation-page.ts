/** An evaluation as one HTML page: what was decided, by which rules, and how it looks. */
import type { EvaluationPage } from '../activities/contest.js';
import { isError, metricNames, type ModelPerformance, shownMetrics, valueOf } from '../contracts/index.js';
import {
  type Chart,
  COLOR,
  html,
  type Html,
  type Layer,
  renderChart,
  renderNumbers,
  renderPage,
  renderTable,
} from './charts/index.js';

const Z_95 = 1.96;
const SLICES_SHOWN = 25;
const SIDES = [
  ['challenger', COLOR.own, []],
  ['champion', COLOR.other, [6, 3]],
] as const;

export async function renderEvaluation(page: EvaluationPage): Promise<string> {
  const { title, promotion, summary } = page;
  const body = html`<main>
    <h1>${title}</h1>
    <p class="lead">${promotion.text}</p>
    ${renderTable(
      'Every rule; all must hold',
      [{ name: 'rule' }, { name: 'holds' }, { name: 'what was found' }],
      promotion.rules.map(({ rule, fired, text }) => [rule, fired ? 'yes' : 'NO', text]),
    )}
    ${numbers(page)} ${summary.gain !== null && (await gains(page))} ${await rocCurves(page)}
    ${await calibrations(page)} ${page.behaviour && behaviours(page.behaviour)}
  </main>`;
  return renderPage({ title: `Seawall: ${title}`, description: promotion.text, body });
}

function numbers({ summary, servable, calibrationError }: EvaluationPage): Html {
  const shown = shownMetrics(summary.challenger, summary.metric);
  const row = (name: string, of: ModelPerformance, side: 'challenger' | 'champion') => {
    const own = servable[side];
    const error = calibrationError[side];
    return [
      name,
      ...shown.map((metric) => digits(valueOf(of, metric))),
      digits(error),
      own ? own.rowMs.toFixed(2) : '–',
      own ? own.bytes.toLocaleString('en-US') : '–',
    ];
  };
  const columns = [...shown.map((metric) => metricNames[metric]), 'calibration error', 'one row, ms', 'bytes'];
  return renderTable(
    `On ${summary.rows.toLocaleString('en-US')} held-out rows`,
    [{ name: 'model' }, ...columns.map((name) => ({ name, number: true }))],
    [
      row('challenger', summary.challenger, 'challenger'),
      ...(summary.champion ? [row('champion', summary.champion, 'champion')] : []),
    ],
  );
}

interface Gain {
  name: string;
  gain: number;
  low: number;
  high: number;
}

async function gains({ summary, slices = [] }: EvaluationPage): Promise<Html> {
  const { metric, gain, gainInterval } = summary;
  const [low, high] = gainInterval ?? [gain!, gain!];
  const judged = slices.filter((slice) => slice.gain !== null).sort((a, b) => a.gain! - b.gain!);
  const rows: Gain[] = [
    { name: 'all rows', gain: gain!, low, high },
    ...judged.slice(0, SLICES_SHOWN).map(({ slice, gain: own, error }) => ({
      ...{ name: slice, gain: own! },
      ...{ low: own! - Z_95 * (error ?? 0), high: own! + Z_95 * (error ?? 0) },
    })),
  ];
  const what = `Gain in ${metricNames[metric]} over the champion${isError(metric) ? ' (how much lower)' : ''}`;
  const chart: Chart = {
    title: what,
    description: rows.map(({ name, gain: own }) => `${name} ${digits(own)}`).join(', '),
    draw: (size) => ({
      width: size === 'wide' ? 520 : 200,
      height: 24 * rows.length,
      padding: { left: size === 'wide' ? 210 : 140, right: 30, top: 10, bottom: 30 },
      layers: gainLayers(rows),
    }),
  };
  const columns = ['gain', 'from', 'to'].map((name) => ({ name, number: true }));
  return figure(
    what,
    'With 95 % intervals; right of zero the challenger is better. The lowest slices are shown, their intervals uncorrected for their number.',
    await renderChart(chart),
    renderNumbers(
      'gains',
      [{ name: 'rows' }, ...columns],
      rows.map((r) => [r.name, digits(r.gain), digits(r.low), digits(r.high)]),
    ),
  );
}

function gainLayers(rows: Gain[]): Layer[] {
  const y = { field: 'name', type: 'nominal', sort: null, axis: { title: null, labelLimit: 190 } } as const;
  const x = { type: 'quantitative', axis: { title: null, tickCount: 5 } } as const;
  return [
    {
      data: { values: [{ zero: 0 }] },
      mark: { type: 'rule', color: COLOR.bound },
      encoding: { x: { ...x, field: 'zero' } },
    },
    {
      data: { values: rows },
      mark: { type: 'rule', color: COLOR.own, strokeWidth: 2 },
      encoding: { y, x: { ...x, field: 'low' }, x2: { field: 'high' } },
    },
    {
      data: { values: rows },
      mark: { type: 'point', filled: true, size: 60, color: COLOR.own, opacity: 1 },
      encoding: { y, x: { ...x, field: 'gain' } },
    },
  ];
}

async function rocCurves({ curves }: EvaluationPage): Promise<Html | null> {
  if (!curves.challenger.roc) return null;
  const layers = SIDES.flatMap(([side, color, dash]) => {
    const points = curves[side]?.roc;
    return points
      ? [
          line(
            points.map(({ falseAlarms: x, hits: y }) => ({ x, y })),
            color,
            dash,
          ),
        ]
      : [];
  });
  const chart = square(
    'ROC',
    'Share of positives found against share of false alarms',
    layers,
    'false alarms',
    'found',
  );
  return figure(
    'ROC',
    `${key(curves.champion !== null)} Share of positives found, by share of negatives raised.`,
    await renderChart(chart),
  );
}

async function calibrations({ curves, calibrationError }: EvaluationPage): Promise<Html | null> {
  if (!curves.challenger.calibration) return null;
  const layers = SIDES.flatMap(([side, color, dash]) => {
    const bins = curves[side]?.calibration;
    return bins
      ? [
          line(
            bins.map(({ score: x, share: y }) => ({ x, y })),
            color,
            dash,
            true,
          ),
        ]
      : [];
  });
  const chart = square('Calibration', 'Share that came true against the score', layers, 'score', 'came true');
  const table = SIDES.flatMap(([side]) =>
    (curves[side]?.calibration ?? []).map((bin) => [
      side,
      digits(bin.score),
      digits(bin.share),
      bin.rows.toLocaleString('en-US'),
    ]),
  );
  const columns = ['score', 'came true', 'rows'].map((name) => ({ name, number: true }));
  return figure(
    'Calibration',
    `${key(curves.champion !== null)} What came true, by score; on the diagonal scores mean what they say. Error ${digits(calibrationError.challenger)}${curves.champion ? `, the champion's ${digits(calibrationError.champion)}` : ''}.`,
    await renderChart(chart),
    renderNumbers('calibration', [{ name: 'model' }, ...columns], table),
  );
}

const key = (both: boolean): string => (both ? 'Full line: challenger; dashed: champion.' : 'The challenger.');

function line(values: { x: number; y: number }[], color: string, dash: readonly number[], points = false): Layer {
  return {
    data: { values },
    mark: {
      type: 'line',
      color,
      strokeWidth: 2,
      strokeDash: [...dash],
      ...(points && { point: { color, filled: true } }),
    },
    encoding: {
      x: { field: 'x', type: 'quantitative' },
      y: { field: 'y', type: 'quantitative' },
      order: { field: 'x' },
    },
  };
}

function square(title: string, description: string, layers: Layer[], x: string, y: string): Chart {
  const axis = (name: string) => ({ title: name, values: [0, 0.2, 0.4, 0.6, 0.8, 1] });
  const scale = { domain: [0, 1] };
  const diagonal: Layer = {
    data: {
      values: [
        { x: 0, y: 0 },
        { x: 1, y: 1 },
      ],
    },
    mark: { type: 'line', color: COLOR.rule },
    encoding: {
      x: { field: 'x', type: 'quantitative', scale, axis: axis(x) },
      y: { field: 'y', type: 'quantitative', scale, axis: axis(y) },
    },
  };
  return {
    title,
    description,
    draw: (size) => {
      const side = size === 'wide' ? 380 : 260;
      return {
        width: side,
        height: side,
        padding: { left: 60, right: 300 - (size === 'wide' ? 0 : 270), top: 10, bottom: 50 },
        layers: [diagonal, ...layers],
      };
    },
  };
}

function behaviours(tests: NonNullable<EvaluationPage['behaviour']>): Html {
  return html`<section>
    <h2>Behaviour</h2>
    ${renderTable(
      'Tests of behaviour',
      [{ name: 'kind' }, { name: 'passed' }, { name: 'what was found' }],
      tests.map(({ kind, passed, text }) => [kind, passed ? 'yes' : 'NO', text]),
    )}
  </section>`;
}

const figure = (title: string, caption: string, chart: Html, table?: Html): Html =>
  html`<section>
    <h2>${title}</h2>
    <figure>
      <figcaption>${caption}</figcaption>
      ${chart} ${table}
    </figure>
  </section>`;

const digits = (value: number | null): string => value?.toFixed(4) ?? '–';
