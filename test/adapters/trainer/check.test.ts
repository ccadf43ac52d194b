import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { allowedEnvironment } from '../../../src/adapters/trainer/index.js';
import {
  checkTrainer,
  makeSample,
  type CheckedTrainer,
  type Point,
} from '../../../src/adapters/trainer/check/index.js';
import { temporaryFolder } from './harness.js';

const TRAINER = resolve(import.meta.dirname, 'fixtures/checked.mjs');
const MODELS = resolve('test/fixtures/models');

async function check(...flaws: string[]): Promise<{ points: Record<string, Point>; folder: string }> {
  const folder = temporaryFolder();
  const [root, cwd] = [join(folder, 'check'), join(folder, 'cwd')];
  for (const place of [root, cwd]) mkdirSync(place);
  const trainer: CheckedTrainer = {
    argv: [process.execPath, TRAINER, MODELS, ...flaws],
    cwd,
    env: allowedEnvironment(process.env),
    features: [
      { name: 'hour', type: 'int64' },
      { name: 'distance', type: 'float32' },
      { name: 'origin', type: 'string' },
    ],
    label: 'late',
    answering: { task: 'binary' },
    params: {},
    seed: 7,
    device: 'cpu',
    graceMs: 1500,
    timeoutMs: 60_000,
  };
  const sample = await makeSample({ ...trainer, dataDir: undefined, rows: 1000, root });
  const points = await checkTrainer({ trainer, sample, root, parallel: 5 });
  return { points: Object.fromEntries(points.map((point) => [point.name, point])), folder };
}

const failed = (points: Record<string, Point>): string[] =>
  Object.values(points).flatMap(({ name, verdict }) => (verdict === 'fail' ? [name] : []));

/** Dozens of processes one after the other, on a machine that may be busy. */
const PATIENCE = { timeout: 240_000 };

describe('each point sees what it is there for', PATIENCE, () => {
  test('a trainer that keeps the contract', async () => {
    const { points } = await check();
    // Its model adds numbers up: a missing one makes the score NaN.
    expect(failed(points)).toEqual(['unusual']);
    expect(points['unusual']).toMatchObject({ required: false, seen: expect.stringContaining('missing numbers') });
    expect(points['parity']).toMatchObject({ verdict: 'notJudged' });
    expect(points['stops']?.seen).toMatch(/left after \d\.\d s with 75/);
    expect(points['resumesKilled']?.seen).toContain('byte for byte the same model; its first line of progress said 0.');
    expect(points['badParameters']?.seen).toContain('64');
  });

  test('one that listens to nobody and leaves things behind', async () => {
    const flaws = ['deaf', 'daemon', 'strews', 'writesData', 'nanMetrics', 'silent', 'takesAnything', 'wrongParity'];
    const { points } = await check(...flaws);
    const expected = [
      'metrics',
      'parity',
      'progress',
      'stops',
      'badParameters',
      'badData',
      'data',
      'places',
      'leftovers',
    ];
    expect(failed(points)).toEqual(expect.arrayContaining(expected));
    expect(points['stops']?.seen).toContain('still there 1.5 s after SIGTERM');
    expect(points['leftovers']?.seen).toContain('sleep 60');
    expect(points['data']?.seen).toContain('notes.txt');
    expect(points['places']?.seen).toContain('strewn-');
    expect(points['parity']?.seen).toContain('0.99');
    expect(points['badData']?.seen).toContain('trained a model all the same');
  });

  test('one whose checkpoints are not all that it knows', async () => {
    const { points } = await check('forgets', 'quits');
    expect(failed(points)).toEqual(expect.arrayContaining(['resumesKilled']));
    expect(failed(points)).not.toContain('deterministic');
    expect(points['resumesKilled']?.seen).toContain('answers otherwise');
    // It was stopped at its first step, before its first checkpoint.
    expect(points['saves']?.verdict).toBe('fail');
    expect(points['resumesStopped']?.verdict).toBe('notJudged');
  });

  test('one without a seed', async () => {
    const { points } = await check('unseeded');
    expect(failed(points)).toEqual(expect.arrayContaining(['deterministic', 'resumesKilled']));
    expect(points['deterministic']).toMatchObject({ required: false });
  });

  test('one whose model lacks an output, and one that crashes', async () => {
    const { points } = await check('noScore');
    expect(failed(points)).toEqual(['answers']);
    expect(points['answers']?.seen).toContain('no output "score"');
    const crashing = await check('crashes');
    expect(failed(crashing.points)).toEqual(expect.arrayContaining(['starts', 'progress']));
    expect(crashing.points['starts']?.seen).toContain('the reason why');
    expect(crashing.points['stops']).toMatchObject({ verdict: 'notJudged', seen: expect.stringContaining('that far') });
  });
});
