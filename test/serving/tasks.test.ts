import { afterAll, beforeAll, expect, it } from 'vitest';
import { readFile } from 'node:fs/promises';
import { type Answering, keys } from '../../src/contracts/index.js';
import type { Store } from '../../src/adapters/store/index.js';
import { startS3 } from '../support/s3.js';
import type { S3Server } from '../support/s3.js';
import { configOf } from '../support/steps.js';
import {
  body,
  fixture,
  flush,
  infer,
  loggedRows,
  oneRow,
  output,
  release,
  serve,
  temporaryFolder,
  testStore,
} from './support.js';
import type { TestServing } from './support.js';

let s3: S3Server;
let store: Store;
let home: Awaited<ReturnType<typeof temporaryFolder>>;
let serving: TestServing;

beforeAll(async () => {
  s3 = await startS3();
  store = testStore(s3, 'tasks');
  home = await temporaryFolder();
  await model('classes', 'three-classes', { task: 'multiclass', classes: ['late', 'early', 'on-time'] });
  await model('delay', 'number', { task: 'regression' });
  serving = await serve(store, home.path);
});
afterAll(async () => {
  await serving?.close();
  store.close();
  await home.remove();
  await s3.stop();
});

async function model(name: string, file: string, answering: Answering): Promise<void> {
  await store.json.create(keys.runPlan(name, 1), { kind: 'run-plan', config: { ...configOf(), ...answering } });
  await release(store, name, 1, await readFile(fixture(file)));
}

it('serves and logs a class with a score for each', async () => {
  const metadata = (await (await fetch(`${serving.url}/v2/models/classes`)).json()) as { outputs: object[] };
  expect(metadata.outputs).toEqual([
    { name: 'prediction', datatype: 'BYTES', shape: [-1, 1] },
    ...['late', 'early', 'on-time'].map((name) => ({ name: `score_${name}`, datatype: 'FP32', shape: [-1, 1] })),
  ]);
  const answer = await infer(serving.url, 'classes', body([oneRow, oneRow]));
  expect(output(answer, 'prediction')).toEqual(['early', 'early']);
  const z = 0.123456789 + 0.9 - 0.8 + 0.75;
  const late = Math.exp(z) / (Math.exp(z) + Math.E + Math.exp(-z));
  expect(output(answer, 'score_early')[1]).toBeCloseTo((late * Math.E) / Math.exp(z), 5);
  const asked = await infer(serving.url, 'classes', { ...body([oneRow]), outputs: [{ name: 'score_on-time' }] });
  expect(asked.json.outputs?.map(({ name }) => name)).toEqual(['score_on-time', '_prediction_id']);
  expect((await infer(serving.url, 'classes', { ...body([oneRow]), outputs: [{ name: 'score' }] })).status).toBe(400);
  expect((await flush(serving.url)).status).toBe(200);
  const { rows } = await loggedRows(store, 'classes');
  expect(rows).toHaveLength(3);
  expect(rows[0]).toMatchObject({ prediction: 'early' });
  expect(Number(rows[0]?.['score_early'])).toBeCloseTo((late * Math.E) / Math.exp(z), 5);
  expect(rows[0]).not.toHaveProperty('score');
});

it('serves and logs a number', async () => {
  const answer = await infer(serving.url, 'delay', body([oneRow]));
  expect(answer.json.outputs?.map(({ name, datatype }) => [name, datatype])).toEqual([
    ['prediction', 'FP32'],
    ['_prediction_id', 'BYTES'],
  ]);
  expect(output(answer, 'prediction')[0]).toBeCloseTo(0.123456789 + 0.9 - 0.8 + 0.75, 5);
  await flush(serving.url);
  const { rows } = await loggedRows(store, 'delay');
  expect(Number(rows[0]?.['prediction'])).toBeCloseTo(0.123456789 + 0.9 - 0.8 + 0.75, 5);
});
