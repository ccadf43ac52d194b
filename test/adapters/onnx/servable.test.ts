/** Models that must not serve: each is refused with its own reason, and whoever asked lives on. */
import { copyFile, link, mkdir, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createScorer } from '../../../src/adapters/onnx/scoring.js';
import type { ScoreRequest } from '../../../src/activities/scoring.js';
import type { Feature } from '../../../src/contracts/index.js';
import { biased } from '../../support/models.js';
import { configOf, sql, writeFlights } from '../../support/steps.js';
import { fixture } from '../../serving/support.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'seawall-servable-'));
  await writeFlights(join(folder, 'rows.parquet'), 0, 3000);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

let count = 0;
async function requestOf(modelFile: string, change: Partial<ScoreRequest> = {}): Promise<ScoreRequest> {
  const workDir = join(folder, `work-${count++}`);
  await mkdir(workDir);
  return {
    subject: 'the challenger',
    ...{ modelFile, workDir, rowsFile: join(folder, 'rows.parquet') },
    features: configOf().features,
    answering: { task: 'binary' },
    labelColumn: 'late',
    ...{ parityFile: null, withRows: null, signal: new AbortController().signal },
    ...change,
  };
}
const score = async (modelFile: string, change: Partial<ScoreRequest> = {}, limits = {}) =>
  createScorer(limits).score(await requestOf(modelFile, change));
const refused = (scoring: Promise<unknown>, words: RegExp) =>
  expect(scoring).rejects.toMatchObject({ type: 'InvalidModel', message: expect.stringMatching(words) as string });

async function file(name: string, bytes: Uint8Array): Promise<string> {
  const path = join(folder, `${count++}-${name}`);
  await writeFile(path, bytes);
  return path;
}

describe('refused before it is loaded', () => {
  it.each([
    ['a file of the working directory as its weights', 'leak', /external data/],
    ['weights in another file', 'external-data', /external data/],
    ['an operator of nobody’s', 'foreign-operator', /the operator "Magic" of the domain "acme"/],
  ])('%s', (_, name, words) => refused(score(fixture(name)), words));

  it('weights in another file that lies beside it, under whatever name', async () => {
    const model = join(folder, 'linked.onnx');
    await copyFile(fixture('external-data'), model);
    const weights = await file('weights', Buffer.alloc(4096));
    await link(weights, join(folder, 'external-data.bin'));
    await refused(score(model), /external data/);
  });

  it('2 GB', async () => {
    const path = await file('large.onnx', await biased(0));
    await truncate(path, 2 * 2 ** 30);
    await refused(score(path), /has 2147483648 bytes; the limit is 1073741824/);
  });

  it('deep nesting', async () => {
    const field = (number: number, bytes: Buffer): Buffer => {
      const length: number[] = [];
      for (let left = bytes.length; ; left >>= 7) {
        length.push(left > 127 ? (left & 127) | 128 : left);
        if (left <= 127) break;
      }
      return Buffer.concat([Buffer.from([(number << 3) | 2, ...length]), bytes]);
    };
    let graph = Buffer.alloc(0);
    // A graph in an attribute of a node of a graph, and so on.
    for (let depth = 0; depth < 2000; depth++) graph = Buffer.from(field(1, field(5, field(6, graph))));
    await refused(score(await file('deep.onnx', field(7, graph))), /nested too deeply/);
  });

  it('what is no model', async () => {
    await refused(score(await file('empty.onnx', Buffer.alloc(0))), /empty file/);
    await refused(score(await file('page.onnx', Buffer.from('<html>'))), /no[t]? a? ?readable ONNX|cannot be loaded/);
    const whole = await readFile(fixture('flights'));
    await refused(score(await file('cut.onnx', whole.subarray(0, 300))), /not a readable ONNX file/);
  });
});

describe('refused for what it takes or gives', () => {
  const more: Feature[] = [...configOf().features, { name: 'row_id', type: 'int64' }];
  it.each([
    ['a ZipMap', 'zipmap', {}, /no tensor \(a ZipMap\? export with zipmap=False\)/],
    ['one row at a time', 'one-row', {}, /for exactly 1 rows at a time; the first dimension must be free/],
    ['float64', 'double-input', {}, /"hour" as float64; it must be float32, int64 or string/],
    ['a missing output', 'no-score', {}, /no output "score"/],
    ['a feature that it lacks', 'flights', { features: more }, /no input for the feature "row_id" \(int64\)/],
    [
      'a feature of another type',
      'flights',
      { features: retyped('hour', 'float32') },
      /"hour" \(int64\), but .* float32/,
    ],
    ['text for a number', 'flights', { features: retyped('origin', 'float32') }, /"origin" \(string\), but .* float32/],
    ['answers that depend on the batch', 'mixed-rows', {}, /with score 0\.5 alone and .* among 64 rows/],
  ])('%s', (_, name, change, words) => refused(score(fixture(name), change), words));

  it('answers that are no numbers', async () =>
    refused(score(await file('nan.onnx', await biased(Number.NaN))), /score NaN, which is no probability/));

  function retyped(name: string, type: Feature['type']): Feature[] {
    return configOf().features.map((feature) => (feature.name === name ? { name, type } : feature));
  }
});

describe('its trainer’s own answers', () => {
  async function parity(select: string): Promise<string> {
    const path = join(folder, `parity-${count++}.parquet`);
    const weight = `CASE origin WHEN 'SEA' THEN -0.5 WHEN 'ORD' THEN 0.75 WHEN 'JFK' THEN 0.25 ELSE 0 END`;
    const scored = `SELECT *, (1 / (1 + exp(-(-1.5 + 0.1 * hour - 0.001 * distance + ${weight}))))::FLOAT AS score
                    FROM read_parquet('${folder}/rows.parquet')`;
    await sql(
      `COPY (SELECT ${select} FROM (SELECT *, (score > 0.5)::BIGINT AS prediction FROM (${scored}))) TO '${path}' (FORMAT parquet)`,
    );
    return path;
  }
  let model: string;
  beforeAll(async () => void (model = await file('model.onnx', await biased(-1.5))));

  it('agree', async () => {
    const { servable } = await score(model, { parityFile: await parity('*') });
    expect(servable.parity?.rows).toBe(3000);
    expect(servable.parity?.largestDifference).toBeLessThan(1e-6);
  });

  it.each([
    [
      'other scores',
      `* REPLACE (CASE WHEN row_id = 1234 THEN score + 0.01 ELSE score END AS score)`,
      /in row 1235 of parity.parquet it answers score 0\.\d+, the trainer said/,
    ],
    [
      'the other prediction',
      `* REPLACE (1 - prediction AS prediction)`,
      /its prediction is another one in 3000 of 3000 rows/,
    ],
    ['a column missing', `* EXCLUDE (hour)`, /parity.parquet has no column "hour"/],
    ['no scores', `* REPLACE ('high' AS score)`, /cannot be compared: .*high/],
    ['a score that is missing', `* REPLACE (NULL::FLOAT AS score)`, /disagrees with its trainer: in row 1 /],
  ])('%s', async (_, select, words) => refused(score(model, { parityFile: await parity(select) }), words));

  it('are asked for after the trial, whose limit of time is a shorter one', async () => {
    const wrong = await parity(`* REPLACE (1 - score AS score)`);
    // Both are wrong with it: what is said first was looked at first.
    await refused(score(fixture('mixed-rows'), { parityFile: wrong }), /alone and .* among 64 rows/);
    await refused(score(model, { parityFile: wrong }), /disagrees with its trainer/);
  });

  it('tell columns in another order: a matrix cannot', async () => {
    const features = ['hour', 'distance', 'late'].map((name): Feature => ({ name, type: 'float32' }));
    const z = (first: string, second: string) => `0.123456789 + 0.1 * ${first} - 0.001 * ${second} + 0.5 * late`;
    const said = (order: string) =>
      `hour, distance, late, (1 / (1 + exp(-(${order}))))::FLOAT AS score, (${order} > 0)::BIGINT AS prediction`;
    const change = { features, labelColumn: 'late' };
    const right = await score(fixture('matrix'), { ...change, parityFile: await parity(said(z('hour', 'distance'))) });
    expect(right.servable.parity?.rows).toBe(3000);
    const swapped = await parity(said(z('distance', 'hour')));
    await refused(score(fixture('matrix'), { ...change, parityFile: swapped }), /disagrees with its trainer/);
  });
});

describe('within its limits', () => {
  it('a model that grows is refused for its memory', async () => {
    const before = process.memoryUsage().rss;
    await refused(
      score(fixture('bomb-of-memory'), {}, { memoryBytes: 2 ** 30 }),
      /needs more memory than it may have \(1\.0 GiB\)/,
    );
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * 2 ** 20);
  });

  it('a model that never ends is refused in the time of a trial', async () => {
    const from = performance.now();
    const limits = { trialLimitMs: 2000, timeLimitMs: 60_000 };
    await refused(score(fixture('bomb-of-time'), {}, limits), /did not load and answer a few rows within 2 s/);
    expect(performance.now() - from).toBeLessThan(10_000);
  });

  it('a good one needs less', async () => {
    const { answers } = await score(await file('good.onnx', await biased(-1)), {}, { memoryBytes: 2 ** 30 });
    expect(answers.labels).toHaveLength(3000);
  });
});
