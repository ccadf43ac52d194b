// Remakes the pictures of the flights report that the documentation shows, from a document as `seawall demo flights --json` prints it:
//   node scripts/report-screenshots.mjs document.json [folder, docs/images if not given]
// Needs `npm run build` and a Chromium (SEAWALL_CHROMIUM, or on PATH).
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';
import { root } from './lib/paths.mjs';

const SHOTS = [
  { name: 'report-light', width: 1000, scheme: 'light', fullPage: false, height: 1400 },
  { name: 'report-dark', width: 1000, scheme: 'dark', fullPage: false, height: 1400 },
  { name: 'report-phone', width: 360, scheme: 'light', fullPage: false, height: 1400 },
];

const [documentFile, folder = join(root, 'docs', 'images')] = process.argv.slice(2);
if (!documentFile) fail('usage: node scripts/report-screenshots.mjs document.json [folder]');
const report = join(root, 'dist', 'examples', 'flights', 'report', 'index.js');
if (!existsSync(report)) fail(`${report} is missing: npm run build`);
const executablePath = findChromium() ?? fail('no Chromium: put one on PATH, or name it in SEAWALL_CHROMIUM');

const { writeReport } = await import(pathToFileURL(report).href);
const document = JSON.parse(readFileSync(documentFile, 'utf8'));
const work = mkdtempSync(join(tmpdir(), 'seawall-report-'));
const browser = await chromium.launch({ executablePath, args: ['--headless', '--no-sandbox', '--disable-gpu'] });
try {
  const page = join(work, 'report.html');
  await writeReport(page, document, { namespace: document.namespace ?? 'flights', madeAt: new Date().toISOString() });
  mkdirSync(folder, { recursive: true });
  for (const shot of SHOTS) await take(shot, page);
} finally {
  await browser.close();
  rmSync(work, { recursive: true });
}

async function take({ name, width, height, scheme, fullPage }, file) {
  const page = await browser.newPage({ viewport: { width, height }, colorScheme: scheme, deviceScaleFactor: 1 });
  await page.goto(pathToFileURL(file).href);
  const path = resolve(folder, `${name}.png`);
  await page.screenshot({ path, fullPage });
  await page.close();
  console.log(path);
}

function findChromium() {
  if (process.env.SEAWALL_CHROMIUM) return process.env.SEAWALL_CHROMIUM;
  const names = ['chromium', 'chromium-browser', 'google-chrome'];
  const folders = (process.env.PATH ?? '').split(delimiter);
  return names.flatMap((name) => folders.map((at) => join(at, name))).find((file) => existsSync(file));
}

function fail(text) {
  console.error(text);
  process.exit(2);
}
