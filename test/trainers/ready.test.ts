/** The ready trainers lightgbm and sklearn, and what `trainer check` says of all three. */
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createScorer } from '../../src/adapters/onnx/scoring.js';
import { checkTrainer, makeSample, type CheckedTrainer } from '../../src/adapters/trainer/check/index.js';
import { allowedEnvironment, resolveTrainer, runTrainer } from '../../src/adapters/trainer/index.js';
import type { Answering, ReadyTrainer } from '../../src/contracts/index.js';
import { temporaryFolder, trainerOptions, trainersPython } from '../adapters/trainer/harness.js';

const ENVIRONMENTS = process.env['SEAWALL_PYTHON'] ? undefined : resolve('.seawall/trainers');
const python = trainersPython();
const LIGHTGBM = ENVIRONMENTS === undefined || existsSync(join(ENVIRONMENTS, 'lightgbm/bin/python'));
/** Skipped, and shown as that, only where somebody runs vitest by itself: `npm test` makes the environment. */
const isMissing = (use: ReadyTrainer): boolean => use === 'lightgbm' && !LIGHTGBM;
const NO_LIGHTGBM = 'no environment: seawall trainer setup lightgbm';
const PATIENCE = { timeout: 300_000 };

const tasks: Record<string, Answering> = {
  binary: { task: 'binary' },
  multiclass: { task: 'multiclass', classes: ['low', 'middle', 'high'] },
  regression: { task: 'regression' },
};

function trainerOf(use: ReadyTrainer, answering: Answering, params: Record<string, unknown>): CheckedTrainer {
  return {
    argv: resolveTrainer({ use }, { python, environments: ENVIRONMENTS, trainersDir: resolve('trainers') }),
    cwd: temporaryFolder(),
    env: allowedEnvironment(process.env),
    features: [
      { name: 'hour', type: 'int64' },
      { name: 'distance', type: 'float32' },
      { name: 'origin', type: 'string' },
    ],
    label: 'label',
    answering,
    params: { threads: 1, ...params },
    seed: 7,
    device: 'cpu',
    graceMs: 20_000,
    timeoutMs: 240_000,
  };
}

const sampleOf = (trainer: CheckedTrainer, root: string) =>
  makeSample({ ...trainer, dataDir: undefined, rows: 3000, root });

describe('trainer check finds nothing to better', PATIENCE, () => {
  test.for([
    ['xgboost', 'binary', { trees: 80, checkpointEvery: 10 }],
    ['lightgbm', 'binary', { trees: 80, checkpointEvery: 10, leaves: 8 }],
    ['sklearn', 'multiclass', { model: 'boosting', trees: 60, checkpointEvery: 5, depth: 3 }],
  ] as const)('%s, %s', async ([use, task, params], { skip }) => {
    skip(isMissing(use), NO_LIGHTGBM);
    const trainer = trainerOf(use, tasks[task]!, params);
    const root = temporaryFolder();
    const points = await checkTrainer({ trainer, sample: await sampleOf(trainer, root), root, parallel: 2 });
    expect(points.filter(({ verdict }) => verdict === 'fail')).toEqual([]);
    expect(points.find(({ name }) => name === 'deterministic')?.seen).toContain('byte for byte');
    expect(points.find(({ name }) => name === 'resumesStopped')?.seen).toContain('byte for byte');
  });
});

const LEARNS = [
  ['lightgbm', 'multiclass', {}],
  ['lightgbm', 'regression', {}],
  ['sklearn', 'binary', { model: 'linear' }],
  ['sklearn', 'multiclass', { model: 'linear' }],
  ['sklearn', 'regression', { model: 'linear' }],
  ['sklearn', 'binary', { model: 'forest' }],
  ['sklearn', 'regression', { model: 'boosting' }],
] as const;

describe('every task', PATIENCE, () => {
  test.for(LEARNS)('%s, %s %o: the served model answers as the trainer did', async ([use, task, params], { skip }) => {
    skip(isMissing(use), NO_LIGHTGBM);
    const answering = tasks[task]!;
    const trainer = trainerOf(use, answering, params);
    const root = temporaryFolder();
    const sample = await sampleOf(trainer, root);
    const options = trainerOptions({
      argv: trainer.argv,
      dataDir: sample.dataDir,
      params: { ...trainer, ...answering, label: { column: 'label' } },
      timeoutMs: 240_000,
    });
    const end = await runTrainer(options);
    if (end.kind !== 'done') throw new Error(JSON.stringify(end));
    const workDir = join(root, 'work');
    mkdirSync(workDir);
    const scored = await createScorer().score({
      ...{
        subject: 'the model',
        modelFile: end.model,
        rowsFile: sample.rowsFile,
        features: trainer.features,
        answering,
      },
      ...{ labelColumn: 'label', workDir, parityFile: end.parity, withRows: null, signal: options.signal },
    });
    expect(scored.servable.parity?.rows).toBe(2000);
    expect(errorOf(scored.answers)).toBeLessThan(task === 'regression' ? 1 : 0.5);
    const metrics = JSON.parse(readFileSync(end.metrics!, 'utf8')) as Record<string, unknown>;
    expect(metrics).toMatchObject({ rows: 3000, device: 'cpu', seed: 7 });
  });
});

/** Share of wrong answers; of numbers the squared error by that of their mean. */
function errorOf({
  task,
  labels,
  predictions,
}: {
  task: string;
  labels: Float64Array;
  predictions: Float32Array;
}): number {
  if (task !== 'regression') return labels.filter((label, i) => label !== predictions[i]).length / labels.length;
  const mean = labels.reduce((sum, label) => sum + label, 0) / labels.length;
  const squares = (of: (i: number) => number): number =>
    labels.reduce((sum, label, i) => sum + (label - of(i)) ** 2, 0);
  return squares((i) => predictions[i]!) / squares(() => mean);
}

test('what is not LightGBM’s: a device, a parameter of another trainer', PATIENCE, async ({ skip }) => {
  skip(!LIGHTGBM, NO_LIGHTGBM);
  const { argv, features } = trainerOf('lightgbm', tasks['binary']!, {});
  const job = { features, task: 'binary', label: { column: 'label' }, seed: 7 };
  const refused = async (params: object, device: string) =>
    runTrainer(trainerOptions({ argv, device, params: { ...job, params } }));
  expect(await refused({}, 'cuda:0')).toMatchObject({ exitCode: 64, lastLines: [expect.stringContaining('cuda:0')] });
  expect(await refused({ bins: 1 }, 'cpu')).toMatchObject({ exitCode: 64 });
  expect(await refused({ minChildWeight: 1 }, 'cpu')).toMatchObject({
    lastLines: [expect.stringContaining('unknown parameter "minChildWeight"')],
  });
});

test('the lock of sklearn is part of that of xgboost, whose environment serves both', () => {
  const pins = (name: string) =>
    readFileSync(`trainers/${name}/requirements.lock`, 'utf8').match(/^[a-z0-9-]+==\S+.*?(?= \\$)/gm) ?? [];
  expect(pins('sklearn').length).toBeGreaterThan(10);
  expect(pins('xgboost')).toEqual(expect.arrayContaining(pins('sklearn')));
});
