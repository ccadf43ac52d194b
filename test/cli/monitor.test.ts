/** `monitor run`, `monitor report` and `schema infer` against a model in production on a real S3 server. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseTableSchema } from '../../src/adapters/table-schema.js';
import type { CommandContext, CommandHandler } from '../../src/cli/command.js';
import { monitorReport } from '../../src/cli/monitor/report.js';
import { monitorRun } from '../../src/cli/monitor/run.js';
import { schemaInfer } from '../../src/cli/monitor/schema-infer.js';
import { colors } from '../../src/cli/output.js';
import type { MonitorReport } from '../../src/contracts/index.js';
import type { AppConfig, LocalConfig } from '../../src/workers/config.js';
import { config, createWorld, day, labels, MODEL, predictions, type World } from '../activities/monitor-world.js';
import { s3Environment, startS3, type S3Server } from '../support/s3.js';

let s3: S3Server;
let world: World;
let folder: string;
beforeAll(async () => {
  [s3, folder] = await Promise.all([startS3(), mkdtemp(join(tmpdir(), 'seawall-monitor-'))]);
  world = await createWorld(s3.options);
  await world.goLive(1);
  for (const n of [5, 6, 7, 8]) {
    await world.log('predictions', n, predictions(n, 240, n === 8 ? { hour: (i) => i % 6 } : {}));
    await world.log('labels', n + 3, labels(n, 0, 200));
  }
  await world.store.watermarks.write('predictions', MODEL, day(9));
}, 60_000);
afterAll(async () => {
  await world?.close();
  await Promise.all([s3?.stop(), rm(folder, { recursive: true, force: true })]);
});

async function run(
  handler: CommandHandler,
  args: string[],
  options: object = {},
): Promise<{ document: MonitorReport; text: string }> {
  const result = { document: {} as MonitorReport, text: '' };
  const context: CommandContext = {
    args,
    options: { ...options },
    env: s3Environment(s3.options, world.prefix),
    cwd: folder,
    config: () => ({}) as AppConfig,
    localConfig: () => ({ homeDir: join(folder, 'home') }) as LocalConfig,
    output: {
      json: false,
      color: colors({}, false),
      print(document, text) {
        result.document = JSON.parse(JSON.stringify(document)) as MonitorReport;
        result.text = [text()].flat().join('\n');
      },
      progress: () => undefined,
    },
  };
  await handler(context);
  return result;
}
const objects = async (): Promise<string[]> => {
  const found: string[] = [];
  for (const prefix of ['blobs/', 'models/'])
    for await (const { key } of world.store.json.list(prefix)) found.push(key);
  return found;
};

test('run looks at the newest window that is over, and leaves nothing behind', async () => {
  await expect(run(monitorReport, [MODEL])).rejects.toMatchObject({
    type: 'NotFound',
    next: expect.stringContaining('when it is over'),
  });
  const before = await objects();
  const { document, text } = await run(monitorRun, [MODEL]);
  expect(document).toMatchObject({ window: { from: day(8) }, revision: 1, rows: 240, labelMaturity: 200 / 240 });
  expect(text).toMatch(/^late {2}2001-02-08 to 2001-02-09 {2}revision 1, provisional, labels 83\.3 %/);
  expect(text).toMatch(/hour +drifted/);
  expect(text).toContain('Nothing was stored');
  expect(await objects()).toEqual(before);
  expect((await run(monitorRun, [MODEL, '2001-02-05T12:00:00Z'])).document.window.from).toBe(day(5));
  await expect(run(monitorRun, [MODEL, 'yesterday'])).rejects.toMatchObject({ type: 'BadInput' });
});

test('with --store it is the next revision, which the loop goes on from', async () => {
  const { document, text } = await run(monitorRun, [MODEL, '2001-02-05'], { store: true });
  expect([document.revision, text]).toEqual([1, expect.stringContaining('Stored as models/late/windows/20010205')]);
  const { reports } = await world.observe();
  expect(reports.map(({ window, revision }) => [window.from, revision])).toEqual([5, 6, 7, 8].map((n) => [day(n), 1]));
});

test('with --store neither a window that is not over nor one that is closed', async () => {
  const before = await objects();
  await expect(run(monitorRun, [MODEL, '2001-02-09'], { store: true })).rejects.toMatchObject({
    type: 'BadInput',
    message: expect.stringContaining(`due at ${day(10)}`),
  });
  expect(await objects()).toEqual(before);
  expect((await run(monitorRun, [MODEL, '2001-02-09'])).document.rows).toBe(0);
  // As long as the clock stands at the end and the lateness is not over.
  await world.applyConfig({ windows: { ...config.windows, allowedLatenessMs: 1 } });
  await expect(run(monitorRun, [MODEL, '2001-02-08'], { store: true })).rejects.toMatchObject({ type: 'BadInput' });
  await world.applyConfig({ label: { ...config.label, deadlineMs: 0 } });
  expect((await run(monitorRun, [MODEL, '2001-02-06'], { store: true })).document.closed).toBe(true);
  await expect(run(monitorRun, [MODEL, '2001-02-06'], { store: true })).rejects.toMatchObject({
    message: expect.stringContaining('is closed since revision'),
  });
  await world.applyConfig({});
});

test('report tells the newest window, or the one that is named, as text and as a page', async () => {
  await world.observe();
  const { document, text } = await run(monitorReport, [MODEL], { html: 'report.html' });
  expect(document.window.from).toBe(day(8));
  for (const line of [
    /hour +drifted/,
    /auc +1 \(/,
    /worst slices/,
    /origin = ORD/,
    /estimated before labels/,
    /Page: report\.html/,
  ])
    expect(text).toMatch(line);
  const page = await readFile(join(folder, 'report.html'), 'utf8');
  for (const part of ['Drift over time', 'auc over time', 'Worst slices', 'release 1']) expect(page).toContain(part);
  // Two lines over time, and three columns drawn, each for wide and narrow screens.
  expect(page.match(/<svg/g)).toHaveLength(10);
  expect(page).not.toMatch(/<script|http:\/\/(?!www\.w3\.org)|NaN|undefined/);
  expect((await run(monitorReport, [MODEL, '2001-02-06'])).document.window.from).toBe(day(6));
  await expect(run(monitorReport, [MODEL, '2001-03-06'])).rejects.toMatchObject({ type: 'NotFound' });
});

test('a schema is inferred from the reference of what is live, or from files, and read back', async () => {
  const { document, text } = await run(schemaInfer, [MODEL]);
  expect(document).toEqual({
    columns: {
      hour: { type: 'int64', nullable: false, min: 0, max: 23 },
      origin: { type: 'string', nullable: false, categories: ['ATL', 'ORD'] },
    },
    extra: 'warn',
  });
  expect(text).toMatch(/^# Inferred from the reference of release 1 of late \(960 rows\)/);
  expect(parseTableSchema(text, 'schema.yaml')).toEqual(document);
  const rows = Array.from({ length: 200 }, (_, i) => JSON.stringify({ key: `k${i}`, x: i % 2 ? 0.5 : null }));
  await writeFile(join(folder, 'rows.jsonl'), rows.join('\n'));
  expect((await run(schemaInfer, ['rows.jsonl'])).document).toEqual({
    columns: {
      key: { type: 'string', nullable: false, unique: true },
      x: { type: 'float32', nullable: true, min: 0.5, max: 0.5 },
    },
    extra: 'warn',
  });
  await expect(run(schemaInfer, ['nobody'])).rejects.toMatchObject({ type: 'NotFound' });
});
