import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { resolveTrainer, runTrainer } from '../../src/adapters/trainer/index.js';
import { classifyAll } from '../../src/activities/errors.js';
import { createStore, type Store } from '../../src/adapters/store/index.js';
import { usedMs } from '../../src/activities/fleet/use.js';
import { createRunActivities } from '../../src/activities/run.js';
import { chooseDevice, createTrainActivities } from '../../src/activities/train.js';
import { keys, type ModelConfig, type TrainProgress } from '../../src/contracts/index.js';
import {
  act,
  applyConfig,
  commitWeeks,
  configOf,
  environment,
  materializeOf,
  MODEL,
  NAMESPACE,
  sql,
  startSteps,
  type Steps,
  type StepsServer,
} from '../support/steps.js';

const PYTHON = process.env['SEAWALL_PYTHON'] ?? resolve(import.meta.dirname, '../../.seawall/venv/bin/python');
const TRAINERS = resolve(import.meta.dirname, '../../trainers');
const workerId = 'w1';

let server: StepsServer;
let steps: Steps;
let n = 0;
beforeAll(async () => {
  server = await startSteps();
  steps = await server.fresh();
  await commitWeeks(steps, 300);
});
afterAll(() => server.stop());

function activities(cuda: string[] = []) {
  return classifyAll(
    createTrainActivities({
      ...steps.store,
      materialize: materializeOf(steps),
      trainer: {
        resolve: (run) => resolveTrainer(run, { python: PYTHON, environments: undefined, trainersDir: TRAINERS }),
        run: (start) => runTrainer({ ...start, cwd: steps.home, env: { PATH: process.env['PATH'] ?? '' } }),
      },
      devices: () => ({ cuda }),
      home: steps.home,
      namespace: NAMESPACE,
      workerId,
    }),
  );
}

/** A run of its own, under this trainer. */
async function openWith(
  trainer: Partial<ModelConfig['trainer']>,
): Promise<{ model: string; n: number; attempt: number }> {
  n += 1;
  const config = configOf();
  await applyConfig(steps, { ...config, trainer: { ...config.trainer, ...trainer } });
  const runs = createRunActivities({ ...steps.store, searchAttributes: true });
  await act(runs.openRun, { model: MODEL, n, workflowId: `train/flights/${n}`, causeId: 'test' });
  return { model: MODEL, n, attempt: 1 };
}
const command = (script: string) => openWith({ run: { command: [process.execPath, '-e', script] } });
const WRITE_MODEL = `require('fs').writeFileSync(process.env.SEAWALL_MODEL_DIR + '/model.onnx', 'model');`;

async function logOf(run: number, attempt = 1): Promise<string> {
  const path = join(steps.home, `log-${run}-${attempt}`);
  await steps.store.files.download(keys.trainerLog(MODEL, run, attempt), path);
  return readFile(path, 'utf8');
}

/** What is written of the attempts' device time. */
async function usesOf(run: number): Promise<string[]> {
  const kinds: string[] = [];
  for await (const { key } of steps.store.json.list(keys.runUse(MODEL, run))) kinds.push(key.split('.').at(-2) ?? '');
  return kinds;
}

it('trains with the ready trainer and stores model and log', async () => {
  if (!existsSync(PYTHON)) throw new Error(`no Python environment at ${PYTHON}: run npm test, or set SEAWALL_PYTHON`);
  const input = await openWith({});
  const env = environment();
  const beats: TrainProgress[] = [];
  env.on('heartbeat', (details: TrainProgress) => beats.push(details));
  const trained = await act(activities().trainModel, input, env);
  expect(trained).toMatchObject({ workerId, device: 'cpu' });
  expect(trained.trainSeconds).toBeGreaterThan(0);
  expect(beats[0]).toEqual({ progress: null, step: null, loss: null, workerId });
  const stored = join(steps.home, 'model.onnx');
  await steps.store.blobs.fetchTo(trained.model.sha256, stored);
  expect((await readFile(stored)).length).toBe(trained.model.size);
  const parity = join(steps.home, 'parity.parquet');
  await steps.store.blobs.fetchTo(trained.parity!.sha256, parity);
  const [own] = await sql<{ rows: number }>(`SELECT count(score)::INTEGER AS rows FROM '${parity}'`);
  expect(own!.rows).toBeGreaterThan(100);
  expect((await logOf(input.n)).length).toBeGreaterThan(0);
  const folder = join(steps.home, 'work', NAMESPACE, MODEL, String(input.n));
  expect((await readdir(folder)).sort()).toEqual(['attempts', 'checkpoints', 'data', 'logs']);
  expect(await readdir(join(folder, 'attempts'))).toEqual([]);
  expect(await usesOf(input.n)).toEqual(['ended', 'started']);
  expect(await usedMs(steps.store, MODEL, input.n, Date.now())).toBeGreaterThanOrEqual(trained.trainSeconds * 1_000);
});

it('gives the trainer its contract: training rows only, parameters, device, attempt', async () => {
  const input = await command(
    `const e = process.env; console.log(JSON.stringify({ data: e.SEAWALL_DATA_DIR, files: require('fs').readdirSync(e.SEAWALL_DATA_DIR),
      params: JSON.parse(e.SEAWALL_PARAMS), device: e.SEAWALL_DEVICE, attempt: e.SEAWALL_ATTEMPT })); ${WRITE_MODEL}`,
  );
  expect((await act(activities(['cuda:1']).trainModel, { ...input, attempt: 2 })).device).toBe('cuda:1');
  const seen = JSON.parse(await logOf(input.n, 2)) as Record<string, unknown>;
  const data = join(steps.home, 'work', NAMESPACE, MODEL, String(input.n), 'data');
  expect(seen).toMatchObject({
    data: join(data, 'train'),
    files: ['week=2001-02-05', 'week=2001-02-12', 'week=2001-02-19'],
    params: {
      params: { trees: 10 },
      label: { column: 'late' },
      task: 'binary',
      seed: 7,
      features: configOf().features,
    },
    device: 'cuda:1',
    attempt: `steps/w1/flights/${input.n}/2`,
  });
});

describe('a trainer that fails', () => {
  it.each([
    ['BadData', 'process.exit(65)', true],
    ['BadParameters', 'process.exit(64)', true],
    ['TrainerTemporary', 'process.exit(75)', false],
    ['TrainerTemporary', "process.kill(process.pid, 'SIGKILL')", false],
    ['TrainerCrashed', 'process.exit(3)', true],
    ['NoModel', '', true],
  ])('%s: %s', async (type, script, nonRetryable) => {
    const input = await command(`console.log('the last words');${script}`);
    const failure = { type, nonRetryable, message: expect.stringContaining('the last words') as string };
    await expect(act(activities().trainModel, input)).rejects.toMatchObject(failure);
    expect(await logOf(input.n)).toContain('the last words');
    expect(await usesOf(input.n)).toEqual(['ended', 'started']); // it costs what it costs
  });

  it('TrainerTimedOut', async () => {
    const input = await openWith({
      run: { command: [process.execPath, '-e', 'setInterval(() => 0, 1e3)'] },
      timeoutMs: 300,
      graceMs: 300,
    });
    await expect(act(activities().trainModel, input)).rejects.toMatchObject({
      type: 'TrainerTimedOut',
      nonRetryable: true,
    });
  });

  it('finds its checkpoints in the next attempt', async () => {
    const input = await command(`const fs = require('fs'); const file = process.env.SEAWALL_CHECKPOINT_DIR + '/step';
      if (!fs.existsSync(file)) { fs.writeFileSync(file, '7'); process.exit(75); } ${WRITE_MODEL}`);
    await expect(act(activities().trainModel, input)).rejects.toMatchObject({ type: 'TrainerTemporary' });
    expect((await act(activities().trainModel, { ...input, attempt: 2 })).model.size).toBe(5);
  });
});

describe('cancelled', () => {
  const cancelled = async (reason: 'CANCELLED' | 'WORKER_SHUTDOWN') => {
    const input = await command(
      `console.log(JSON.stringify({ progress: 0.1, step: process.pid })); console.log('pid ' + process.pid); setInterval(() => 0, 1e3);`,
    );
    const env = environment();
    const started = new Promise<number>((done) => {
      env.on('heartbeat', ({ step }: TrainProgress) => step && done(step));
    });
    const ended = act(activities().trainModel, input, env).catch((error: unknown) => error);
    const pid = await started;
    env.cancel(reason);
    const error = await ended;
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    return error;
  };

  it('stops the trainer before it rejects', async () => {
    expect(await cancelled('CANCELLED')).toMatchObject({ name: 'CancelledFailure' });
  });

  it('is tried elsewhere when only the worker goes', async () => {
    expect(await cancelled('WORKER_SHUTDOWN')).toMatchObject({ type: 'Unavailable', nonRetryable: false });
  });
});

describe('an outage of storage', () => {
  /** What the activity needs, on a client without patience of its own; every start of a trainer is counted. */
  const brief = (change: Partial<Store> = {}) => {
    const prefix = steps.home.slice(steps.home.lastIndexOf('/') + 1);
    const store = { ...createStore({ ...steps.s3.options, prefix, retries: 0, deadlineMs: 2_000 }), ...change };
    const counted = { starts: 0, ended: () => Promise.resolve() };
    const { trainModel } = classifyAll(
      createTrainActivities({
        ...store,
        materialize: materializeOf({ ...steps, store }),
        trainer: {
          resolve: (run) => resolveTrainer(run, { python: PYTHON, environments: undefined, trainersDir: TRAINERS }),
          run: async (start) => {
            counted.starts += 1;
            const end = await runTrainer({ ...start, cwd: steps.home, env: { PATH: process.env['PATH'] ?? '' } });
            await counted.ended();
            return end;
          },
        },
        devices: () => ({ cuda: [] }),
        home: steps.home,
        namespace: NAMESPACE,
        workerId,
      }),
    );
    return { store, counted, trainModel };
  };
  const attempts = (run: number) => readdir(join(steps.home, 'work', NAMESPACE, MODEL, String(run), 'attempts'));

  it('costs neither the attempt nor the model', async () => {
    const input = await command(WRITE_MODEL);
    const { blobs } = steps.store;
    let failures = 0;
    const { counted, store, trainModel } = brief();
    const putFile = store.blobs.putFile;
    // The first word of the outage brings the server back.
    store.blobs.putFile = (path) =>
      putFile(path).catch(async (error: unknown) => {
        failures += 1;
        await steps.s3.restart();
        throw error;
      });
    counted.ended = () => steps.s3.kill();
    const trained = await act(trainModel, input);
    expect([counted.starts, failures]).toEqual([1, 1]);
    await blobs.fetchTo(trained.model.sha256, join(steps.home, 'after-outage'));
    expect(await logOf(input.n)).toBe('');
    expect(await attempts(input.n)).toEqual([]);
    store.close();
  });

  it('that outlasts the attempt leaves the model on the host, and the next attempt stores it', async () => {
    const input = await command(WRITE_MODEL);
    const { counted, store, trainModel } = brief();
    const env = environment();
    const failed = new Promise<void>((done) => {
      const putFile = store.blobs.putFile;
      store.blobs.putFile = (path) => putFile(path).finally(done);
    });
    counted.ended = () => steps.s3.kill();
    const ended = act(trainModel, input, env).catch((error: unknown) => error);
    await failed;
    env.cancel('WORKER_SHUTDOWN');
    expect(await ended).toMatchObject({ type: 'Unavailable', nonRetryable: false });
    expect(await attempts(input.n)).toHaveLength(1);
    await steps.s3.restart();
    const trained = await act(trainModel, { ...input, attempt: 2 });
    expect(trained).toMatchObject({ device: 'cpu', model: { size: 5 } });
    expect(counted.starts).toBe(1);
    expect(await attempts(input.n)).toEqual([]);
    store.close();
  });

  it('before the training is waited out as well', async () => {
    const input = await command(WRITE_MODEL);
    await steps.s3.kill();
    const { counted, store, trainModel } = brief();
    const read = store.json.read;
    store.json.read = <T>(key: string) =>
      read<T>(key).catch(async (error: unknown) => {
        await steps.s3.restart();
        throw error;
      });
    expect((await act(trainModel, input)).model.size).toBe(5);
    expect(counted.starts).toBe(1);
    store.close();
  });
});

it('chooses among what the host has', async () => {
  expect(chooseDevice('cpu', ['cuda:0'])).toBe('cpu');
  expect(chooseDevice('cuda', ['cuda:2', 'cuda:0'])).toBe('cuda:2');
  expect(chooseDevice('cudaOrCpu', [])).toBe('cpu');
  const input = await openWith({ device: 'cuda' });
  await expect(act(activities().trainModel, input)).rejects.toMatchObject({ type: 'NoDevice', nonRetryable: true });
});
