/** A monitor report as one HTML page, without network or script. */
import { html, type Html, renderChart, renderPage, renderTable } from '../../adapters/charts/index.js';
import type { ColumnDrift, GatePolicy, Measured, MonitorReport, TableProfile } from '../../contracts/index.js';
import { mostDrifted } from '../../domain/decisions/report-text.js';
import { count, moment, percent, span } from '../../domain/decisions/text.js';
import { columnChart } from '../profile/page.js';
import { number } from '../profile/text.js';
import { driftChart, qualityChart } from './charts.js';
import { leadingMetric } from './text.js';

export interface PageInput {
  report: MonitorReport;
  /** The newest report of each window up to this one, in order of time. */
  history: MonitorReport[];
  reference: TableProfile;
  current: TableProfile;
  limits: GatePolicy['drift'];
}

/** Columns with a chart of their own; the table has all. */
const DRAWN = 12;
const OVER_TIME = 5;

export async function renderReport(input: PageInput): Promise<string> {
  const { report } = input;
  const body = html`<main>
      ${headOf(report)} ${await qualityOf(input)} ${await driftOf(input)} ${await distributionsOf(input)}
    </main>
    <footer class="soft"><p>Revision ${report.revision}, as of ${moment(report.at)} UTC.</p></footer>`;
  return renderPage({
    title: `Seawall: ${report.model}, ${span(report.window)}`,
    description: `What monitoring says of ${report.model} from ${span(report.window)}.`,
    css: PAGE_CSS,
    body,
  });
}

const PAGE_CSS = `
.alarm { border-left: 4px solid var(--world); padding-left: 0.75rem; margin: 0.5rem 0; }
.block { border-color: var(--stop); color: var(--stop); font-weight: 600; }
.key { font-weight: 650; } .own { color: var(--own); } .other { color: var(--other); }
`;

function headOf({ model, window, rows, labelMaturity, status, checks, expected, servedBy }: MonitorReport): Html {
  const blocking = checks.filter(({ severity }) => severity === 'block').length;
  const lead =
    blocking > 0
      ? 'The data are broken: nothing is learnt from this window.'
      : checks.length > 0
        ? 'The data are usable; a person should look.'
        : 'No check of the data has anything to say.';
  return html`<h1>${model}, ${span(window)}</h1>
    <p class="lead">${lead}</p>
    <dl class="figures">
      <div>
        <dt>predictions${expected && html`, about ${count(Math.round(expected.rows))} expected`}</dt>
        <dd>${count(rows)}</dd>
      </div>
      <div>
        <dt>have a label (${status})</dt>
        <dd>${percent(labelMaturity)}</dd>
      </div>
      <div>
        <dt>answered most of it</dt>
        <dd>${servedBy[0] ? `release ${servedBy[0].release}` : '–'}</dd>
      </div>
    </dl>
    ${checks.map(({ severity, text }) => html`<p class="alarm ${severity}">${severity}: ${text}</p>`)}`;
}

const measuredText = (measured: Measured | undefined): string =>
  measured ? `${number(measured.value)} (${number(measured.low)} to ${number(measured.high)})` : '–';

async function qualityOf({ report, history }: PageInput): Promise<Html> {
  const { performance, referencePerformance, estimate, slices, arms } = report;
  const shown = performance ?? referencePerformance;
  if (!shown) return html``;
  const metric = leadingMetric(shown);
  const canary = arms[0]?.performance;
  return html`<section aria-labelledby="quality">
    <h2 id="quality">Quality</h2>
    <figure>
      <figcaption>
        <span class="key own">By its labels</span> (hollow: provisional),
        <span class="key other">as it was estimated before them</span> (dashed), and what the champion was accepted with
        (dotted).
      </figcaption>
      ${await renderChart(qualityChart(history, metric))}
    </figure>
    ${renderTable(
      'by metric, with 95 % intervals',
      ['metric', 'by labels', 'reference', 'estimated', ...(canary ? ['canary'] : [])].map((name) => ({ name })),
      Object.keys(shown.metrics).map((name) => [
        name,
        ...[performance, referencePerformance, estimate, ...(canary ? [canary] : [])].map((one) =>
          measuredText(one?.metrics[name]),
        ),
      ]),
    )}
    ${
      slices.length > 0 &&
      html`<h3>Worst slices</h3>
        ${renderTable(
          `by ${metric}`,
          [{ name: 'slice' }, { name: 'labelled', number: true }, { name: metric }, { name: 'reference' }],
          slices.map((slice) => [
            `${slice.column} = ${slice.value}`,
            count(slice.performance.rows),
            measuredText(slice.performance.metrics[metric]),
            measuredText(slice.reference?.metrics[metric]),
          ]),
        )}`
    }
  </section>`;
}

const columnsOf = ({ drift }: MonitorReport): ColumnDrift[] => [...drift.columns, ...drift.outputs];
const byPsi = (columns: readonly ColumnDrift[]): ColumnDrift[] =>
  [...columns].sort((a, b) => (b.psi ?? -1) - (a.psi ?? -1));

async function driftOf({ report, history, limits }: PageInput): Promise<Html> {
  const all = [...columnsOf(report), ...(report.drift.label ? [report.drift.label] : [])];
  if (all.length === 0) return html``;
  const worst = mostDrifted(all);
  const names = byPsi(columnsOf(report))
    .slice(0, OVER_TIME)
    .map(({ name }) => name);
  const rules = { 'a person may look': limits.warnPsi, 'worth a retrain': limits.featurePsi };
  return html`<section aria-labelledby="drift">
    <h2 id="drift">Drift</h2>
    <figure>
      <figcaption>
        ${worst ? `${worst.name} moved most. ` : ''}Only what is certainly above the limit warrants a retrain.
      </figcaption>
      ${await renderChart(driftChart(history, names, rules))}
    </figure>
    ${renderTable(
      'by column',
      [{ name: 'column' }, { name: 'verdict' }, { name: 'PSI', number: true }, { name: '95 %' }, { name: 'why' }],
      byPsi(all).map(({ name, verdict, psi, intervals, because }) => [
        name,
        verdict === 'notJudged' ? 'not judged' : verdict,
        psi === null ? '–' : number(psi),
        intervals.psi ? `${number(intervals.psi.low)} to ${number(intervals.psi.high)}` : '–',
        because,
      ]),
    )}
  </section>`;
}

async function distributionsOf({ report, reference, current }: PageInput): Promise<Html> {
  const figures: Html[] = [];
  for (const drift of byPsi(columnsOf(report)).slice(0, DRAWN)) {
    const [before, now] = [reference, current].map(({ columns }) => columns.find(({ name }) => name === drift.name));
    const chart = before && now && (await columnChart(drift.name, before, now));
    if (chart)
      figures.push(
        html`<figure>
          <figcaption><b>${drift.name}</b>: ${drift.because}</figcaption>
          ${chart}
        </figure>`,
      );
  }
  if (figures.length === 0) return html``;
  return html`<section aria-labelledby="distributions">
    <h2 id="distributions">Distributions</h2>
    <p class="soft">
      Filled: what the champion was accepted on. <span class="key own">Line, or the darker bar</span>: this window.
    </p>
    ${figures}
  </section>`;
}
