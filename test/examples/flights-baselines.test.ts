import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BaselineOptions, createBaselines } from '../../examples/flights/baselines.js';
import { type FlightsData, prepareFlights } from '../../examples/flights/data.js';
import { measure } from '../../src/domain/evaluation/performance.js';
import type { BinaryPerformance } from '../../src/contracts/index.js';
import { parseModelConfig } from '../../src/adapters/model-config.js';
import { splitHoldout } from '../../src/adapters/duckdb/index.js';
import { loadLocalConfig } from '../../src/workers/config.js';

let folder: string;
let data: FlightsData;
let options: BaselineOptions;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'seawall-baselines-'));
  data = await prepareFlights({ cacheDir: folder, weeks: 4, slice: 0.02 });
  const yaml = (await readFile('examples/flights/model.yaml', 'utf8')).replace(/trees: \d+/, 'trees: 10');
  options = {
    python: loadLocalConfig().pythons.python,
    script: 'examples/flights/baselines.py',
    data,
    config: parseModelConfig(yaml, 'model.yaml'),
    dir: join(folder, 'kept'),
    holdout: true,
    signal: new AbortController().signal,
  };
}, 120_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('the baselines', () => {
  it('learn from what is labelled by then, without the rows that Seawall holds out', async () => {
    const baselines = createBaselines(options);
    const [first, second, third] = [await baselines.model(1), await baselines.model(2), await baselines.model(3)];
    baselines.close();
    expect(second).toEqual(first);
    const files = [data.january, data.gap, data.weeks[0]!.data].map(({ path, file }) => ({ path, local: file }));
    const rule = { rowId: 'flight_id', fraction: 0.1 };
    const split = (parts: typeof files) =>
      splitHoldout({ tempDir: folder }, parts, rule, join(folder, 'train'), join(folder, 'holdout.parquet'));
    const [january, later] = [await split(files.slice(0, 1)), await split(files)];
    expect([first.rows, first.reference!.rows]).toEqual([january.trainRows, january.holdoutRows]);
    expect([third.rows, third.reference!.rows]).toEqual([later.trainRows, later.holdoutRows]);
    expect(first.scores.map(({ week, rows }) => [week, rows])).toEqual(
      data.weeks.map((week) => [week.k, week.data.rows]),
    );
    expect(third.scores.map(({ week }) => week)).toEqual([3, 4]);
    expect(third.gains).toHaveLength(1);
    const { gain, low, high } = third.gains![0]!;
    expect(low).toBeLessThan(gain);
    expect(high).toBeGreaterThan(gain);
    expect(first.seconds).toBeGreaterThan(0);
    expect(first.scores[0]!.auc).toBeGreaterThan(0.55);
  });

  it('are not measured twice: what a run that was cut off has measured stands', async () => {
    const nowhere = createBaselines({ ...options, python: '/nonexistent' });
    const kept = await nowhere.model(3);
    expect(kept.scores).toHaveLength(2);
    await expect(nowhere.model(4)).rejects.toThrow(/baselines' trainer ended: .*ENOENT/);
  });

  it('say why the trainer ended', async () => {
    const wrong = { ...options.config, trainer: { ...options.config.trainer, params: { leaves: 3 } } };
    const baselines = createBaselines({ ...options, config: wrong, dir: join(folder, 'other') });
    await expect(baselines.model(1)).rejects.toThrow(/exit code 64[^]*unknown parameter "leaves"/);
  });

  it('measure as Seawall does: AUC, log loss and their standard errors agree on the same scores', async () => {
    const scores = Float32Array.from([0.1, 0.4, 0.4, 0.8, 0.65, 0.2, 0, 1]);
    const labels = Float64Array.from([0, 1, 0, 1, 1, 0, 1, 1]);
    const predictions = scores.map((score) => (score < 0.5 ? 0 : 1));
    const own = measure({ task: 'binary', width: 1, labels, predictions, scores }) as BinaryPerformance;
    const program = `import sys, json; sys.argv = ['']; sys.path.insert(0, 'examples/flights')
import numpy, baselines
print(json.dumps(baselines.performance(numpy.array(${JSON.stringify([...scores])}, dtype=numpy.float32).astype(numpy.float64), numpy.array(${JSON.stringify([...labels])}, dtype=float))))`;
    const { execFileSync } = await import('node:child_process');
    const theirs = JSON.parse(execFileSync(options.python, ['-c', program], { encoding: 'utf8' })) as typeof own;
    for (const name of ['rows', 'positives', 'auc', 'aucSe', 'logLoss', 'logLossSe'] as const)
      expect(theirs[name], name).toBeCloseTo(own[name] as number, 6);
  });
});
