/**
 * What Temporal's Web UI shows whoever is on call, in a real browser over the real stack. With SEAWALL_SCREENSHOTS=docs/images
 * the pages are written there as PNG.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Frame, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { prepareFlights } from '../../examples/flights/data.js';
import type { LoopStatus, RunStatus } from '../../src/contracts/index.js';
import { browserOrReason, launchBrowser } from '../support/browser.js';
import { lateFlightsYaml } from '../support/late-flights.js';
import { startSystem, type System, until } from '../support/system.js';

vi.setConfig({ testTimeout: 120_000 });

const MODEL = 'late-flights';
const NAMESPACE = `ui-${randomUUID().slice(0, 8)}`;
const { skip, suffix } = browserOrReason();

const config = (trees: number) => lateFlightsYaml(MODEL, `use: xgboost, params: { trees: ${trees} }`);

/** What a reader reads: spaces that do not break are spaces. */
const textOf = async (frame: Frame): Promise<string> =>
  (await frame.locator('body').innerText()).replaceAll('\u00a0', ' ');

/** `2026-11-24 23:05 UTC`, as the pages say it. */
const minute = (iso: string): string => `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC`;

describe.skipIf(skip)(`the Temporal Web UI${suffix}`, () => {
  let system: System;
  let browser: Browser;
  let page: Page;

  const loopStatus = () => system.client.workflow.getHandle(`model/${MODEL}`).query<LoopStatus, []>('status');
  const runStatus = (n: number) =>
    system.client.workflow.getHandle(`train/${MODEL}/${n}`).query<RunStatus, []>('status');
  const waiting = (n: number) =>
    until(`run ${n} waits for a person`, () =>
      runStatus(n).then(
        ({ waitingFor }) => waitingFor ?? undefined,
        () => undefined,
      ),
    );
  const hint = () => system.client.workflow.getHandle(`model/${MODEL}`).signal('feed', {});
  const seawall = async (...args: string[]) => {
    const { code, stdout, stderr } = await system.seawall(...args, '--by', 'ada');
    expect(code, stderr).toBe(0);
    return stdout;
  };

  const apply = async (trees: number) => {
    const file = join(system.folder, 'model.yaml');
    await writeFile(file, config(trees));
    await seawall('model', 'apply', file);
  };

  beforeAll(async () => {
    browser = await launchBrowser();
    page = await browser.newPage({ viewport: { width: 1500, height: 1000 } });
    const slice = { cacheDir: join(process.cwd(), '.seawall', 'cache'), weeks: 1, slice: 0.05 };
    const [started, { january }] = await Promise.all([startSystem(NAMESPACE), prepareFlights(slice)]);
    system = started;
    await apply(5);
    const files = [{ path: january.path, localFile: january.file }];
    await system.store.datasets.commitVersion('flights', files, { by: 'ada' });
    await system.seawall('start', MODEL);
  });
  afterAll(async () => {
    await browser?.close();
    await system?.stop();
  });

  const uiUrl = (path: string): string => `${system.stack.addresses.ui}/namespaces/${NAMESPACE}/workflows${path}`;

  /** Opens the workflow's page and gives the frame in which its current details are rendered, once they hold `text`. */
  async function detailsOf(workflowId: string, text: string): Promise<Frame> {
    const { runId } = await system.client.workflow.getHandle(workflowId).describe();
    await page.goto(uiUrl(`/${encodeURIComponent(workflowId)}/${runId}/user-metadata`));
    const held: string[] = [];
    return until(
      `the details of ${workflowId} hold "${text}"`,
      async () => {
        for (const frame of page.frames()) {
          // A frame that is replaced just now is looked at again.
          const content = frame.url().includes('/render?') ? await textOf(frame).catch(() => '') : '';
          if (content.includes(text)) return frame;
          if (content) held[0] = content;
        }
        return undefined;
      },
      15_000,
    ).catch((error: unknown) => {
      throw new Error(`${String(error)}; they hold:\n${held.join('\n')}`);
    });
  }

  async function screenshot(name: string, height: number): Promise<void> {
    const folder = process.env['SEAWALL_SCREENSHOTS'];
    if (!folder) return;
    await mkdir(folder, { recursive: true });
    await page.setViewportSize({ width: 1500, height });
    await page.waitForTimeout(500); // the frames grow to their content
    // Without the UI's own frame, which is the same everywhere.
    const clip = { x: 256, y: 48, width: 1244, height: height - 48 };
    await page.screenshot({ path: join(folder, `${name}.png`), clip });
  }

  /** Rows of the list: workflow id, model, state, decision, release. The columns are the reader's choice and kept in the browser. */
  async function listed(query: string): Promise<string[][]> {
    const columns = [
      'Status',
      'Workflow ID',
      'SeawallModel',
      'SeawallState',
      'SeawallDecision',
      'SeawallRelease',
      'Start',
    ];
    const stored = JSON.stringify({ [NAMESPACE]: columns.map((label) => ({ label })) });
    await page.evaluate(`localStorage.setItem('namespace-workflow-table-columns', ${JSON.stringify(stored)})`);
    await page.goto(uiUrl(`?query=${encodeURIComponent(query)}`));
    const first = columns.indexOf('Workflow ID');
    return until(
      `the list has rows for ${query}`,
      async () => {
        const rows = await page.locator('tbody tr').all();
        const cells = await Promise.all(
          rows.map((row) =>
            row
              .locator('td')
              .allInnerTexts()
              .catch(() => []),
          ),
        );
        const texts = cells.map((row) => row.map((text) => text.trim()));
        const ids = texts.filter((row) => row.some((text) => text.endsWith(MODEL) || text.includes(`/${MODEL}/`)));
        const begin = (row: string[]) => row.findIndex((text) => /^(model|train)\//.test(text));
        return ids.length > 0
          ? ids.map((row) => row.slice(begin(row), begin(row) + columns.length - 1 - first))
          : undefined;
      },
      15_000,
    );
  }

  it('a run that waits: for whom, until when, with which numbers, and the commands', async () => {
    const { deadlineAt } = await waiting(1);
    const frame = await detailsOf(`train/${MODEL}/1`, 'WAITS FOR A PERSON');
    const text = await textOf(frame);
    expect(text).toContain(`until ${minute(deadlineAt)}`);
    expect(text).toContain(`npx seawall approve ${MODEL} --run 1`);
    expect(text).toContain(`npx seawall reject ${MODEL} --run 1`);
    expect(text).toMatch(/decision\/1: there is no model yet/);
    expect(text).toMatch(/challenger\s+0\.\d{4}\s+0\.\d{4}/);
    expect(text).toMatch(/flights@[0-9a-f]{12}/);
    expect(text).toMatch(/attempt 1 on cpu/);
  });

  it('the loop says the same, and that nothing is live yet', async () => {
    await hint();
    const { deadlineAt } = await waiting(1);
    const frame = await detailsOf(`model/${MODEL}`, 'RUN 1 WAITS FOR A PERSON');
    const text = await textOf(frame);
    expect(text).toContain(`until ${minute(deadlineAt)}`);
    expect(text).toContain(`npx seawall approve ${MODEL} --run 1`);
    expect(text).toMatch(/live\s+nothing yet/);
  });

  it('a loop in an incident: what is live and since when, what is broken, the decision and why', async () => {
    await seawall('approve', MODEL, '--run', '1', '--reason', 'first model');
    await until('release 1 is live', async () => (await loopStatus()).champion?.release === 1);
    // The feed says that a week is complete, and nobody has predicted anything.
    await system.store.watermarks.write('predictions', MODEL, '2001-02-12T00:00:00.000Z');
    await hint();
    await until('the silence is an incident', async () => (await loopStatus()).state === 'incident');
    await seawall('pin', MODEL, '--reason', 'until the feed is back');
    const frame = await detailsOf(`model/${MODEL}`, 'DATA INCIDENT');
    const text = await textOf(frame);
    expect(text).toContain('since 2001-02-05 (1 window of broken data)');
    expect(text).toMatch(/release 1 since \d{4}-\d\d-\d\d \d\d:\d\d UTC, by ada \(epoch 1\)/);
    expect(text).toMatch(/verdict\s+final, 0 % labelled: 2001-02-05 to 2001-02-12/);
    expect(text).toMatch(/decision\s+2: block at 2001-02-12, because .*the feed is silent/);
    expect(text).toMatch(/pinned\s+by ada since .* until the feed is back/);
    expect(text).toMatch(/last run\s+1: released/);
    const log = await readFile(join(system.folder, '.seawall', 'logs', 'worker-loop.log'), 'utf8');
    expect(log.split('a data incident begins')).toHaveLength(2); // once, however often the loop looks
  });

  it('a loop beside a run that waits', async () => {
    await apply(40);
    await seawall('retrain', MODEL, '--force', '--reason', 'try again');
    const { deadlineAt } = await waiting(2);
    await hint();
    const frame = await detailsOf(`model/${MODEL}`, 'RUN 2 WAITS FOR A PERSON');
    const text = await textOf(frame);
    expect(text).toContain(`until ${minute(deadlineAt)}`);
    expect(text).toContain(`npx seawall reject ${MODEL} --run 2`);
    const link = await frame.locator('a').first().getAttribute('href');
    expect(new URL(link ?? '', frame.url()).pathname).toBe(`/namespaces/${NAMESPACE}/workflows/train%2F${MODEL}%2F2`);
    await screenshot('web-ui-loop', 960);
  });

  it('a run that waits beside a champion: the gain', async () => {
    const frame = await detailsOf(`train/${MODEL}/2`, 'WAITS FOR A PERSON');
    const text = await textOf(frame);
    expect(text).toMatch(/why\s+decision\/3: ada asks for a forced retrain .* try again/);
    expect(text).toMatch(/champion \(release 1\)\s+0\.\d{4}\s+0\.\d{4}/);
    expect(text).toMatch(/gain\s+0\.\d{4} \(95 %: 0\.\d{4} to 0\.\d{4}\)/);
    await screenshot('web-ui-run', 900);
  });

  it('the list finds who waits, what is in an incident, and how runs ended', async () => {
    expect(await listed('SeawallState = "awaitingApproval"')).toEqual([
      [`train/${MODEL}/2`, MODEL, 'awaitingApproval', '', ''],
    ]);
    expect(await listed('SeawallState = "incident"')).toEqual([[`model/${MODEL}`, MODEL, 'incident', 'retrain', '1']]);
    const all = await listed(`SeawallModel = "${MODEL}"`);
    expect(all).toHaveLength(3);
    expect(all).toContainEqual([`train/${MODEL}/1`, MODEL, 'ended', 'released', '1']);
    await screenshot('web-ui-list', 600);
  });
});
