import { appendFile, mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { keys } from '../../src/contracts/index.js';
import type { Store } from '../../src/adapters/store/index.js';
import { startS3 } from '../support/s3.js';
import type { S3Server } from '../support/s3.js';
import {
  body,
  bytesTensor,
  expectedScore,
  fixture,
  flightsModel,
  flush,
  infer,
  loggedRows,
  oneRow,
  output,
  query,
  release,
  serve,
  temporaryFolder,
  testStore,
} from './support.js';
import type { Row, TestServing } from './support.js';
import type { ServingOptions } from '../../src/serving/ports.js';

let s3: S3Server;
let store: Store;
let home: Awaited<ReturnType<typeof temporaryFolder>>;
let serving: TestServing | undefined;
let prefixes = 0;
const BIAS = 0.25;

beforeAll(async () => void (s3 = await startS3()));
afterAll(() => s3.stop());
beforeEach(async () => {
  store = testStore(s3, `log-${++prefixes}`);
  home = await temporaryFolder();
  await release(store, 'flights', 7, await flightsModel(BIAS));
});
afterEach(async () => {
  await serving?.close(2_000);
  serving = undefined;
  store.close();
  await home.remove();
});

const start = async (options: Partial<ServingOptions> = {}): Promise<TestServing> =>
  (serving = await serve(store, home.path, options));
const ids = (name: string, count: number): string[] => Array.from({ length: count }, (_, i) => `${name}-${i}`);
const send = async (on: TestServing, predictionIds: string[], day = '2001-02-05'): Promise<void> => {
  const extra = [
    bytesTensor('_prediction_id', predictionIds),
    bytesTensor(
      '_event_time',
      predictionIds.map(() => `${day}T12:00:00Z`),
    ),
  ];
  const answer = await infer(
    on.url,
    'flights',
    body(
      predictionIds.map(() => oneRow),
      extra,
    ),
  );
  expect(answer).toMatchObject({ status: 200 });
};
const spooled = async (): Promise<string[]> =>
  (await readdir(join(home.path, 'serving', 'log'), { recursive: true })).filter((file) => /\.\w+$/.test(file)).sort();

describe('a flush', () => {
  it('brings every answered row into object storage, as the log schema says, by day of its event time', async () => {
    const on = await start();
    const rows: Row[] = [
      { hour: 9, distance: 800.1, origin: 'ORD' },
      { hour: -3, distance: 0, origin: 'SEA' },
      { hour: 23, distance: 2500, origin: 'Zürich "✈" \\ \n \u0000 \ud800.' },
    ];
    const extra = [
      bytesTensor('_prediction_id', ['a', 'b "quoted"', 'c']),
      bytesTensor('_event_time', ['2001-02-05T00:30:00+01:00', '2001-02-05T23:59:59.999Z', '2001-02-06T00:00:00Z']),
      bytesTensor('_routing_key', ['k1', 'k2', 'k3']),
    ];
    const answer = await infer(on.url, 'flights', body(rows, extra));
    const scores = output(answer, 'score') as number[];
    expect(await flush(on.url)).toEqual({ status: 200, json: { uploaded: 3, rows: 3, dropped: 0 } });

    const logged = await loggedRows(store, 'flights');
    expect(logged.objects.map((key) => key.replace(/[^/]+$/, ''))).toEqual(
      ['04', '05', '06'].map((day) => `predictions/flights/dt=2001-02-${day}/`),
    );
    const [a, b, c] = logged.rows;
    expect(a).toEqual({
      _prediction_id: 'a',
      _event_time: '2001-02-04 23:30:00',
      _release: '7',
      _epoch: '1',
      _arm: 'champion',
      _routing_key: 'k1',
      hour: '9',
      distance: '800.1',
      origin: 'ORD',
      prediction: '1',
      score: String(Number(Number(a?.['score']).toPrecision(9))),
    });
    logged.rows.forEach((row, i) => expect(Math.fround(Number(row['score']))).toBe(Math.fround(scores[i] as number)));
    expect(b).toMatchObject({
      _prediction_id: 'b "quoted"',
      _event_time: '2001-02-05 23:59:59.999',
      hour: '-3',
      distance: '0.0',
    });
    // Half a surrogate pair is no text; the rest of the value stays.
    expect(c).toMatchObject({ origin: 'Zürich "✈" \\ \n \u0000 \ufffd.' });
    expect(await spooled()).toEqual([]);
  });

  it('writes the types that monitoring reads', async () => {
    const on = await start();
    await send(on, ['a']);
    await flush(on.url);
    const { objects } = await loggedRows(store, 'flights');
    const path = join(home.path, 'one.parquet');
    await store.files.download(objects[0] as string, path);
    const types = await query(
      `SELECT column_name AS name, column_type AS type FROM (DESCRIBE SELECT * FROM '${path}')`,
    );
    expect(types.map(({ name, type }) => `${name} ${type}`)).toEqual([
      '_prediction_id VARCHAR',
      '_event_time TIMESTAMP',
      '_release INTEGER',
      '_epoch INTEGER',
      '_arm VARCHAR',
      '_routing_key VARCHAR',
      'hour BIGINT',
      'distance FLOAT',
      'origin VARCHAR',
      'prediction BIGINT',
      'score FLOAT',
    ]);
  });

  it('logs generated ids as they were answered, and now as the event time', async () => {
    const on = await start();
    const before = new Date().toISOString();
    const answer = await infer(on.url, 'flights', body([oneRow, { ...oneRow, distance: null as unknown as number }]));
    await flush(on.url);
    const { rows } = await loggedRows(store, 'flights');
    expect(rows.map((row) => row['_prediction_id'])).toEqual(output(answer, '_prediction_id'));
    const at = `${rows[0]?.['_event_time']?.replace(' ', 'T')}Z`;
    expect(Date.parse(at)).toBeGreaterThanOrEqual(Date.parse(before));
    expect(Date.parse(at)).toBeLessThanOrEqual(Date.now());
    expect(rows[0]).toMatchObject({ _routing_key: null });
    expect(rows[1]).toMatchObject({ distance: null, score: null });
  });

  it('with nothing to do says so, and two at once bring each row once', async () => {
    const on = await start();
    expect((await flush(on.url)).json).toEqual({ uploaded: 0, rows: 0, dropped: 0 });
    await send(on, ids('x', 100));
    const both = await Promise.all([flush(on.url), flush(on.url)]);
    expect(both.map(({ status }) => status)).toEqual([200, 200]);
    expect(both.reduce((sum, { json }) => sum + json.rows, 0)).toBe(100);
    expect((await loggedRows(store, 'flights')).rows).toHaveLength(100);
  });

  it('keeps refused requests out of the log', async () => {
    const on = await start();
    const bad = body([oneRow], [bytesTensor('_event_time', ['never'])]);
    expect((await infer(on.url, 'flights', bad)).status).toBe(400);
    expect((await flush(on.url)).json.rows).toBe(0);
  });
});

describe('segments', () => {
  it('are uploaded in the background when they are big enough or old enough', async () => {
    const on = await start({ log: { segmentBytes: 20_000, tickMs: 20, segmentAgeMs: 3_600_000 } });
    await send(on, ids('big', 200));
    await send(on, ['small']);
    await expect.poll(async () => (await loggedRows(store, 'flights')).rows.length, { timeout: 10_000 }).toBe(200);
    expect(await spooled()).toHaveLength(2);
    await on.close();
    expect((await loggedRows(store, 'flights')).rows).toHaveLength(201);
    const again = await start({ log: { tickMs: 20, segmentAgeMs: 50 } });
    await send(again, ['aged']);
    await expect.poll(async () => (await loggedRows(store, 'flights')).rows.length, { timeout: 10_000 }).toBe(202);
  });

  it('have one set of columns each: a release with other features begins a new one', async () => {
    const on = await start();
    await send(on, ['before']);
    const features = ['hour', 'distance', 'late'].map((name) => ({ name, type: 'float32' }));
    await store.json.create(keys.runPlan('flights', 8), { kind: 'run-plan', config: { task: 'binary', features } });
    await release(store, 'flights', 8, await readFile(fixture('matrix')));
    await on.logger.waitFor('a release serves', { release: 8 });
    const inputs = features.map(({ name }) => ({ name, shape: [1], datatype: 'FP32', data: [1] }));
    const time = bytesTensor('_event_time', ['2001-02-05T13:00:00Z']);
    expect(await infer(on.url, 'flights', { inputs: [...inputs, time] })).toMatchObject({ status: 200 });
    expect((await flush(on.url)).json).toMatchObject({ uploaded: 2, rows: 2 });
    const { rows } = await loggedRows(store, 'flights');
    expect(rows).toContainEqual(
      expect.objectContaining({ _prediction_id: 'before', origin: 'ORD', late: null, _release: '7' }),
    );
    expect(rows).toContainEqual(expect.objectContaining({ origin: null, late: '1.0', _release: '8' }));
  });

  it('above the limit of the local log the oldest are dropped, and it says so', async () => {
    const on = await start({ log: { segmentBytes: 1, spoolBytes: 20_000, tickMs: 3_600_000 } });
    for (let i = 0; i < 10; i++) await send(on, ids(`batch${i}`, 20));
    const dropped = on.logger.lines.filter(({ message }) => message.includes('dropped its oldest segment'));
    expect(dropped.length).toBeGreaterThan(2);
    const { json } = await flush(on.url);
    expect(json).toMatchObject({ dropped: dropped.length, rows: 200 - 20 * dropped.length });
    const { rows } = await loggedRows(store, 'flights');
    expect(rows[0]?.['_prediction_id']).toBe(`batch${dropped.length}-0`);
  });

  it('of an earlier process are uploaded at the next start, without a torn last line; an unreadable one is set aside', async () => {
    const columns = JSON.stringify([{ name: '_prediction_id', type: 'VARCHAR' }]);
    const folder = join(home.path, 'serving', 'log', 'flights', '2001-02-05');
    await mkdir(folder, { recursive: true });
    const left = async (name: string, text: string): Promise<void> => {
      await writeFile(join(folder, `${name}.columns.json`), columns);
      await writeFile(join(folder, `${name}.jsonl`), text);
    };
    await left('1', '{"_prediction_id":"whole"}\n{"_prediction_id":"to');
    await left('2', `{"_prediction_id":"x"}\n${'\0'.repeat(50)}\n`);
    await left('3', '{"_prediction_id":"last"}\n');
    const on = await start({ log: { tickMs: 3_600_000 } });
    await on.logger.waitFor('torn last line', { bytes: 21 });
    expect(await flush(on.url)).toMatchObject({ status: 503, json: { error: expect.stringContaining('unreadable') } });
    expect(await flush(on.url)).toMatchObject({ status: 200, json: { rows: 1 } });
    expect((await loggedRows(store, 'flights')).rows.map((row) => row['_prediction_id'])).toEqual(['whole', 'last']);
    expect(await spooled()).toEqual(['flights/2001-02-05/2.columns.json', 'flights/2001-02-05/2.jsonl.unreadable']);
  });

  it('that were uploaded but not yet removed are the same object again, not a second one', async () => {
    const on = await start();
    await send(on, ids('once', 50));
    const files = (await spooled()).map((file) => join(home.path, 'serving', 'log', file));
    const copies = await Promise.all(files.map(async (file) => [file, await readFile(file)] as const));
    await flush(on.url);
    await on.close();
    // As after a kill between upload and removal.
    for (const [file, bytes] of copies) await writeFile(file, bytes);
    const again = await start();
    expect((await flush(again.url)).json).toMatchObject({ uploaded: 1, rows: 50 });
    const logged = await loggedRows(store, 'flights');
    expect(logged.objects).toHaveLength(1);
    expect(logged.rows).toHaveLength(50);
    expect(Number(logged.rows[0]?.['score'])).toBeCloseTo(expectedScore(BIAS, 9, 800, 'ORD'), 5);
  });
});

it('a disk that takes no rows fails the request: nothing is answered that is not logged', async () => {
  const on = await start();
  // In place of the day's folder there is a file.
  await mkdir(join(home.path, 'serving', 'log', 'flights'), { recursive: true });
  await appendFile(join(home.path, 'serving', 'log', 'flights', '2001-02-05'), '');
  const extra = [bytesTensor('_event_time', ['2001-02-05T12:00:00Z'])];
  const answer = await infer(on.url, 'flights', body([oneRow], extra));
  expect(answer).toMatchObject({
    status: 503,
    json: { error: expect.stringContaining('cannot be written to the local log') },
  });
  await send(on, ['other-day'], '2001-02-06');
});
