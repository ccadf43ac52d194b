/** What reports are made of: charts as SVG, tables, a page that needs no network. */
export { type Chart, type ChartSize, type ChartSpec, type Layer, renderChart } from './chart.js';
export { Html, html, type HtmlValue } from './html.js';
export { placeLabels, type PlacedLabel, type PointLabel, spread } from './labels.js';
export { type Page, renderPage } from './page.js';
export { type Column, renderNumbers, renderTable } from './table.js';
export { COLOR, HEAT_STEPS, heatColor, heatInk } from './theme.js';
