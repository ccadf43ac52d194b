/** How reports look: colours as CSS variables, so that one chart serves light, dark and paper. */
import type { Config } from 'vega-lite';

/**
 * Names of colours for charts and pages. Series differ in lightness and dash too: they must be told apart without colour. The
 * ramp is sequential (more is darker in the light, brighter in the dark), from quiet greys to warm colours where it matters.
 */
export const COLOR = {
  paper: 'var(--paper)',
  ink: 'var(--ink)',
  soft: 'var(--soft)',
  rule: 'var(--rule)',
  own: 'var(--own)',
  other: 'var(--other)',
  bound: 'var(--bound)',
  stop: 'var(--stop)',
  data: 'var(--data)',
  world: 'var(--world)',
} as const;

/** Steps of the ramp: `heatColor(0)` to `heatColor(5)`. */
export const HEAT_STEPS = 6;
export const heatColor = (step: number): string => `var(--heat-${step})`;
/** Of text on that step. */
export const heatInk = (step: number): string => `var(--heat-ink-${step})`;

const LIGHT = `
  --paper: #ffffff; --panel: #f5f7f9; --ink: #171b20; --soft: #545d67; --rule: #dde2e7;
  --own: #0a5aa6; --other: #b0440c; --bound: #636c76; --stop: #8d1b3d; --data: #6b3fa0; --world: #7a5c00;
  --heat-0: #edf1f4; --heat-1: #d9e1e8; --heat-2: #b9c6d1; --heat-3: #f0c069; --heat-4: #b5500f; --heat-5: #7a1537;
  --heat-ink-0: #171b20; --heat-ink-1: #171b20; --heat-ink-2: #171b20; --heat-ink-3: #171b20; --heat-ink-4: #ffffff;
  --heat-ink-5: #ffffff;`;
const DARK = `
  --paper: #14181c; --panel: #1d2227; --ink: #e9ecef; --soft: #a7b0ba; --rule: #333b43;
  --own: #64b2f7; --other: #f2955f; --bound: #9ba5af; --stop: #ff8fab; --data: #c3a1f0; --world: #dcb84a;
  --heat-0: #20262c; --heat-1: #2c343c; --heat-2: #404b56; --heat-3: #80631c; --heat-4: #e0802f; --heat-5: #ffb3c4;
  --heat-ink-0: #e9ecef; --heat-ink-1: #e9ecef; --heat-ink-2: #e9ecef; --heat-ink-3: #ffffff; --heat-ink-4: #14181c;
  --heat-ink-5: #14181c;`;

/** The widest a narrow rendering is used for; wider screens get the wide one. */
const NARROW_UP_TO = '43.99rem';

export const THEME_CSS = `
:root { color-scheme: light dark; ${LIGHT} }
@media screen and (prefers-color-scheme: dark) { :root { ${DARK} } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body { margin: 0 auto; max-width: 52rem; padding: 1.5rem 1rem 4rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
h1, h2, h3 { line-height: 1.25; text-wrap: balance; }
h1 { font-size: 1.75rem; margin: 0 0 0.75rem; }
h2 { font-size: 1.25rem; margin: 3rem 0 0.5rem; }
h3 { font-size: 1rem; margin: 1.5rem 0 0.25rem; }
p { margin: 0.5rem 0; max-width: 42rem; }
.lead { font-size: 1.2rem; line-height: 1.45; }
.soft, figcaption { color: var(--soft); font-size: 0.9rem; }
.figures { display: grid; grid-template-columns: repeat(3, 1fr); gap: 0.75rem; margin: 1.5rem 0; }
.figures div { background: var(--panel); border-radius: 0.5rem; padding: 0.75rem; display: flex; flex-direction: column-reverse;
  justify-content: flex-end; }
.figures dt { color: var(--soft); font-size: 0.85rem; line-height: 1.35; }
.figures dd { margin: 0; font-size: 1.6rem; font-weight: 650; line-height: 1.3; font-variant-numeric: tabular-nums; }
figure { margin: 1rem 0; break-inside: avoid; }
figcaption { margin-bottom: 0.25rem; max-width: 42rem; }
figcaption b { color: var(--ink); }
@media (max-width: 30rem) { .figures { grid-template-columns: repeat(2, 1fr); } }
.chart { display: block; width: 100%; height: auto; overflow: visible; }
.chart text { font-variant-numeric: tabular-nums; }
.narrow { display: none; max-width: 28rem; }
@media screen and (max-width: ${NARROW_UP_TO}) { .wide { display: none; } .narrow { display: block; } }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.875rem; font-variant-numeric: tabular-nums; min-width: 50%; }
caption { text-align: left; color: var(--soft); padding-bottom: 0.25rem; }
th, td { text-align: left; vertical-align: top; padding: 0.3rem 0.75rem 0.3rem 0; border-bottom: 1px solid var(--rule); }
th { font-weight: 600; } tbody th, .whole { white-space: nowrap; } thead th { color: var(--soft); }
.number { text-align: right; }
details { margin: 0.25rem 0 1rem; }
summary { cursor: pointer; color: var(--soft); font-size: 0.875rem; padding: 0.35rem 0; }
code { font-size: 0.9em; overflow-wrap: anywhere; }
:focus-visible { outline: 2px solid var(--own); outline-offset: 2px; }
@media print { body { max-width: none; padding: 0; font-size: 10pt; } h2, h3 { break-after: avoid; } tr { break-inside: avoid; }
  .scroll { overflow: visible; } }
`;

/** For every chart: no frame, few quiet lines, labels in the page's own type. */
export const CHART_CONFIG: Config = {
  aria: false,
  background: 'transparent',
  font: 'inherit',
  view: { stroke: null },
  axis: {
    labelColor: COLOR.soft,
    labelFontSize: 12,
    labelOverlap: false,
    titleColor: COLOR.soft,
    titleFontSize: 12,
    titleFontWeight: 'normal',
    domainColor: COLOR.rule,
    gridColor: COLOR.rule,
    tickColor: COLOR.rule,
    ticks: false,
    labelPadding: 6,
  },
  axisY: { domain: false },
  text: { color: COLOR.ink, fontSize: 12 },
};
