import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Store } from '../../src/adapters/store/index.js';
import { startS3 } from '../support/s3.js';
import type { S3Server } from '../support/s3.js';
import {
  body,
  bytesTensor,
  expectedScore,
  flightsModel,
  infer,
  oneRow,
  output,
  release,
  serve,
  temporaryFolder,
  testStore,
} from './support.js';
import type { Row, TestServing } from './support.js';

let s3: S3Server;
let store: Store;
let home: Awaited<ReturnType<typeof temporaryFolder>>;
let serving: TestServing;
const BIAS = 0.25;

beforeAll(async () => {
  s3 = await startS3();
  store = testStore(s3, 'protocol');
  home = await temporaryFolder();
  await release(store, 'flights', 1, await flightsModel(BIAS));
  await store.json.create('models/flights-new/config/revisions/00000001.json', { kind: 'model-config' });
  serving = await serve(store, home.path, { bodyLimitBytes: 200_000 });
});
afterAll(async () => {
  await serving?.close();
  store.close();
  await home.remove();
  await s3.stop();
});

const get = async (path: string): Promise<{ status: number; json: Record<string, unknown>; headers: Headers }> => {
  const response = await fetch(serving.url + path);
  return {
    status: response.status,
    json: (await response.json()) as Record<string, unknown>,
    headers: response.headers,
  };
};

describe('metadata and health', () => {
  it('answers as the protocol says', async () => {
    expect((await get('/v2')).json).toEqual({ name: 'seawall', version: '2', extensions: [] });
    expect((await get('/v2/health/live')).json).toEqual({ live: true });
    const ready = await get('/v2/health/ready');
    expect(ready.status).toBe(200);
    expect(ready.json['models']).toContainEqual({
      name: 'flights',
      ready: true,
      released: true,
      release: 1,
      epoch: 1,
      problem: null,
    });
    const metadata = {
      name: 'flights',
      versions: ['1'],
      platform: 'onnx',
      inputs: [
        { name: 'hour', datatype: 'INT64', shape: [-1, 1] },
        { name: 'distance', datatype: 'FP32', shape: [-1, 1] },
        { name: 'origin', datatype: 'BYTES', shape: [-1, 1] },
      ],
      outputs: [
        { name: 'prediction', datatype: 'INT64', shape: [-1, 1] },
        { name: 'score', datatype: 'FP32', shape: [-1, 1] },
      ],
    };
    expect((await get('/v2/models/flights')).json).toEqual(metadata);
    expect((await get('/v2/models/flights/versions/1')).json).toEqual(metadata);
    expect((await get('/v2/models/flights/ready')).status).toBe(200);
    expect((await get('/v2/models/flights/versions/1/ready')).status).toBe(200);
  });

  it('says 404 for what is unknown, and 503 with Retry-After for a model that has no release yet', async () => {
    expect(await get('/v2/models/nobody')).toMatchObject({ status: 404, json: { error: 'model "nobody" is unknown' } });
    expect((await get('/v2/models/flights/versions/2')).json['error']).toContain('release 1 does');
    expect((await get('/v3')).status).toBe(404);
    // Its name sorts before "flights/": found all the same.
    const early = await get('/v2/models/flights-new/ready');
    expect(early).toMatchObject({
      status: 503,
      json: { error: 'model "flights-new" is not ready: it has no release yet' },
    });
    expect(early.headers.get('retry-after')).toBe('1');
  });

  it('shows its numbers to Prometheus', async () => {
    await infer(serving.url, 'flights', body([oneRow, oneRow]));
    await infer(serving.url, 'flights', '{}');
    const text = await (await fetch(`${serving.url}/metrics`)).text();
    expect(text).toContain('seawall_serving_release{model="flights"} 1\n');
    expect(text).toMatch(/seawall_serving_requests_total\{model="flights",code="400"\} [1-9]/);
    expect(text).toMatch(/seawall_serving_rows_total\{model="flights"\} [1-9]/);
    expect(text).toMatch(/seawall_serving_request_seconds_bucket\{model="flights",le="\+Inf"\} [1-9]/);
    expect(text).toMatch(/seawall_serving_spool_bytes [1-9]/);
  });
});

describe('inference', () => {
  it('scores one row, echoes the id and generates a prediction id', async () => {
    const answer = await infer(serving.url, 'flights', body([oneRow], [], 'request-7'));
    expect(answer.status).toBe(200);
    expect(answer.json).toMatchObject({ id: 'request-7', model_name: 'flights', model_version: '1' });
    expect(output(answer, 'score')[0]).toBeCloseTo(expectedScore(BIAS, 9, 800, 'ORD'), 6);
    expect(output(answer, 'prediction')).toEqual([1]);
    expect(output(answer, '_prediction_id')[0]).toMatch(/^[0-9a-f-]{36}$/);
    expect(answer.json.outputs?.map(({ datatype, shape }) => [datatype, shape])).toEqual([
      ['INT64', [1, 1]],
      ['FP32', [1, 1]],
      ['BYTES', [1, 1]],
    ]);
  });

  it('scores a batch in order, with ids and times of the caller', async () => {
    const rows: Row[] = Array.from({ length: 500 }, (_, i) => ({
      hour: i % 24,
      distance: i * 3.5,
      origin: ['SEA', 'ORD', 'JFK', 'Zürich "✈"'][i % 4] as string,
    }));
    const extra = [
      bytesTensor(
        '_prediction_id',
        rows.map((_, i) => `id-${i}`),
      ),
      bytesTensor(
        '_event_time',
        rows.map(() => '2001-02-05T08:00:00+01:00'),
      ),
      bytesTensor(
        '_routing_key',
        rows.map((_, i) => `key-${i}`),
      ),
    ];
    const answer = await infer(serving.url, 'flights', body(rows, extra), '1');
    expect(answer.json.outputs?.map(({ name }) => name)).toEqual(['prediction', 'score']);
    const scores = output(answer, 'score') as number[];
    rows.forEach(({ hour, distance, origin }, i) =>
      expect(scores[i]).toBeCloseTo(expectedScore(BIAS, hour, distance, origin), 5),
    );
  });

  it('takes flat and nested data, [N] and [N, 1], FP64 and INT32, and gives the outputs that are asked for', async () => {
    const request = {
      inputs: [
        { name: 'hour', shape: [2], datatype: 'INT32', data: [9, -3] },
        { name: 'distance', shape: [2, 1], datatype: 'FP64', data: [[800], [null]] },
        { name: 'origin', shape: [2, 1], datatype: 'BYTES', data: [['ORD'], ['SEA']] },
        bytesTensor('_prediction_id', ['a', 'b']),
      ],
      outputs: [{ name: 'score' }, { name: '_prediction_id' }],
    };
    const answer = await infer(serving.url, 'flights', request);
    expect(answer.json.outputs?.map(({ name }) => name)).toEqual(['score', '_prediction_id']);
    expect(output(answer, 'score')[0]).toBeCloseTo(expectedScore(BIAS, 9, 800, 'ORD'), 6);
    expect(output(answer, 'score')[1]).toBe(null);
    expect(output(answer, '_prediction_id')).toEqual(['a', 'b']);
  });

  it('reads negative and large whole numbers', async () => {
    for (const hour of [-1, -40, 2 ** 31, -(2 ** 33)]) {
      const answer = await infer(serving.url, 'flights', body([{ ...oneRow, hour, distance: hour * 100 }]));
      expect(output(answer, 'score')[0]).toBeCloseTo(expectedScore(BIAS, hour, hour * 100, 'ORD'), 4);
    }
  });
});

describe('bad input is a 400 that names the tensor', () => {
  const good = body([oneRow, oneRow]).inputs;
  const [hour, distance, origin] = good as [(typeof good)[0], (typeof good)[0], (typeof good)[0]];
  const cases: [string, unknown, string][] = [
    ['no JSON', '{"inputs": [', 'the body is not JSON'],
    ['no object', [], 'the body must be one JSON object'],
    ['no inputs', {}, 'inputs is missing or empty'],
    ['a missing tensor', { inputs: [hour, origin] }, 'input "distance" is missing'],
    [
      'an unknown tensor',
      { inputs: [...good, { ...hour, name: 'speed' }] },
      'input "speed" is unknown; the model takes hour, distance, origin',
    ],
    ['a tensor twice', { inputs: [...good, hour] }, 'input "hour" is there twice'],
    [
      'a wrong datatype',
      { inputs: [{ ...hour, datatype: 'FP32' }, distance, origin] },
      'input "hour" has the datatype FP32; the model takes INT64 or INT32',
    ],
    [
      'too few values',
      { inputs: [hour, { ...distance, data: [1] }, origin] },
      'input "distance" has 1 values, but its shape [2,1] says 2',
    ],
    [
      'a wrong shape',
      { inputs: [hour, { ...distance, shape: [1, 2] }, origin] },
      'input "distance" has the shape [1,2]; it must be [N, 1] or [N]',
    ],
    [
      'another N',
      { inputs: [hour, distance, bytesTensor('origin', ['SEA'])] },
      'input "origin" has 1 rows, but input "hour" has 2',
    ],
    [
      'a text for a number',
      { inputs: [hour, { ...distance, data: [1, 'far'] }, origin] },
      'input "distance" has "far" in row 1',
    ],
    [
      'a fraction for a whole number',
      { inputs: [{ ...hour, data: [1, 2.5] }, distance, origin] },
      'input "hour" has 2.5 in row 1',
    ],
    [
      'a missing text',
      { inputs: [hour, distance, { ...origin, data: ['SEA', null] }] },
      'input "origin" has null in row 1',
    ],
    [
      'no time',
      { inputs: [...good, bytesTensor('_event_time', ['2001-02-05T00:00:00Z', 'yesterday'])] },
      'input "_event_time" has "yesterday" in row 1',
    ],
    [
      'a time without a zone',
      { inputs: [...good, bytesTensor('_event_time', ['2001-02-05T00:00:00', '2001-02-05T00:00:00Z'])] },
      'input "_event_time" has "2001-02-05T00:00:00" in row 0',
    ],
    [
      'a day that is none',
      { inputs: [...good, bytesTensor('_event_time', ['2001-02-30T00:00:00Z', '2001-02-05T00:00:00Z'])] },
      'input "_event_time" has "2001-02-30T00:00:00Z" in row 0',
    ],
    [
      'an empty id',
      { inputs: [...good, bytesTensor('_prediction_id', ['a', ''])] },
      'input "_prediction_id" has "" in row 1',
    ],
    ['an unknown output', { inputs: good, outputs: [{ name: 'odds' }] }, 'output "odds" is unknown'],
    [
      'binary data',
      { inputs: [{ name: 'hour', shape: [1], datatype: 'INT64', parameters: { binary_data_size: 8 } }] },
      'input "hour" has no data',
    ],
  ];
  it.each(cases)('%s', async (_what, request, message) => {
    const answer = await infer(serving.url, 'flights', request);
    expect(answer).toMatchObject({ status: 400, json: { error: expect.stringContaining(message) } });
  });

  it('a body over the limit is a 413, another content type a 415', async () => {
    const answer = await infer(serving.url, 'flights', JSON.stringify({ id: 'x'.repeat(200_001) }));
    expect(answer).toMatchObject({ status: 413, json: { error: expect.stringContaining('larger than 200000 bytes') } });
    const text = await fetch(`${serving.url}/v2/models/flights/infer`, {
      method: 'POST',
      body: 'x',
      headers: { 'content-type': 'text/plain' },
    });
    expect(text.status).toBe(415);
  });
});
