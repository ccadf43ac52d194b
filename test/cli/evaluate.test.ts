import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { biased } from '../support/models.js';
import { sql, writeFlights } from '../support/steps.js';
import { fixture } from '../serving/support.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'seawall-evaluate-cli-'));
  await writeFlights(join(folder, 'a.parquet'), 0, 3000);
  await sql(`COPY (SELECT * FROM '${folder}/a.parquet' LIMIT 500) TO '${folder}/b.jsonl' (FORMAT json)`);
  await writeFile(join(folder, 'good.onnx'), await biased(-1.2));
  await writeFile(join(folder, 'bad.onnx'), await biased(-2.2));
  await writeFile(
    join(folder, 'model.yaml'),
    `name: flights
features: { hour: int64, distance: float32, origin: string }
label: { column: late }
dataset: { name: flights, rowId: row_id }
holdout: { hashFraction: 0.3 }
trainer: { use: xgboost, device: cpu }
promotion:
  slices: { by: [origin], margin: 0.02, minRows: 100 }
  tests: [{ name: later, kind: direction, add: { hour: 2 }, expect: up }]
`,
  );
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function seawall(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const program = resolve(import.meta.dirname, '../../bin/seawall.js');
  try {
    const done = await promisify(execFile)(process.execPath, [program, 'evaluate', ...args], { cwd: folder });
    return { code: 0, ...done };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, stdout, stderr };
  }
}
const DATA = ['--config', 'model.yaml', '--data', 'a.parquet', 'b.jsonl'];

it('promotes the better one with exit code 0, and writes a page', async () => {
  const { code, stdout } = await seawall(
    'good.onnx',
    '--champion',
    'bad.onnx',
    ...DATA,
    '--json',
    '--html',
    'page.html',
  );
  expect(code).toBe(0);
  const found = JSON.parse(stdout) as {
    summary: { rows: number; method: string };
    promotion: { promote: boolean; rules: object[] };
  };
  expect(found).toMatchObject({
    model: 'flights',
    promotion: { promote: true },
    summary: { rows: 3500, method: 'bootstrap' },
  });
  expect(found.promotion.rules.map((rule) => (rule as { rule: string }).rule)).toEqual([
    'gain',
    'gainInterval',
    'enoughRows',
    'slices',
    'behaviour.direction',
  ]);
  const page = await readFile(join(folder, 'page.html'), 'utf8');
  for (const part of [
    'ROC',
    'Calibration',
    'Gain in log loss',
    'origin = SEA',
    'Behaviour',
    'the challenger is promoted',
  ])
    expect(page).toContain(part);
  expect(page).not.toMatch(/<script|NaN|undefined/);
});

it('refuses with exit code 1, for a person and as JSON', async () => {
  const { code, stdout } = await seawall('bad.onnx', '--champion', 'good.onnx', ...DATA);
  expect(code).toBe(1);
  expect(stdout).toMatch(/FAILS {2}gain in log loss over the champion -0\.\d+/);
  expect(stdout.trim().split('\n').at(-1)).toBe('refused');
  const unfit = await seawall(fixture('zipmap'), '--champion', 'none', ...DATA, '--json');
  expect(unfit.code).toBe(1);
  expect(JSON.parse(unfit.stdout)).toMatchObject({ error: { type: 'InvalidModel' } });
});

it('judges a first model alone, on what the configuration holds out', async () => {
  const { code, stdout } = await seawall(
    'good.onnx',
    '--config',
    'model.yaml',
    '--data',
    'a.parquet',
    '--champion',
    'none',
    '--held-out',
    '--json',
  );
  expect(code).toBe(0);
  const { summary } = JSON.parse(stdout) as { summary: { rows: number; champion: null } };
  expect(summary.champion).toBeNull();
  expect(summary.rows).toBeGreaterThan(800);
  expect(summary.rows).toBeLessThan(1000);
});

it.each([
  [['good.onnx', '--data', 'a.parquet'], 'give seawall evaluate MODEL CHALLENGER'],
  [['flights', 'good.onnx', '--config', 'model.yaml', '--data', 'a.parquet'], 'give seawall evaluate MODEL CHALLENGER'],
  [['good.onnx', '--config', 'model.yaml', '--champion', 'none'], '--data'],
  [['good.onnx', '--config', 'model.yaml', '--data', 'a.parquet'], 'say what to beat'],
])('wrong usage: exit code 2 (%j)', async (args, words) => {
  const { code, stderr } = await seawall(...args);
  expect(code).toBe(2);
  expect(stderr).toContain(words);
});

it.each([
  [
    ['good.onnx', '--config', 'model.yaml', '--data', 'gone.parquet', '--champion', 'none'],
    'gone.parquet cannot be read',
  ],
  [['gone.onnx', '--config', 'model.yaml', '--data', 'a.parquet', '--champion', 'none'], 'gone.onnx cannot be read'],
  [
    ['good.onnx', '--config', 'model.yaml', '--data', 'model.yaml', '--champion', 'none'],
    'does not end in .parquet or .jsonl',
  ],
])('what is not there: exit code 1 (%j)', async (args, words) => {
  const { code, stderr } = await seawall(...args);
  expect(code).toBe(1);
  expect(stderr).toContain(words);
});
