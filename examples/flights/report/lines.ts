/** Lines over the weeks that are named where they end. */
import { COLOR, type Layer, spread } from '../../../src/adapters/charts/index.js';
import type { WeekResult } from '../document.js';
import { middleOf, type Plot, TIME } from './timeline.js';

export interface Series {
  name: string;
  /** For the phone. */
  short: string;
  color: string;
  dash: number[];
  /** The one that the report is about. */
  emphasis: boolean;
  value(week: WeekResult): number | null;
}

/** How each of the three looks wherever it is drawn; dashes tell them apart without colour. */
export const LOOKS = {
  weekly: { name: 'retrained weekly', short: 'weekly', color: COLOR.bound, dash: [2, 2], emphasis: false },
  frozen: { name: 'January model', short: 'January', color: COLOR.other, dash: [6, 3], emphasis: false },
  seawall: { name: 'Seawall', short: 'Seawall', color: COLOR.own, dash: [1, 0], emphasis: true },
} as const;

/** The smallest difference that an axis spans: noise must not look like a cliff. */
const MIN_SPAN = 0.02;

/** Lowest and highest of what is drawn, with some room; null where nothing is. */
export function domainOf(
  weeks: readonly WeekResult[],
  series: readonly Series[],
  include?: number,
): [number, number] | null {
  const values = weeks.flatMap((week) => series.flatMap(({ value }) => value(week) ?? []));
  if (values.length === 0) return null;
  const all = include === undefined ? values : [...values, include];
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const room = Math.max((high - low) * 0.06, (MIN_SPAN - (high - low)) / 2);
  return [low - room, high + room];
}

/** Gaps stay gaps. A point that is hollow is provisional: not all labels were in. */
export function lineLayers(
  weeks: readonly WeekResult[],
  series: readonly Series[],
  plot: Plot,
  domain: [number, number],
): Layer[] {
  const y = {
    field: 'value',
    type: 'quantitative',
    scale: { domain, nice: false, zero: false },
    // Digits by the distance of the ticks: two labels never say the same of two places.
    axis: { title: null, format: domain[1] - domain[0] < 0.08 ? '.3f' : '.2f', tickCount: 4 },
  } as const;
  return [
    ...series.flatMap(({ color, dash, emphasis, value }): Layer[] => {
      const values = weeks.map((week) => ({ at: middleOf(week), value: value(week), final: week.status === 'final' }));
      const line: Layer = {
        data: { values },
        mark: { type: 'line', color, strokeDash: [...dash], strokeWidth: emphasis ? 2.5 : 1.75, strokeJoin: 'round' },
        encoding: { x: TIME, y },
      };
      const points: Layer = {
        data: { values: values.filter((one) => one.value !== null) },
        mark: { type: 'point', filled: true, stroke: color, strokeWidth: 1.5, size: emphasis ? 26 : 8, opacity: 1 },
        encoding: { x: TIME, y, color: { condition: { test: 'datum.final', value: color }, value: COLOR.paper } },
      };
      return [line, points];
    }),
    ...endLabels(weeks, series, plot, domain),
  ];
}

function endLabels(
  weeks: readonly WeekResult[],
  series: readonly Series[],
  plot: Plot,
  [low, high]: [number, number],
): Layer[] {
  const ends = series.flatMap((one) => {
    const last = weeks.map((week) => one.value(week)).findLast((value) => value !== null);
    return last == null ? [] : [{ one, y: ((high - last) / (high - low)) * plot.height }];
  });
  const places = spread(
    ends.map(({ y }) => y),
    14,
    [0, plot.height],
  );
  return ends.map(({ one: { name, short, color, emphasis } }, i): Layer => ({
    data: { values: [{ text: plot.size === 'wide' ? name : short }] },
    mark: { type: 'text', align: 'left', baseline: 'middle', color, fontWeight: emphasis ? 'bold' : 'normal' },
    encoding: { text: { field: 'text' }, x: { value: plot.width + 6 }, y: { value: places[i] ?? 0 } },
  }));
}
