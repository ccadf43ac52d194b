import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createScorer } from '../../../src/adapters/onnx/scoring.js';
import { valueOf } from '../../../src/contracts/index.js';
import { measure } from '../../../src/domain/evaluation/performance.js';
import type { ScoreRequest } from '../../../src/activities/scoring.js';
import { biased } from '../../support/models.js';
import { configOf, sql, writeFlights } from '../../support/steps.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'seawall-scoring-'));
  await writeFlights(join(folder, 'rows.parquet'), 0, 5000);
  await writeFile(join(folder, 'model.onnx'), await biased(-1.5));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

let count = 0;
async function requestOf(change: Partial<ScoreRequest> = {}): Promise<ScoreRequest> {
  const workDir = join(folder, `work-${count++}`);
  await mkdir(workDir);
  return {
    subject: 'the challenger',
    modelFile: join(folder, 'model.onnx'),
    rowsFile: join(folder, 'rows.parquet'),
    features: configOf().features,
    labelColumn: 'late',
    answering: { task: 'binary' },
    workDir,
    parityFile: null,
    withRows: null,
    signal: new AbortController().signal,
    ...change,
  };
}

async function rowsWith(expression: string): Promise<string> {
  const file = join(folder, `rows-${count++}.parquet`);
  await sql(
    `COPY (SELECT * REPLACE (${expression}) FROM read_parquet('${folder}/rows.parquet')) TO '${file}' (FORMAT parquet)`,
  );
  return file;
}

it('scores every row in the file’s order, as the formula says', async () => {
  const withRows = { file: join(folder, 'scored.parquet'), prefix: '_' };
  const { answers, servable } = await createScorer().score(await requestOf({ withRows }));
  const { scores, labels } = answers;
  expect(scores).toHaveLength(5000);
  expect(servable).toMatchObject({ bytes: 638, parity: null });
  expect(servable.rowMs).toBeGreaterThan(0);
  expect(servable.rowMs).toBeLessThan(50);
  const weight = `CASE origin WHEN 'SEA' THEN -0.5 WHEN 'ORD' THEN 0.75 WHEN 'JFK' THEN 0.25 ELSE 0 END`;
  const rows = await sql<{ late: number; expected: number; _score: number }>(
    `SELECT late, 1 / (1 + exp(-(-1.5 + 0.1 * hour - 0.001 * distance + ${weight}))) AS expected, _score FROM read_parquet('${withRows.file}')`,
  );
  rows.forEach((row, i) => {
    if (Math.abs((scores[i] as number) - row.expected) > 1e-5) expect(scores[i]).toBeCloseTo(row.expected, 5);
    if (row._score !== scores[i] || row.late !== labels[i])
      expect([row._score, row.late]).toEqual([scores[i], labels[i]]);
  });
  const original = await sql<{ late: number }>(`SELECT late FROM read_parquet('${folder}/rows.parquet')`);
  expect([...labels]).toEqual(original.map((row) => row.late));
  expect(valueOf(measure(answers), 'auc')).toBeGreaterThan(0.6);
});

it('scores every row of a large holdout: more than an appender holds back before it writes', async () => {
  const rows = 300_000;
  const rowsFile = join(folder, 'many.parquet');
  await sql(`COPY (SELECT r.* FROM range(${rows / 5000}) CROSS JOIN read_parquet('${folder}/rows.parquet') r)
    TO '${rowsFile}' (FORMAT parquet)`);
  const withRows = { file: join(folder, 'many-scored.parquet'), prefix: '_' };
  const { scores, labels } = (await createScorer().score(await requestOf({ rowsFile, withRows }))).answers;
  expect([scores.length, labels.length]).toEqual([rows, rows]);
  const [copied] = await sql<{ rows: number }>(
    `SELECT count(_score)::INTEGER AS rows FROM read_parquet('${withRows.file}')`,
  );
  expect(copied?.rows).toBe(rows);
});

it.each([
  ['a label that is missing', `CASE WHEN row_id = 4321 THEN NULL ELSE late END AS late`, 'row 4322'],
  ['a label that is no label', `CASE WHEN row_id = 3 THEN 2 ELSE late END AS late`, 'row 4'],
  ['a missing value that int64 cannot say', `CASE WHEN row_id = 7 THEN NULL ELSE hour END AS hour`, 'row 8'],
  ['a column of another type', `'noon' AS hour`, 'cannot be read'],
])('says where the holdout has %s', async (_, expression, words) => {
  const request = await requestOf({ rowsFile: await rowsWith(expression) });
  await expect(createScorer().score(request)).rejects.toMatchObject({
    type: 'BadData',
    message: expect.stringContaining(words) as string,
  });
});

it('takes a missing text for the empty one', async () => {
  const request = await requestOf({ rowsFile: await rowsWith(`NULL::VARCHAR AS origin`) });
  expect((await createScorer().score(request)).answers.scores).toHaveLength(5000);
});

it('says which column the holdout lacks, and which input the configuration lacks', async () => {
  const features = configOf().features;
  const more = await requestOf({ features: [...features, { name: 'weekday', type: 'int64' }] });
  await expect(createScorer().score(more)).rejects.toMatchObject({
    type: 'BadData',
    message: expect.stringContaining('weekday') as string,
  });
  const fewer = await requestOf({ features: features.slice(0, 2) });
  await expect(createScorer().score(fewer)).rejects.toMatchObject({
    type: 'InvalidModel',
    message: expect.stringContaining('"origin"') as string,
  });
});

const CLASSES = ['late', 'early', 'on-time'];
const answeringOf = (classes: string[]) => ({ task: 'multiclass' as const, classes });
const fixturePath = (name: string): string => join(import.meta.dirname, '../../fixtures/models', `${name}.onnx`);
it.each([
  ['text', `['late', 'early', 'on-time'][1 + row_id % 3]`, CLASSES],
  ['whole numbers, stored as such or with a point', `7 + row_id % 3`, ['7', '8', '9']],
  ['whole numbers in a float', `(7 + row_id % 3)::FLOAT`, ['7', '8', '9']],
])('scores several classes, labelled by %s', async (_, label, classes) => {
  const withRows = { file: join(folder, `classes-${count}.parquet`), prefix: '_' };
  const modelFile = fixturePath(classes === CLASSES ? 'three-classes' : 'three-numbers');
  const change = { modelFile, rowsFile: await rowsWith(`${label} AS late`), answering: answeringOf(classes), withRows };
  const { labels, predictions, scores, width } = (await createScorer().score(await requestOf(change))).answers;
  expect([labels.length, predictions.length, scores.length, width]).toEqual([5000, 5000, 15_000, 3]);
  const rows = await sql<Record<string, unknown>>(`SELECT * FROM read_parquet('${withRows.file}')`);
  rows.forEach((row, i) => {
    const own = [...scores.subarray(3 * i, 3 * i + 3)];
    const expected = [i % 3, own.indexOf(Math.max(...own)), ...own];
    const found = [
      labels[i],
      classes.indexOf(row['_prediction'] as string),
      ...classes.map((name) => row[`_score_${name}`]),
    ];
    if (found.some((value, at) => value !== expected[at])) expect(found).toEqual(expected);
  });
  expect(new Set(predictions).size).toBeGreaterThan(1);
});

it('scores numbers', async () => {
  const withRows = { file: join(folder, 'numbers.parquet'), prefix: '_' };
  const rowsFile = await rowsWith(`row_id / 7 - 3 AS late`);
  const change = { modelFile: fixturePath('number'), rowsFile, answering: { task: 'regression' as const }, withRows };
  const { labels, predictions, scores } = (await createScorer().score(await requestOf(change))).answers;
  expect(scores).toHaveLength(0);
  expect(labels[4999]).toBe(4999 / 7 - 3);
  const rows = await sql<{ _prediction: number }>(`SELECT _prediction FROM read_parquet('${withRows.file}')`);
  expect(rows.map((row) => row._prediction)).toEqual([...predictions]);
});

it.each([
  [
    'a label that is no class',
    `CASE WHEN row_id = 4321 THEN 'lost' ELSE 'late' END AS late`,
    answeringOf(CLASSES),
    'row 4322',
  ],
  ['a class that is half a number', `7 + (row_id = 77)::INTEGER / 2 AS late`, answeringOf(['7', '8', '9']), 'row 78'],
  [
    'a number that is none',
    `CASE WHEN row_id = 9 THEN 'inf'::DOUBLE ELSE 1 END AS late`,
    { task: 'regression' as const },
    'row 10',
  ],
])('says where the holdout has %s', async (_, expression, answering, words) => {
  const name =
    answering.task === 'regression' ? 'number' : answering.classes.includes('7') ? 'three-numbers' : 'three-classes';
  const request = await requestOf({ rowsFile: await rowsWith(expression), answering, modelFile: fixturePath(name) });
  await expect(createScorer().score(request)).rejects.toMatchObject({
    type: 'BadData',
    message: expect.stringContaining(words) as string,
  });
});

it('ends a process that takes too long', async () => {
  await expect(createScorer({ timeLimitMs: 1 }).score(await requestOf())).rejects.toMatchObject({
    type: 'InvalidModel',
    message: expect.stringContaining('did not load') as string,
  });
});

it('ends the process when it is cancelled', async () => {
  const controller = new AbortController();
  const request = await requestOf({ signal: controller.signal });
  const ended = createScorer().score(request);
  controller.abort(new Error('enough'));
  await expect(ended).rejects.toThrow('enough');
  await expect(readFile(join(request.workDir, 'scores.f32'))).rejects.toThrow('ENOENT');
});
