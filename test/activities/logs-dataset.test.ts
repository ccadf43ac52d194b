/** Windows of the logs as training data, on a real store and real DuckDB. */
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { createLogsDatasetActivities, type LogsDatasetPorts } from '../../src/activities/logs-dataset.js';
import { createRunActivities, readPlan } from '../../src/activities/run.js';
import { writeWindowRows } from '../../src/adapters/duckdb/index.js';
import {
  type Action,
  type DecisionRecord,
  keys,
  type Manifest,
  type ModelConfig,
  type MonitorReport,
  type Window,
} from '../../src/contracts/index.js';
import {
  act,
  applyConfig,
  configOf,
  crashing,
  MODEL,
  sql,
  startSteps,
  type Steps,
  type StepsServer,
  writeFlights,
} from '../support/steps.js';

let server: StepsServer;
let steps: Steps;
const dataset = { name: MODEL, rowId: 'row_id', from: 'logs' } as const;
beforeAll(async () => void (server = await startSteps()));
afterAll(() => server.stop());
beforeEach(async () => {
  steps = await server.fresh();
  await applyConfig(steps, configOf({ dataset }));
});

let written = 0;
const portsOf = ({ store, home }: Steps): LogsDatasetPorts => ({
  ...store,
  writeWindowRows: (request) => (written++, writeWindowRows({ tempDir: join(home, 'tmp') }, request)),
  workDir: join(home, 'tmp'),
});
const commit = (ports = portsOf(steps)) => act(createLogsDatasetActivities(ports).commitLogs, { model: MODEL });
const headFiles = async (): Promise<Manifest['files']> => {
  const head = await steps.store.datasets.head(MODEL);
  return head ? (await steps.store.datasets.manifest(MODEL, head.version)).files : [];
};
const paths = async (): Promise<string[]> => (await headFiles()).map(({ path }) => path);

const day = (n: number): string => `2001-02-${String(n).padStart(2, '0')}T00:00:00.000Z`;
const windowOf = (n: number): Window => ({ from: day(n), to: day(n + 1) });
const pathOf = (n: number): string => keys.windowRowsPath(MODEL, windowOf(n));
async function upload(kind: 'predictions' | 'labels', date: string, name: string, rows: object[]): Promise<void> {
  const path = join(steps.home, 'upload.jsonl');
  await writeFile(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  await steps.store.files.upload(keys.logObject(kind, MODEL, date.slice(0, 10), name), path);
}
/** A window of traffic, whose labels come three days later. */
async function traffic(n: number, rows = 40): Promise<void> {
  const ids = Array.from({ length: rows }, (_, i) => `d${n}-${i}`);
  const at = { _event_time: day(n).replace('T00', 'T10'), _release: 1, _arm: 'champion', score: 0.5 };
  await upload(
    'predictions',
    day(n),
    'a.jsonl',
    ids.map((id, i) => ({ ...at, _prediction_id: id, hour: i % 24, distance: i, origin: 'ORD' })),
  );
  await upload(
    'labels',
    day(n + 3),
    `of-${n}.jsonl`,
    ids.map((id, i) => ({ _prediction_id: id, label: i % 2, _seq: 1, _label_time: day(n + 3) })),
  );
}
async function reported(n: number, status: MonitorReport['status'], revision = 1): Promise<void> {
  const report = { kind: 'monitor-report', schema: 1, model: MODEL, window: windowOf(n), revision, status };
  await steps.store.json.create(keys.report(MODEL, day(n), day(n + 1), revision), report);
}
async function decided(n: number, action: Action, revision = 1): Promise<void> {
  const report = keys.report(MODEL, day(n), day(n + 1), revision);
  const causeId = `test/${n}/${revision}/${action}`;
  await steps.store.records.append(
    keys.decisions(MODEL),
    causeId,
    (seq) => ({ kind: 'decision', seq, causeId, action, report, window: windowOf(n) }) as unknown as DecisionRecord,
  );
}
async function final(n: number, action: Action = 'wait'): Promise<void> {
  await traffic(n);
  await reported(n, 'final');
  await decided(n, action);
}
/** What the owner commits for the first model. */
async function first(): Promise<void> {
  const localFile = join(steps.home, 'first.parquet');
  await writeFlights(localFile, 0, 100);
  await steps.store.datasets.commitVersion(MODEL, [{ path: 'dt=2001-01-31/first.parquet', localFile }], { by: 'ann' });
}

it('adds final windows beside what the owner has committed; again there is nothing to do', async () => {
  await first();
  await final(5);
  await final(6);
  const { version } = await commit().then((result) => (expect(result).toMatchObject({ windows: 2, rows: 80 }), result));
  expect(await paths()).toEqual(['dt=2001-01-31/first.parquet', pathOf(5), pathOf(6)]);
  expect((await steps.store.datasets.history(MODEL))[0]).toMatchObject({
    version,
    by: `model/${MODEL}`,
    message: `2 windows of the logs of ${MODEL}, ${day(5)} to ${day(7)}: 80 rows`,
  });
  const local = join(steps.home, 'rows.parquet');
  await steps.store.blobs.fetchTo((await headFiles())[1]!.sha256, local);
  expect(await sql(`SELECT row_id, hour, distance, origin, late FROM read_parquet('${local}') LIMIT 2`)).toEqual([
    { row_id: 'd5-0', hour: 0n, distance: 0, origin: 'ORD', late: 0n },
    { row_id: 'd5-1', hour: 1n, distance: 1, origin: 'ORD', late: 1n },
  ]);
  const before = written;
  expect(await commit()).toEqual({ version: null, windows: 0, rows: 0 });
  expect(written).toBe(before);
});

it('writes only what is new, and reuses by digest what was written', async () => {
  await final(5);
  await commit();
  const [five] = await headFiles();
  await final(6);
  const before = written;
  expect(await commit()).toMatchObject({ windows: 1, rows: 40 });
  expect(written).toBe(before + 1);
  expect((await headFiles())[0]).toEqual(five);
  // An owner who commits a folder without them has them back, and nothing is written anew.
  await first();
  expect(await commit()).toMatchObject({ windows: 2 });
  expect(await paths()).toEqual(['dt=2001-01-31/first.parquet', pathOf(5), pathOf(6)]);
  expect(written).toBe(before + 1);
});

it('takes no window that is blocked, not final, or not decided on yet', async () => {
  await final(5);
  await final(6, 'block');
  await traffic(7);
  await reported(7, 'provisional');
  await decided(7, 'wait');
  await traffic(8);
  await reported(8, 'final'); // the gate has not seen it
  await commit();
  expect(await paths()).toEqual([pathOf(5)]);
  await reported(7, 'final', 2);
  expect(await commit()).toMatchObject({ windows: 0 }); // its newest report is not decided on
  await decided(7, 'wait', 2);
  await decided(8, 'block');
  await commit();
  expect(await paths()).toEqual([pathOf(5), pathOf(7)]);
  await reported(6, 'final', 2);
  await decided(6, 'wait', 2); // a later revision lifts the block
  await commit();
  expect(await paths()).toEqual([pathOf(5), pathOf(6), pathOf(7)]);
});

it('a window that is blocked is left out of the run that is opened, whatever lies in the head', async () => {
  await final(5);
  await final(6);
  await commit();
  await decided(6, 'block');
  const { openRun } = createRunActivities({ ...steps.store, searchAttributes: true });
  await act(openRun, { model: MODEL, n: 1, workflowId: 'train/flights/1', causeId: 'test' });
  expect((await readPlan(steps.store.json, MODEL, 1)).dataset).toMatchObject({
    include: [pathOf(5)],
    excluded: [pathOf(6)],
  });
});

it('writes all windows again when the features change, and finds the old files when they change back', async () => {
  const more: ModelConfig = configOf({ dataset, features: [{ name: 'hour', type: 'int64' }] });
  await final(5);
  await final(6);
  await commit();
  const old = await headFiles();
  await applyConfig(steps, more);
  expect(await commit()).toMatchObject({ windows: 2 });
  const now = await headFiles();
  expect(now.map(({ path }) => path)).toEqual([pathOf(5), pathOf(6)]);
  expect(now[0]!.sha256).not.toBe(old[0]!.sha256);
  await applyConfig(steps, configOf({ dataset }));
  const before = written;
  expect(await commit()).toMatchObject({ windows: 2 });
  expect(await headFiles()).toEqual(old);
  expect(written).toBe(before);
});

it('does nothing for a model that does not learn from its logs', async () => {
  await final(5);
  await applyConfig(steps, configOf());
  expect(await commit()).toEqual({ version: null, windows: 0, rows: 0 });
  expect(await headFiles()).toEqual([]);
});

it('remembers a window without a label', async () => {
  await upload('predictions', day(5), 'a.jsonl', [{ _prediction_id: 'x', _event_time: day(5), _arm: 'champion' }]);
  await reported(5, 'final');
  await decided(5, 'wait');
  const before = written;
  expect(await commit()).toEqual({ version: null, windows: 0, rows: 0 });
  await commit();
  expect(written).toBe(before + 1);
  expect(await headFiles()).toEqual([]);
});

it('ends the same after a crash at any point, and leaves nothing behind on this machine', async () => {
  const digests = new Set<string>();
  let crashes = 0;
  for (const when of ['before', 'after'] as const) {
    for (let at = 1; ; at++) {
      steps = await server.fresh();
      await applyConfig(steps, configOf({ dataset }));
      await final(5);
      const { json, records, blobs, files, datasets } = steps.store;
      const broken = { ...portsOf(steps), ...crashing({ json, records, blobs, files, datasets }, at, when) };
      const whole = await commit(broken).catch(() => undefined);
      await commit();
      digests.add((await headFiles())[0]?.sha256 ?? 'none');
      expect(await paths()).toEqual([pathOf(5)]);
      expect(await readdir(join(steps.home, 'tmp'))).toEqual([]);
      if (whole) break;
      crashes += 1;
    }
  }
  expect([...digests]).toEqual([expect.stringMatching(/^[0-9a-f]{64}$/)]); // the same bytes, whoever wrote them
  expect(crashes).toBeGreaterThan(12);
}, 120_000);
