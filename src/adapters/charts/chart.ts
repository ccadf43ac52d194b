/** Vega-Lite specifications to SVG, in Node, without a canvas. */
import { compile, type TopLevelSpec } from 'vega-lite';
import { parse, View } from 'vega';
import { html, type Html, trustedMarkup } from './html.js';
import { CHART_CONFIG } from './theme.js';

/** A layer of a chart, with data of its own. */
export type Layer = Extract<TopLevelSpec, { layer: unknown }>['layer'][number];

/** Which of a chart's two renderings: a scaled-down wide one can't be read on a phone. */
export type ChartSize = 'wide' | 'narrow';

export interface ChartSpec {
  /** Of the plot alone, in CSS pixels. */
  width: number;
  height: number;
  /** Room for axes and labels around the plot. Given, not measured: plots under each other share their time axis. */
  padding: { left: number; right: number; top: number; bottom: number };
  layers: Layer[];
}

export interface Chart {
  /** What it shows, in a few words. */
  title: string;
  /** What is seen, for whoever doesn't see it. */
  description: string;
  draw(size: ChartSize): ChartSpec;
}

/** The chart in both sizes; the style sheet shows one. Colours are CSS variables of the theme. */
export async function renderChart(chart: Chart): Promise<Html> {
  const sizes = ['wide', 'narrow'] as const;
  return html`${await Promise.all(sizes.map((size) => renderSize(chart, size)))}`;
}

async function renderSize({ title, description, draw }: Chart, size: ChartSize): Promise<Html> {
  const { layers, width, height, padding } = draw(size);
  const spec = { width, height, padding, layer: layers, autosize: 'none', config: CHART_CONFIG } as TopLevelSpec;
  const view = new View(parse(compile(spec).spec), { renderer: 'none' });
  const drawn = await view.toSVG().finally(() => view.finalize());
  const viewBox = `0 0 ${width + padding.left + padding.right} ${height + padding.top + padding.bottom}`;
  // Vega's root element says its size in pixels and nothing to a screen reader.
  const inner = shortened(drawn.slice(drawn.indexOf('>') + 1));
  return html`<svg
    xmlns="http://www.w3.org/2000/svg"
    class="chart ${size}"
    viewBox="${viewBox}"
    role="img"
    aria-label="${title}. ${description}"
  >
    ${trustedMarkup(inner)}
  </svg>`;
}

/** Without what says nothing, and with less of what can't be seen: a third of the size. Only tags are touched, not texts. */
function shortened(svg: string): string {
  return svg
    .replace(/<[^>]*>/g, (tag) =>
      tag
        .replace(/ (?:aria-hidden|aria-roledescription|role|class|pointer-events|font-family)="[^"]*"/g, '')
        .replace(/ (?:opacity|stroke-width)="1"/g, '')
        .replace(/(\d\.\d\d)\d+/g, '$1'),
    )
    .replace(/<path d="(?:M0,0h0v0h0Z)?"(?: display="none")?\/>/g, '');
}
