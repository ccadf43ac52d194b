/** The charts of a monitor report. */
import { type Chart, COLOR, type Layer } from '../../adapters/charts/index.js';
import type { Interval, MonitorReport, Performance } from '../../contracts/index.js';

const PLOT = { wide: { width: 700, height: 190 }, narrow: { width: 300, height: 170 } } as const;

const TIME = {
  field: 'at',
  type: 'temporal' as const,
  scale: { type: 'utc' as const },
  axis: { title: null, grid: false, tickCount: 4, labelOverlap: true, format: '%-d %b' },
};

/** PSI of the columns that moved most, window by window, with the limits. */
export function driftChart(
  history: readonly MonitorReport[],
  names: readonly string[],
  limits: Record<string, number>,
): Chart {
  const points = history.flatMap(({ window, drift }) =>
    [...drift.columns, ...drift.outputs]
      .filter(({ name, psi }) => names.includes(name) && psi !== null)
      .map(({ name, psi }) => ({ at: window.from, name, psi })),
  );
  const rules = Object.entries(limits).map(([label, psi]) => ({ label, psi }));
  const colour = {
    field: 'name',
    type: 'nominal' as const,
    scale: { domain: [...names], range: [COLOR.own, COLOR.other, COLOR.data, COLOR.world, COLOR.soft] },
    legend: { title: null, orient: 'bottom' as const, columns: 2, labelColor: COLOR.ink, labelFontSize: 12 },
  };
  // The limits lie low, and what lies far above them must not hide them.
  const scale = { type: 'sqrt' as const };
  const y = { field: 'psi', type: 'quantitative' as const, scale, axis: { title: 'PSI', tickCount: 5 } };
  return {
    title: 'Drift over time',
    description: `Population stability index of ${names.join(', ')}, with the limits ${rules.map(({ label, psi }) => `${label} ${psi}`).join(', ')}.`,
    draw: (size) => ({
      ...PLOT[size],
      padding: { left: 56, right: 12, top: 12, bottom: 96 },
      layers: [
        {
          data: { values: rules },
          mark: { type: 'rule', color: COLOR.stop, strokeDash: [4, 4] },
          encoding: { y },
        },
        {
          data: { values: rules },
          mark: { type: 'text', align: 'left', dx: 4, dy: -5, fontSize: 10, color: COLOR.stop },
          encoding: { y, x: { value: 0 }, text: { field: 'label' } },
        },
        { data: { values: points }, mark: { type: 'line', strokeWidth: 2 }, encoding: { x: TIME, y, color: colour } },
        {
          data: { values: points },
          mark: { type: 'point', filled: true, size: 30 },
          encoding: { x: TIME, y, color: colour },
        },
      ],
    }),
  };
}

interface Point extends Interval {
  at: string;
  value: number;
}

/** A metric window by window: by labels (hollow while provisional), as it was estimated, and on the reference. */
export function qualityChart(history: readonly MonitorReport[], metric: string): Chart {
  const judged = history.flatMap(({ window, performance, status }) =>
    pointsOf(window.from, performance, metric, status === 'final'),
  );
  const estimated = history.flatMap(({ window, estimate }) => pointsOf(window.from, estimate, metric, true));
  const reference = history.flatMap(({ window, referencePerformance }) =>
    pointsOf(window.from, referencePerformance, metric, true),
  );
  const y = (field: string) => ({
    field,
    type: 'quantitative' as const,
    scale: { zero: false },
    axis: { title: metric, tickCount: 5 },
  });
  const marks = (points: Point[], color: string, dash: number[]): Layer[] => [
    {
      data: { values: points },
      mark: { type: 'rule', color, opacity: 0.6 },
      encoding: { x: TIME, y: y('low'), y2: { field: 'high' } },
    },
    { data: { values: points }, mark: { type: 'line', color, strokeDash: dash }, encoding: { x: TIME, y: y('value') } },
  ];
  const newest = judged.at(-1);
  return {
    title: `${metric} over time, with 95 % intervals`,
    description: newest
      ? `Newest by labels: ${newest.value.toFixed(3)} (${newest.low.toFixed(3)} to ${newest.high.toFixed(3)}).`
      : 'No window has labels yet.',
    draw: (size) => ({
      ...PLOT[size],
      padding: { left: 56, right: 12, top: 12, bottom: 32 },
      layers: [
        {
          data: { values: reference },
          mark: { type: 'line', color: COLOR.bound, strokeDash: [2, 3] },
          encoding: { x: TIME, y: y('value') },
        },
        ...marks(estimated, COLOR.other, [6, 4]),
        ...marks(judged, COLOR.own, [1, 0]),
        {
          data: { values: judged },
          mark: { type: 'point', size: 50, strokeWidth: 2, stroke: COLOR.own },
          encoding: { x: TIME, y: y('value'), fill: { field: 'fill', type: 'nominal', scale: null, legend: null } },
        },
      ],
    }),
  };
}

function pointsOf(
  at: string,
  performance: Pick<Performance, 'metrics'> | null,
  metric: string,
  isFinal: boolean,
): (Point & { fill: string })[] {
  const measured = performance?.metrics[metric];
  return measured ? [{ at, ...measured, fill: isFinal ? COLOR.own : COLOR.paper }] : [];
}
