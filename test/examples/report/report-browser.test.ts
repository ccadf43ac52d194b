import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FlightsDocument } from '../../../examples/flights/document.js';
import { writeReport } from '../../../examples/flights/report/index.js';
import { browserOrReason, launchBrowser } from '../../support/browser.js';
import { flightsDocument } from '../../support/flights-document.js';

const CHARTS = 7;
const PHONE = { width: 360, height: 800 };
const DESK = { width: 1000, height: 900 };
const CHECKS = fileURLToPath(new URL('../../support/page-checks.mjs', import.meta.url));
const { skip, suffix } = browserOrReason();

describe.skipIf(skip)(`the report in a browser${suffix}`, () => {
  let browser: Browser;
  let folder: string;
  let url: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'seawall-report-'));
    browser = await launchBrowser();
    url = await written('report', flightsDocument());
  });
  afterAll(async () => {
    await browser?.close();
    await rm(folder, { recursive: true, force: true });
  });

  async function written(name: string, document: FlightsDocument): Promise<string> {
    const file = join(folder, `${name}.html`);
    await writeReport(file, document, { namespace: 'flights-test', madeAt: '2026-11-24T23:30:00.000Z' });
    return pathToFileURL(file).href;
  }

  /** With what the page said and asked for. */
  async function opened(at: string, viewport: typeof PHONE, colorScheme: 'light' | 'dark' = 'light') {
    const page = await browser.newPage({ viewport, colorScheme });
    await page.addInitScript({ path: CHECKS });
    const said: string[] = [];
    const asked: string[] = [];
    page.on('console', (message) => said.push(message.text()));
    page.on('pageerror', (error) => said.push(String(error)));
    page.on('request', (request) => asked.push(request.url()));
    await page.goto(at);
    return { page, said, asked };
  }

  it.each([
    ['phone', PHONE, 'narrow'],
    ['desk', DESK, 'wide'],
  ] as const)('shows every chart on a %s, says nothing, asks for nothing', async (_, viewport, size) => {
    const { page, said, asked } = await opened(url, viewport);
    const charts = await page.evaluate('pageChecks.shownCharts()');
    expect(charts).toEqual(Array.from({ length: CHARTS }, () => `${size}, described`));
    expect(said).toEqual([]);
    expect(asked).toEqual([url]);
    await page.close();
  });

  it.each([
    [360, 'all weeks', flightsDocument()],
    [360, 'one week', flightsDocument(1)],
    [720, 'all weeks', flightsDocument()],
    [1000, 'all weeks', flightsDocument()],
    [1000, 'two weeks', flightsDocument(2)],
  ])('fits %i pixels, no label on another (%s)', async (width, name, document) => {
    const { page } = await opened(await written(`${width}-${name}`, document), { ...PHONE, width });
    expect(await page.evaluate('pageChecks.fit()')).toEqual({ scrollWidth: width, outside: [], overlapping: [] });
    await page.close();
  });

  it.each([
    ['light', DESK, 'rgb(255, 255, 255)', 'rgb(10, 90, 166)'],
    ['dark', DESK, 'rgb(20, 24, 28)', 'rgb(100, 178, 247)'],
    ['dark', PHONE, 'rgb(20, 24, 28)', 'rgb(100, 178, 247)'],
  ] as const)('can be read in the %s', async (scheme, viewport, paper, own) => {
    const { page } = await opened(url, viewport, scheme);
    const { bad, checked } = await page.evaluate<{ bad: string[]; checked: number }>('pageChecks.contrasts()');
    expect(bad).toEqual([]);
    expect(checked).toBeGreaterThan(400);
    expect(await colorsOf(page, 'body', 'backgroundColor')).toEqual([paper]);
    // A variable in an attribute of an SVG follows the scheme.
    expect(await colorsOf(page, 'svg path[stroke="var(--own)"]', 'stroke')).toEqual([own]);
    await page.close();
  });

  it('filters the decisions without a script, and prints all of them', async () => {
    const { page } = await opened(url, DESK, 'dark');
    const shown = () => page.evaluate(`pageChecks.shown('.log li', 'data-action')`);
    const all = flightsDocument().weeks.flatMap((week) => week.decisions.map(({ action }) => action));
    expect(await shown()).toEqual(all);
    await page.getByRole('radio', { name: 'block' }).check();
    expect(await shown()).toEqual(all.filter((action) => action === 'block'));
    await page.keyboard.press('ArrowUp');
    expect(await shown()).toEqual(all.filter((action) => action === 'retrain'));
    await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
    expect(await shown()).toEqual(all);
    expect(await colorsOf(page, 'body', 'backgroundColor')).toEqual(['rgb(255, 255, 255)']);
    await page.close();
  });

  it('keeps the numbers behind every figure', async () => {
    const { page } = await opened(url, DESK);
    const tables = page.locator('figure details');
    expect(await tables.count()).toBe(await page.locator('figure').count());
    await tables.first().locator('summary').click();
    expect(await tables.first().getByRole('row').count()).toBe(flightsDocument().weeks.length + 1);
    expect(await tables.first().getByRole('rowheader', { name: '2001-03-12' }).isVisible()).toBe(true);
    await page.close();
  });

  it('runs no script and reaches no address even if one got in', async () => {
    const reached: (string | undefined)[] = [];
    const server = createServer((request, response) => {
      reached.push(request.url);
      response.end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/beacon`;
    const { page, said } = await opened(url, DESK);
    expect(await page.evaluate(`pageChecks.tryToEscape('${address}')`)).toBe(false);
    expect(said.filter((text) => text.includes('Content Security Policy')).length).toBeGreaterThanOrEqual(3);
    expect(reached).toEqual([]);
    await page.close();
    await new Promise((resolve) => server.close(resolve));
  });
});

const colorsOf = (page: Page, selector: string, property: string): Promise<string[]> =>
  page.evaluate<string[]>(`pageChecks.colorOf(${JSON.stringify(selector)}, ${JSON.stringify(property)})`);
