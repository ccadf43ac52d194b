/** What every chart over time shares: one axis at one place, the injected incidents, the releases. */
import { type Chart, type ChartSize, COLOR, type Layer, spread } from '../../../src/adapters/charts/index.js';
import type { FlightsDocument, Incident, WeekResult } from '../document.js';

const DAY_MS = 86_400_000;
/** Up to so many weeks every Monday is named, beyond that the months. */
const MAX_MONDAYS = 8;

/** A change of the release that answered. */
export interface ReleaseMark {
  /** Begin of the first week that it answered most of. */
  atMs: number;
  release: number;
  /** `rollback`: to a release that had answered before. */
  kind: 'automatic' | 'person' | 'rollback';
}

export interface Timeline {
  fromMs: number;
  toMs: number;
  /** Where the axis is labelled. */
  ticks: number[];
  tickFormat: string;
  incidents: readonly Incident[];
  marks: readonly ReleaseMark[];
}

/** @throws RangeError without weeks: there is nothing to draw */
export function timelineOf({ weeks, incidents, releases }: FlightsDocument): Timeline {
  const [first, last] = [weeks[0], weeks.at(-1)];
  if (!first || !last) throw new RangeError('a document without weeks has no timeline');
  const [fromMs, toMs] = [Date.parse(first.from), Date.parse(last.to)];
  const mondays = weeks.map(({ from }) => Date.parse(from));
  const byMonday = weeks.length <= MAX_MONDAYS;
  return {
    fromMs,
    toMs,
    ticks: byMonday ? mondays : monthsBetween(fromMs, toMs),
    tickFormat: byMonday ? '%-d %b' : '%b',
    incidents,
    marks: marksOf(weeks, releases),
  };
}

export const middleOf = ({ from, to }: Pick<WeekResult, 'from' | 'to'>): number =>
  (Date.parse(from) + Date.parse(to)) / 2;

function monthsBetween(fromMs: number, toMs: number): number[] {
  const months: number[] = [];
  const at = new Date(fromMs);
  for (let month = at.getUTCMonth(); ; month++) {
    const begin = Date.UTC(at.getUTCFullYear(), month, 1);
    if (begin >= toMs - 10 * DAY_MS) return months;
    // The first month is named although it began some days before the axis does.
    if (begin >= fromMs) months.push(begin);
    else if (fromMs - begin < 10 * DAY_MS) months.push(fromMs);
  }
}

function marksOf(weeks: readonly WeekResult[], releases: FlightsDocument['releases']): ReleaseMark[] {
  const answered = weeks.filter(({ release }) => release !== null);
  return answered.flatMap(({ from, release }, i) => {
    const before = answered.slice(0, i).map((week) => week.release);
    if (release === null || before.at(-1) === release) return [];
    const approvedBy = releases.find((one) => one.release === release)?.approval.verdict;
    const kind = before.includes(release) ? 'rollback' : approvedBy === 'approved' ? 'person' : 'automatic';
    return [{ atMs: Date.parse(from), release, kind } as const];
  });
}

/** Pixels of a chart over time: the same for all of them, so that they share their axis. */
const LAYOUT = {
  wide: { width: 580, left: 92, right: 128 },
  narrow: { width: 214, left: 76, right: 54 },
} as const;

export interface Plot {
  size: ChartSize;
  width: number;
  height: number;
}

export interface TimeChart {
  title: string;
  description: string;
  height: number;
  /** Whether it names the incidents above the plot; all charts shade them. */
  namesIncidents?: boolean;
  /** Whether it marks the releases. */
  marksReleases?: boolean;
  layers(plot: Plot): Layer[];
}

const INCIDENT_LINE = 16;
const BADGE_LINE = 22;
/** Width of a letter, a guess that errs on the wide side. */
const LETTER = 7;

export function timeChart(timeline: Timeline, chart: TimeChart): Chart {
  const { title, description, height, namesIncidents = false, marksReleases = false } = chart;
  return {
    title,
    description,
    draw(size) {
      const { width, left, right } = LAYOUT[size];
      const plot = { size, width, height };
      const named = namesIncidents ? placeNames(timeline, plot) : [];
      const lines = 1 + Math.max(-1, ...named.map(({ line }) => line));
      const badges = marksReleases ? BADGE_LINE : 0;
      return {
        width,
        height,
        padding: { left, right, top: 8 + lines * INCIDENT_LINE + badges, bottom: 24 },
        layers: [
          axisLayer(timeline),
          ...timeline.incidents.flatMap((incident) => bandLayers(timeline, incident)),
          ...named.map((name) => nameLayer(name, -badges)),
          ...(marksReleases ? releaseLayers(timeline, plot) : []),
          ...chart.layers(plot),
        ],
      };
    },
  };
}

/** Of the shared axis; layers name it once, in the first of them. */
export const TIME = { field: 'at', type: 'temporal', title: null } as const;

const xOf = ({ fromMs, toMs }: Timeline, { width }: Plot, atMs: number): number =>
  ((atMs - fromMs) / (toMs - fromMs)) * width;

function axisLayer({ fromMs, toMs, ticks, tickFormat }: Timeline): Layer {
  return {
    data: { values: [{ at: fromMs }] },
    mark: { type: 'rule', opacity: 0 },
    encoding: {
      x: {
        field: 'at',
        type: 'temporal',
        scale: { type: 'utc', domain: [fromMs, toMs], nice: false },
        axis: { values: ticks, format: tickFormat, labelAlign: 'left', title: null, labelPadding: 8 },
      },
    },
  };
}

function bandLayers({ fromMs, toMs }: Timeline, { kind, from, to }: Incident): Layer[] {
  const values = [
    { at: Math.max(fromMs, Date.parse(from)), until: Math.min(toMs, to === null ? toMs : Date.parse(to)) },
  ];
  return [
    {
      data: { values },
      mark: { type: 'rect', color: COLOR[kind], opacity: 0.13 },
      encoding: { x: TIME, x2: { field: 'until' } },
    },
  ];
}

interface PlacedName {
  text: string;
  color: string;
  x: number;
  align: 'left' | 'right';
  /** Counts upwards from the plot. */
  line: number;
}

/** Above the plot from where the band begins, or to the edge where it begins late; a line higher where another one lies. */
function placeNames(timeline: Timeline, plot: Plot): PlacedName[] {
  const { incidents, fromMs, toMs } = timeline;
  const edge = plot.width + (plot.size === 'wide' ? 0 : LAYOUT.narrow.right);
  const placed: (PlacedName & { left: number; right: number })[] = [];
  for (const { kind, from, title } of incidents) {
    const text = `injected: ${title}`;
    const late = Date.parse(from) > (fromMs + toMs) / 2;
    const x = late ? edge : xOf(timeline, plot, Math.max(fromMs, Date.parse(from)));
    const long = text.length * LETTER;
    const [left, right] = late ? [x - long, x] : [x, x + long];
    const line = placed.filter((other) => left < other.right && other.left < right).length;
    placed.push({ text, color: COLOR[kind], x, align: late ? 'right' : 'left', line, left, right });
  }
  return placed;
}

const nameLayer = ({ text, color, x, align, line }: PlacedName, bottom: number): Layer => ({
  data: { values: [{ text }] },
  mark: { type: 'text', color, align, baseline: 'middle' },
  encoding: { text: { field: 'text' }, x: { value: x }, y: { value: bottom - 8 - line * INCIDENT_LINE } },
});

const BADGES = {
  automatic: { shape: 'circle', fill: COLOR.paper, ink: COLOR.own, dash: [1, 0] },
  person: { shape: 'square', fill: COLOR.own, ink: COLOR.paper, dash: [1, 0] },
  rollback: { shape: 'circle', fill: COLOR.paper, ink: COLOR.stop, dash: [2, 2] },
} as const;

/** A rule where a release begins to answer, its number above. */
function releaseLayers(timeline: Timeline, plot: Plot): Layer[] {
  const { marks } = timeline;
  const places = spread(
    marks.map(({ atMs }) => xOf(timeline, plot, atMs)),
    plot.size === 'wide' ? 20 : 17,
    [0, plot.width],
  );
  return marks.flatMap(({ atMs, release, kind }, i): Layer[] => {
    const { shape, fill, ink, dash } = BADGES[kind];
    const stroke = kind === 'rollback' ? COLOR.stop : COLOR.own;
    const place = { x: { value: places[i] ?? 0 }, y: { value: -12 } };
    return [
      {
        data: { values: [{ at: atMs }] },
        mark: { type: 'rule', color: stroke, opacity: 0.45, strokeDash: kind === 'rollback' ? [2, 2] : [1, 0] },
        encoding: { x: TIME },
      },
      {
        data: { values: [{}] },
        mark: {
          type: 'point',
          shape,
          fill,
          stroke,
          size: plot.size === 'wide' ? 250 : 200,
          opacity: 1,
          strokeDash: [...dash],
        },
        encoding: place,
      },
      {
        data: { values: [{ text: String(release) }] },
        mark: { type: 'text', color: ink, fontSize: 11, fontWeight: 600, baseline: 'middle', align: 'center' },
        encoding: { text: { field: 'text' }, ...place },
      },
    ];
  });
}
