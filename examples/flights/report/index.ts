/** The report of the flights example: one HTML page that needs no network, from the document alone. */
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { html, renderPage } from '../../../src/adapters/charts/index.js';
import type { FlightsDocument } from '../document.js';
import { DRIFT_CSS, renderDrift } from './drift.js';
import { moment } from './format.js';
import { HEAD_CSS, renderHead, resultSentence } from './head.js';
import { LOG_CSS, renderActs, renderLog, renderReleases } from './log.js';
import { renderMaturity } from './maturity.js';
import { renderQuality } from './quality.js';
import { renderSpend } from './spend.js';
import { timelineOf } from './timeline.js';
import { renderWorth } from './worth.js';

/** What the document does not say about its run. */
export interface ReportContext {
  /** Of Temporal; it names the run. */
  namespace: string;
  /** ISO 8601. */
  madeAt: string;
}

/** An HTML document. What was not measured is said to be missing; data are escaped. */
export async function renderReport(document: FlightsDocument, context: ReportContext): Promise<string> {
  const body = html`<main>
      ${renderHead(document)} ${document.weeks.length > 0 && (await overTime(document))} ${renderLog(document)}
      ${renderReleases(document)} ${renderActs(document)}
    </main>
    <footer class="soft">
      <p>
        Model <code>${document.model}</code>, namespace <code>${context.namespace}</code>, made
        ${moment(context.madeAt)} UTC. Flights: US Bureau of Transportation Statistics, 2001.
      </p>
    </footer>`;
  return renderPage({
    title: `Seawall: ${document.model}, ${context.namespace}`,
    description: resultSentence(document),
    css: `${HEAD_CSS}${DRIFT_CSS}${LOG_CSS}`,
    body,
  });
}

async function overTime(document: FlightsDocument) {
  const timeline = timelineOf(document);
  return html`${[
    await renderQuality(document, timeline),
    await renderWorth(document),
    await renderSpend(document, timeline),
    await renderDrift(document, timeline),
    await renderMaturity(document, timeline),
  ]}`;
}

/** Writes the report whole or not at all, with the folders above it; an older one is replaced. */
export async function writeReport(file: string, document: FlightsDocument, context: ReportContext): Promise<void> {
  const page = await renderReport(document, context);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(`${file}.new`, page);
  await rename(`${file}.new`, file);
}
