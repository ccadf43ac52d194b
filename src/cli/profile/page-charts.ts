/** The charts of a comparison. */
import { type Chart, type ChartSize, COLOR, type Layer } from '../../adapters/charts/index.js';
import type { ComparedPerformance } from './document.js';
import type { Bar, CategoryBar } from './histogram.js';
import { number } from './text.js';

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
const WIDTH: Record<ChartSize, number> = { wide: 560, narrow: 240 };
const REFERENCE = COLOR.bound;
const CURRENT = COLOR.own;

/** The reference is the filled shape, what is now a line over it. */
export function histogramChart(name: string, bars: readonly Bar[]): Chart {
  const largest = (side: 'reference' | 'current') => bars.reduce((a, b) => (b[side] > a[side] ? b : a), bars[0]!);
  const said = (['reference', 'current'] as const).map((side) => {
    const bar = largest(side);
    return `${side}: most between ${number(bar.from)} and ${number(bar.to)}, ${percent(bar[side])}`;
  });
  return {
    title: `${name}: shares of rows, reference and current`,
    description: said.join('; '),
    draw: (size) => ({
      width: WIDTH[size],
      height: size === 'wide' ? 130 : 110,
      padding: { left: 48, right: 16, top: 8, bottom: 30 },
      layers: [
        {
          data: { values: [...bars] },
          mark: { type: 'rect', color: REFERENCE, opacity: 0.35 },
          encoding: { x: xOf(size, bars, 'from'), x2: { field: 'to' }, y: yOf('reference'), y2: { datum: 0 } },
        } as Layer,
        {
          data: { values: corners(bars) },
          mark: { type: 'line', color: CURRENT, strokeWidth: 2, strokeJoin: 'miter' },
          encoding: { x: xOf(size, bars, 'x'), y: yOf('y'), order: { field: 'place' } },
        } as Layer,
      ],
    }),
  };
}

/** Of the steps of what is now, from the axis and back to it. */
function corners(bars: readonly Bar[]): { x: number; y: number; place: number }[] {
  const steps = bars.flatMap(({ from, to, current }) => [from, to].map((x) => ({ x, y: current })));
  const ends = [{ x: bars[0]!.from, y: 0 }, ...steps, { x: bars.at(-1)!.to, y: 0 }];
  return ends.map((corner, place) => ({ ...corner, place }));
}

/** Ticks of a number's axis that have room: few on a phone, and short. */
function axisOf(size: ChartSize, ends: readonly number[]) {
  const largest = Math.max(...ends.map(Math.abs));
  const format = largest >= 1e5 ? { format: '~s' } : largest < 1e-3 ? { format: '~g' } : {};
  return { title: null, tickCount: size === 'wide' ? 5 : 3, ...format };
}

function xOf(size: ChartSize, bars: readonly Bar[], field: string) {
  const domain = [bars[0]!.from, bars.at(-1)!.to];
  const axis = { ...axisOf(size, domain), grid: false };
  return { field, type: 'quantitative', scale: { domain, nice: false, zero: false }, axis };
}
const yOf = (field: string) => ({ field, type: 'quantitative', axis: { title: null, format: '.0%', tickCount: 3 } });

export function categoryChart(name: string, bars: readonly CategoryBar[]): Chart {
  const rows = bars.flatMap(({ category, ...sides }, i) =>
    (['reference', 'current'] as const).map((side) => ({
      category,
      place: i,
      side,
      share: sides[side],
    })),
  );
  return {
    title: `${name}: shares of rows by category, reference and current`,
    description: bars
      .map((bar) => `${bar.category}: ${percent(bar.reference)}, then ${percent(bar.current)}`)
      .join('; '),
    draw: (size) => ({
      width: WIDTH[size] - 60,
      height: bars.length * 26,
      padding: { left: 108, right: 16, top: 4, bottom: 30 },
      layers: [
        {
          data: { values: rows },
          mark: { type: 'bar' },
          encoding: {
            y: {
              field: 'category',
              type: 'nominal',
              sort: { field: 'place' },
              scale: { paddingInner: 0.25 },
              axis: { title: null, labelExpr: SHORT, labelLimit: 0 },
            },
            yOffset: { field: 'side', type: 'nominal', sort: ['reference', 'current'] },
            x: { field: 'share', type: 'quantitative', axis: { ...axisOf(size, []), format: '.0%' } },
            color: {
              field: 'side',
              type: 'nominal',
              legend: null,
              scale: { domain: ['reference', 'current'], range: [REFERENCE, CURRENT] },
            },
          },
        } as Layer,
      ],
    }),
  };
}
/** Names often begin alike: what is left out is in the middle. */
const SHORT = "length(datum.label) > 15 ? slice(datum.label, 0, 6) + '…' + slice(datum.label, -8) : datum.label";

/** One figure: a point with its interval per side, on an axis of its own. */
export function figureChart(
  name: string,
  { reference, current, estimated, intervals }: ComparedPerformance,
): Chart | null {
  const sides = { reference, current, estimated };
  const rows = (['reference', 'current', 'estimated'] as const).flatMap((side) => {
    const value = sides[side]?.[name] ?? null;
    const interval = intervals[side]?.[name];
    return value === null || !interval ? [] : [{ side, value, ...interval }];
  });
  if (rows.length === 0) return null;
  const y = { field: 'side', type: 'nominal', sort: null, axis: { title: null } } as const;
  const ends = rows.flatMap(({ low, high }) => [low, high]);
  const x = (size: ChartSize, field: string) =>
    ({ field, type: 'quantitative', scale: { zero: false, nice: true }, axis: axisOf(size, ends) }) as const;
  const color = {
    field: 'side',
    type: 'nominal',
    legend: null,
    scale: { domain: ['reference', 'current', 'estimated'], range: [COLOR.bound, COLOR.own, COLOR.other] },
  } as const;
  return {
    title: `${name} with its 95 % interval`,
    description: rows
      .map(({ side, value, low, high }) => `${side}: ${number(value)}, ${number(low)} to ${number(high)}`)
      .join('; '),
    draw: (size) => ({
      width: WIDTH[size] - 40,
      height: rows.length * 24,
      padding: { left: 88, right: 16, top: 4, bottom: 28 },
      layers: [
        {
          data: { values: rows },
          mark: { type: 'rule', strokeWidth: 3 },
          encoding: { y, x: x(size, 'low'), x2: { field: 'high' }, color },
        } as Layer,
        {
          data: { values: rows },
          mark: { type: 'point', filled: true, size: 70, opacity: 1 },
          encoding: { y, x: x(size, 'value'), color },
        } as Layer,
      ],
    }),
  };
}
