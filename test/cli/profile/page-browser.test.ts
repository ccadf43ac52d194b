import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { comparisonOf } from '../../../src/cli/profile/document.js';
import { renderComparison } from '../../../src/cli/profile/page.js';
import type { Side } from '../../../src/cli/profile/side.js';
import { profileFiles } from '../../../src/adapters/duckdb/profile/index.js';
import { writeParquet } from '../../adapters/duckdb/files.js';
import { browserOrReason, launchBrowser } from '../../support/browser.js';

const CHECKS = fileURLToPath(new URL('../../support/page-checks.mjs', import.meta.url));
const { skip, suffix } = browserOrReason();

/** Numbers of all sizes, categories with long names, a label and probabilities. */
const rows = (shift: number) => `
  SELECT i % 24 AS hour, exp(sin(i) * 6) * 1e5 + ${shift} AS money, i / 1e7 AS tiny, 42 AS constant,
         'a category with quite a long name ' || (i % 17) AS kind, i % 2 = 0 AS flag,
         ((i * 7919) % 1000) / 1000.0 AS p, ((i * 7919) % 1000 > (i * 104729) % 1000)::INTEGER AS y
  FROM range(5000) t(i)`;

describe.skipIf(skip)(`the page of a comparison in a browser${suffix}`, () => {
  let browser: Browser;
  let folder: string;
  let url: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'seawall-page-'));
    const side = async (name: string, shift: number): Promise<Side> => {
      const file = await writeParquet(join(folder, `${name}.parquet`), rows(shift));
      const roles = { label: 'y', prediction: 'p' };
      const profiled = await profileFiles({ tempDir: folder }, { files: [file], roles, slices: ['kind'] });
      return { ...profiled, from: file.path, stored: false, files: 1 };
    };
    const [reference, current] = [await side('reference', 0), await side('current', 1e6)];
    const page = join(folder, 'page.html');
    await writeFile(page, await renderComparison(comparisonOf(reference, current), reference, current));
    url = pathToFileURL(page).href;
    browser = await launchBrowser();
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    await rm(folder, { recursive: true, force: true });
  });

  it.each([
    [360, 'light'],
    [720, 'dark'],
    [1000, 'light'],
  ] as const)('fits %i pixels in the %s, can be read, asks for nothing', async (width, colorScheme) => {
    const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme });
    await page.addInitScript({ path: CHECKS });
    const asked: string[] = [];
    page.on('request', (request) => asked.push(request.url()));
    await page.goto(url);
    expect(await page.evaluate('pageChecks.fit()')).toEqual({ scrollWidth: width, outside: [], overlapping: [] });
    // Eight columns and six figures.
    expect(await page.evaluate('pageChecks.shownCharts().length')).toBe(14);
    expect(await page.evaluate('pageChecks.contrasts().bad')).toEqual([]);
    expect(asked).toEqual([url]);
    await page.close();
  });
});
