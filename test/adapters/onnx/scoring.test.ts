import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createScorer } from '../../../src/adapters/onnx/scoring.js';
import { measure } from '../../../src/activities/paired-performance.js';
import type { ScoreRequest } from '../../../src/activities/evaluate.js';
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
    workDir,
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
  const withRows = { file: join(folder, 'scored.parquet'), scoreColumn: '_score' };
  const { scores, labels } = await createScorer().score(await requestOf({ withRows }));
  expect(scores).toHaveLength(5000);
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
  expect(measure(scores, labels).auc).toBeGreaterThan(0.6);
});

it('scores every row of a large holdout: more than an appender holds back before it writes', async () => {
  const rows = 300_000;
  const rowsFile = join(folder, 'many.parquet');
  await sql(`COPY (SELECT r.* FROM range(${rows / 5000}) CROSS JOIN read_parquet('${folder}/rows.parquet') r)
    TO '${rowsFile}' (FORMAT parquet)`);
  const withRows = { file: join(folder, 'many-scored.parquet'), scoreColumn: '_score' };
  const { scores, labels } = await createScorer().score(await requestOf({ rowsFile, withRows }));
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
  expect((await createScorer().score(request)).scores).toHaveLength(5000);
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

it('ends a process that takes too long', async () => {
  await expect(createScorer({ timeLimitMs: 1 }).score(await requestOf())).rejects.toMatchObject({
    type: 'InvalidModel',
    message: expect.stringContaining('did not score') as string,
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
