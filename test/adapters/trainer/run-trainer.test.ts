import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runTrainer } from '../../../src/adapters/trainer/index.js';
import type { TrainerProgress } from '../../../src/adapters/trainer/index.js';
import { runs, shell, temporaryFolder, trainerOptions } from './harness.js';

const WRITE_MODEL = 'echo model > "$SEAWALL_MODEL_DIR/model.onnx"';

describe('a training that ends by itself', () => {
  test('gives the files and the progress, and keeps the output in the log', async () => {
    const progress: TrainerProgress[] = [];
    const script = `echo hello; echo '{"progress":0.5,"step":3,"loss":0.25,"auc":0.7}'; echo oops >&2; ${WRITE_MODEL}; echo '{}' > $SEAWALL_MODEL_DIR/metrics.json`;
    const options = trainerOptions({ argv: shell(script), onProgress: (p) => progress.push(p) });
    expect(await runTrainer(options)).toEqual({
      kind: 'done',
      seconds: expect.any(Number),
      model: join(options.modelDir, 'model.onnx'),
      metrics: join(options.modelDir, 'metrics.json'),
      parity: null,
    });
    expect(progress).toEqual([{ progress: 0.5, step: 3, loss: 0.25, auc: 0.7 }]);
    const log = readFileSync(options.logFile, 'utf8').split('\n').sort();
    expect(log).toEqual(['', 'hello', 'oops', '{"progress":0.5,"step":3,"loss":0.25,"auc":0.7}']);
  });

  test('sees the contract and the allowed variables, and nothing else of the worker', async () => {
    process.env['SEAWALL_TEST_SECRET'] = 'secret';
    const options = trainerOptions({ argv: ['/usr/bin/env'], env: { PATH: '/usr/bin:/bin', MINE: 'yes' } });
    const lines: string[] = [];
    await runTrainer({ ...options, onLog: (line) => lines.push(line) });
    delete process.env['SEAWALL_TEST_SECRET'];
    const seen = Object.fromEntries(lines.map((line) => [line.split('=')[0], line.slice(line.indexOf('=') + 1)]));
    expect(seen).toEqual({
      PATH: '/usr/bin:/bin',
      MINE: 'yes',
      PYTHONUNBUFFERED: '1',
      SEAWALL_DATA_DIR: options.dataDir,
      SEAWALL_MODEL_DIR: options.modelDir,
      SEAWALL_CHECKPOINT_DIR: options.checkpointDir,
      SEAWALL_PARAMS: '{"seed":7}',
      SEAWALL_DEVICE: 'cpu',
      SEAWALL_ATTEMPT: options.attemptId,
      SM_CHANNEL_TRAINING: options.dataDir,
      SM_MODEL_DIR: options.modelDir,
      AIP_MODEL_DIR: options.modelDir,
      AIP_CHECKPOINT_DIR: options.checkpointDir,
    });
  });

  test.each([
    ['exit 64', 'badParameters', 64, null],
    ['exit 65', 'badData', 65, null],
    ['exit 75', 'temporary', 75, null],
    ['exit 3', 'crashed', 3, null],
    ['exit 137', 'killed', 137, null],
    ['kill -KILL $$', 'killed', null, 'SIGKILL'],
    ['kill -TERM $$', 'killed', null, 'SIGTERM'],
    ['kill -SEGV $$', 'crashed', null, 'SIGSEGV'],
    ['echo "MemoryError: no" >&2; exit 1', 'outOfMemory', 1, null],
  ])('%s is %s', async (script, failure, exitCode, signal) => {
    const result = await runTrainer(trainerOptions({ argv: shell(`echo last words; ${script}`) }));
    expect(result).toMatchObject({ kind: 'failed', failure, exitCode, signal });
    expect(result).toMatchObject({ lastLines: expect.arrayContaining(['last words']) });
  });

  test('what it leaves running in its group is killed, also when all went well', async () => {
    let left = 0;
    const script = `${WRITE_MODEL}; sleep 300 & echo $!`;
    const result = await runTrainer(trainerOptions({ argv: shell(script), onLog: (line) => (left = Number(line)) }));
    expect(result.kind).toBe('done');
    expect(left).toBeGreaterThan(0);
    expect(await runs(left)).toBe(false);
  });

  test('what left its group is killed, too', async () => {
    let left = 0;
    const up = '"$SEAWALL_CHECKPOINT_DIR/up"';
    const leaving = `setsid sh -c 'echo $$; : > ${up}; exec sleep 300' &`;
    const script = `${WRITE_MODEL}; ${leaving} until [ -e ${up} ]; do sleep 0.01; done`;
    const result = await runTrainer(trainerOptions({ argv: shell(script), onLog: (line) => (left = Number(line)) }));
    expect(result.kind).toBe('done');
    expect(left).toBeGreaterThan(0);
    expect(await runs(left)).toBe(false);
  });
});

describe('exit code 0 without a model', () => {
  test.each([
    ['none', 'true', 'there is no'],
    ['an empty one', ': > "$SEAWALL_MODEL_DIR/model.onnx"', 'is empty'],
    ['a folder', 'mkdir "$SEAWALL_MODEL_DIR/model.onnx"', 'is not a regular file'],
    ['a link', 'ln -s /etc/hostname "$SEAWALL_MODEL_DIR/model.onnx"', 'is not a regular file'],
  ])('%s', async (_, script, words) => {
    const result = await runTrainer(trainerOptions({ argv: shell(script) }));
    expect(result).toMatchObject({ kind: 'failed', failure: 'noModel', exitCode: 0 });
    expect(result).toMatchObject({ message: expect.stringContaining(words) });
    expect(result).toMatchObject({ next: expect.stringContaining('$SEAWALL_MODEL_DIR/model.onnx') });
  });

  test('one that was there before', async () => {
    const options = trainerOptions({ argv: shell('true') });
    mkdirSync(options.modelDir);
    writeFileSync(join(options.modelDir, 'model.onnx'), 'old');
    expect(await runTrainer(options)).toMatchObject({
      failure: 'noModel',
      message: expect.stringContaining('is older than this start'),
    });
    expect((await runTrainer({ ...options, argv: shell(WRITE_MODEL) })).kind).toBe('done');
  });
});

describe('a training that is stopped', () => {
  test('cancelled: SIGTERM lets it save, and the result comes after its end', async () => {
    const cancel = new AbortController();
    let pid = 0;
    const lines: string[] = [];
    const onLog = (line: string): void => {
      lines.push(line);
      if (!line.startsWith('pid ')) return;
      pid = Number(line.slice(4));
      cancel.abort();
    };
    const script = `trap 'echo saved; exit 75' TERM; echo pid $$; while :; do sleep 0.05; done`;
    const result = await runTrainer(trainerOptions({ argv: shell(script), signal: cancel.signal, onLog }));
    expect(result).toEqual({ kind: 'cancelled' });
    expect(lines).toContain('saved');
    expect(await runs(pid)).toBe(false);
  });

  test('cancelled: SIGKILL to all of its group follows after the grace period', async () => {
    const cancel = new AbortController();
    const pids: number[] = [];
    const onLog = (line: string): void => {
      pids.push(Number(line));
      if (pids.length === 2) cancel.abort();
    };
    const script = `trap '' TERM; (trap '' TERM; sh -c 'echo $PPID'; while :; do sleep 1; done) & echo $$; while :; do sleep 1; done`;
    const from = performance.now();
    const options = trainerOptions({ argv: shell(script), signal: cancel.signal, onLog, graceMs: 400 });
    expect(await runTrainer(options)).toEqual({ kind: 'cancelled' });
    const tookMs = performance.now() - from;
    expect(tookMs).toBeGreaterThan(400);
    // Sooner than the worker's own, second way of ending a group, which comes half a heartbeat timeout later.
    expect(tookMs).toBeLessThan(4000);
    expect(new Set(pids).size).toBe(2);
    expect(await Promise.all(pids.map(runs))).toEqual([false, false]);
  });

  test('cancelled before the start: nothing is started', async () => {
    const options = trainerOptions({ argv: shell(WRITE_MODEL), signal: AbortSignal.abort() });
    expect(await runTrainer(options)).toEqual({ kind: 'cancelled' });
    expect(() => readFileSync(options.logFile)).toThrow(/ENOENT/);
  });

  test('timed out', async () => {
    const result = await runTrainer(trainerOptions({ argv: shell('exec sleep 300'), timeoutMs: 300 }));
    expect(result).toMatchObject({ failure: 'timedOut', message: expect.stringContaining('0.3 s') });
  });

  test('a guard that was killed alone takes its trainer with it, and is said', async () => {
    let pid = 0;
    const onLog = (line: string): void => {
      const [own, guard] = line.split(' ').map(Number) as [number, number];
      pid = own;
      process.kill(guard, 'SIGKILL');
    };
    const result = await runTrainer(trainerOptions({ argv: shell('echo $$ $PPID; exec sleep 300'), onLog }));
    expect(result).toMatchObject({ failure: 'killed', message: expect.stringContaining('guard') });
    expect(await runs(pid)).toBe(false);
  });

  test('a guard that is itself stopped does not keep a cancelled trainer alive', async () => {
    const cancel = new AbortController();
    let pid = 0;
    const onLog = (line: string): void => {
      const [own, guard] = line.split(' ').map(Number) as [number, number];
      pid = own;
      process.kill(guard, 'SIGSTOP');
      cancel.abort();
    };
    const argv = shell('echo $$ $PPID; exec sleep 300');
    const options = trainerOptions({ argv, onLog, signal: cancel.signal, graceMs: 200, heartbeatTimeoutMs: 1000 });
    expect(await runTrainer(options)).toEqual({ kind: 'cancelled' });
    expect(await runs(pid)).toBe(false);
  });
});

describe('a trainer that cannot be started', () => {
  test('its program is not there', async () => {
    const result = await runTrainer(trainerOptions({ argv: ['no-such-trainer', '--fast'] }));
    expect(result).toMatchObject({ kind: 'failed', failure: 'badParameters', exitCode: null });
    expect(result).toMatchObject({ message: expect.stringContaining('"no-such-trainer" was not found') });
  });

  test('its program may not be executed', async () => {
    const program = join(temporaryFolder(), 'train.sh');
    writeFileSync(program, '#!/bin/sh\n', { mode: 0o644 });
    const result = await runTrainer(trainerOptions({ argv: [program] }));
    expect(result).toMatchObject({ failure: 'badParameters', message: expect.stringContaining('EACCES') });
  });

  test('its data folder is missing', async () => {
    const options = trainerOptions({ argv: shell('true'), dataDir: '/nowhere/data' });
    await expect(runTrainer(options)).rejects.toThrow('/nowhere/data is not a folder');
  });
});

test('a listener that throws harms neither the training nor the worker', async () => {
  const options = trainerOptions({
    argv: shell(`echo '{"progress":1}'; ${WRITE_MODEL}`),
    onProgress: () => {
      throw new Error('listener');
    },
  });
  expect((await runTrainer(options)).kind).toBe('done');
  expect(readFileSync(options.logFile, 'utf8')).toContain('[a listener failed: Error: listener]');
});
