/** `seawall train local` and `seawall trainer check`, without Temporal. */
import { mkdir, mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createStore, type Store } from '../../src/adapters/store/index.js';
import { trainerCheck } from '../../src/cli/trainer/check.js';
import { trainLocal } from '../../src/cli/trainer/local.js';
import { runCommand } from '../support/command.js';
import { s3Environment, startS3, type S3Server } from '../support/s3.js';

const TRAINER = resolve('test/adapters/trainer/fixtures/checked.mjs');
const MODELS = resolve('test/fixtures/models');
const PATIENCE = 180_000;
let s3: S3Server;
let store: Store;
let env: Record<string, string>;
let folder: string;

beforeAll(async () => {
  s3 = await startS3();
  store = createStore({ ...s3.options, prefix: 'local' });
  folder = await mkdtemp(join(tmpdir(), 'seawall-local-'));
  env = { ...s3Environment(s3.options, 'local'), SEAWALL_HOME: join(folder, 'home'), PATH: process.env['PATH'] ?? '' };
  await mkdir(join(folder, 'data', 'dt=2026-01-01'), { recursive: true });
  const rows = Array.from({ length: 400 }, (_, i) => {
    const row = { id: `r${i}`, hour: i % 24, distance: (i * 37) % 900, origin: ['SEA', 'ORD', 'JFK'][i % 3] };
    return JSON.stringify({ ...row, late: Number(row.hour > 12) });
  });
  await writeFile(join(folder, 'data', 'dt=2026-01-01', 'rows.jsonl'), rows.join('\n'));
  await writeFile(join(folder, 'flights.yaml'), fileWith());
});
afterAll(async () => {
  store.close();
  await s3.stop();
});

const fileWith = (...flaws: string[]): string => `
name: flights
features: { hour: int64, distance: float32, origin: string }
label: { column: late }
dataset: { name: flights, rowId: id }
holdout: { hashFraction: 0.25 }
trainer: { device: cpu, command: [${[process.execPath, TRAINER, MODELS, ...flaws].map((each) => JSON.stringify(each)).join(', ')}] }
`;
const local = (options: object) =>
  runCommand(trainLocal, [], { env, cwd: folder, options: { config: 'flights.yaml', ...options } });

test(
  'trains on a folder, and says how the model does on rows that it never saw',
  async () => {
    const { document, text } = await local({ data: 'data', out: 'out' });
    expect(document).toMatchObject({ model: 'flights', device: 'cpu', file: join(folder, 'out/model/model.onnx') });
    expect(document.trainRows + document.holdoutRows).toBe(400);
    expect(document.performance.auc).toBeGreaterThan(0.6);
    expect(document.servable).toMatchObject({ parity: null });
    expect(text).toContain('auc 0.');
    expect(await readdir(join(folder, 'out/data/train/dt=2026-01-01'))).toEqual(['rows.parquet']);
    expect(await readFile(join(folder, 'out/trainer.log'), 'utf8')).toContain('"progress":1');
  },
  PATIENCE,
);

test(
  'trains on a version, the newest or the one that is named',
  async () => {
    await expect(local({})).rejects.toMatchObject({ type: 'NotFound' });
    const file = { path: 'dt=2026-01-01/rows.jsonl', localFile: join(folder, 'data/dt=2026-01-01/rows.jsonl') };
    const { version } = await store.datasets.commitVersion('flights', [file], { by: 'test' });
    const { document } = await local({});
    expect(document.data).toBe(`flights@${version.slice(0, 12)}`);
    expect(document.file).toBe(join(folder, 'home/local/flights/model/model.onnx'));
    expect((await local({ data: `flights@${version.slice(0, 8)}` })).document.trainRows).toBe(document.trainRows);
  },
  PATIENCE,
);

test(
  'a trainer that fails says why, and where the whole output is',
  async () => {
    await writeFile(join(folder, 'broken.yaml'), fileWith('crashes'));
    await expect(local({ config: 'broken.yaml', data: 'data', out: 'broken' })).rejects.toMatchObject({
      type: 'TrainerCrashed',
      next: expect.stringContaining(join(folder, 'broken/trainer.log')),
    });
    expect(await readFile(join(folder, 'broken/trainer.log'), 'utf8')).toBe('the reason why\n');
  },
  PATIENCE,
);

test(
  'trainer check: own data by the file, exit code 1 where a required point fails',
  async () => {
    const options = { config: 'flights.yaml', data: 'out/data/train' };
    const { code, document, text } = await runCommand(trainerCheck, [], { env, cwd: folder, options });
    expect(document.points.filter((point: { verdict: string }) => point.verdict === 'fail')).toMatchObject([
      { name: 'unusual', required: false },
    ]);
    expect([code, document.ok]).toEqual([0, true]);
    expect(text).toMatch(/^pass {2}starts, exits with 0/);
    const crashing = [process.execPath, TRAINER, MODELS, 'crashes'];
    const failed = await runCommand(trainerCheck, crashing, { env, cwd: folder, options: { task: 'regression' } });
    expect([failed.code, failed.document.ok]).toEqual([1, false]);
    await expect(runCommand(trainerCheck, [], { env, cwd: folder })).rejects.toMatchObject({ exitCode: 2 });
    const noTask = { task: 'ranking' };
    await expect(runCommand(trainerCheck, crashing, { env, cwd: folder, options: noTask })).rejects.toMatchObject({
      exitCode: 2,
    });
  },
  PATIENCE,
);
