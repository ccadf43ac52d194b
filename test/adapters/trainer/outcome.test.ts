import { expect, test } from 'vitest';
import { countMemoryKills } from '../../../src/adapters/trainer/memory.js';
import { judge } from '../../../src/adapters/trainer/outcome.js';
import type { Evidence } from '../../../src/adapters/trainer/outcome.js';

const evidence = (overrides: Partial<Evidence>): Evidence => ({
  argv: ['python', 'train.py'],
  cwd: '/data',
  logFile: '/data/trainer.log',
  ending: { exit: { code: null, signal: 'SIGKILL' }, notStarted: undefined, killing: undefined },
  stopped: undefined,
  timeoutMs: 1000,
  heartbeatTimeoutMs: 1000,
  seconds: 1,
  lastLines: [],
  memoryKill: false,
  model: { problem: 'there is no model.onnx' },
  ...overrides,
});
const guardKilled = { exit: undefined, notStarted: undefined, killing: undefined };

test('SIGKILL is the kernel short of memory when it killed one meanwhile, else somebody from outside', () => {
  expect(judge(evidence({ memoryKill: true }))).toMatchObject({ failure: 'outOfMemory' });
  expect(judge(evidence({ memoryKill: false }))).toMatchObject({ failure: 'killed' });
  expect(judge(evidence({ memoryKill: true, ending: guardKilled }))).toMatchObject({ failure: 'outOfMemory' });
  expect(judge(evidence({ memoryKill: false, ending: guardKilled }))).toMatchObject({ failure: 'killed' });
});

test('a memory kill of somebody else does not explain an exit code', () => {
  const ending = { exit: { code: 65, signal: null }, notStarted: undefined, killing: undefined };
  expect(judge(evidence({ memoryKill: true, ending }))).toMatchObject({ failure: 'badData', exitCode: 65 });
});

test('a message says what happened, where, and what to do', () => {
  const ending = { exit: { code: 65, signal: null }, notStarted: undefined, killing: undefined };
  const result = judge(evidence({ ending, lastLines: ['reading', 'bad data: no rows'] }));
  expect(result).toMatchObject({
    message: 'The trainer python train.py failed: it says that its data are bad (65).',
    next: 'Correct the dataset and commit a version.',
    lastLines: ['reading', 'bad data: no rows'],
  });
});

test.runIf(process.platform === 'linux')('the kernel tells how many processes it killed for memory', async () => {
  expect(await countMemoryKills()).toBeGreaterThanOrEqual(0);
});
