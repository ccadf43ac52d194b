/** Decisions that the gate took on a real store, read, explained and taken again. */
import { tmpdir } from 'node:os';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { CommandHandler } from '../../src/cli/command.js';
import { decide, decisions, explain } from '../../src/cli/decisions.js';
import { type DecisionRecord, keys, sequenceKey } from '../../src/contracts/index.js';
import { createWorld, day, MODEL, predictions, type World } from '../activities/monitor-world.js';
import { runCommand } from '../support/command.js';
import { s3Environment, type S3Server, startS3 } from '../support/s3.js';

let s3: S3Server;
let world: World;
beforeAll(async () => void (s3 = await startS3()));
afterAll(() => s3.stop());
beforeEach(async () => void (world = await createWorld(s3.options)));
afterEach(() => world.close());

const run = (handler: CommandHandler, arg: string, options: object = {}) =>
  runCommand(handler, [arg], { options, env: s3Environment(s3.options, world.prefix) });

/** Decision 1: retrain on drift. 2: wait, a run is about to start. 3: block. 4: wait, a run is about to start. */
async function decided(): Promise<void> {
  await world.goLive(1);
  await world.log('predictions', 5, predictions(5, 240, { hour: (i) => i % 6 }));
  await world.log('predictions', 6, predictions(6, 240, { hour: (i) => i % 6 }));
  await world.log('predictions', 8, predictions(8, 240));
  await world.store.watermarks.write('predictions', MODEL, day(9));
  const localFile = join(tmpdir(), `decisions-${process.pid}.txt`);
  await writeFile(localFile, 'rows');
  await world.store.datasets.commitVersion('flights', [{ path: 'a.parquet', localFile }], { by: 'test' });
  const { reports } = await world.observe();
  const standing = { paused: false, pinned: false };
  const nothing = { request: null, first: false, openRun: null, lastRetrainAt: null };
  await world.gate({ model: MODEL, now: day(12), reports, standing, ...nothing });
}

test('decisions are listed newest first, all or those of one action', async () => {
  await decided();
  const all = await run(decisions, MODEL);
  expect(all.document.decisions.map(({ seq, action }: DecisionRecord) => [seq, action])).toEqual([
    [4, 'wait'],
    [3, 'block'],
    [2, 'wait'],
    [1, 'retrain'],
  ]);
  expect(all.text).toMatch(/3 +2001-02-12 00:00 +2001-02-07 to 2001-02-08 +block .*the feed is silent/);
  expect((await run(decisions, MODEL, { last: '1', action: 'wait' })).document.decisions).toMatchObject([{ seq: 4 }]);
  await expect(run(decisions, MODEL, { action: 'sleep' })).rejects.toThrow('--action takes one of retrain');
  expect((await run(decisions, 'other')).text).toBe('other: no decision yet');
});

test('an explanation says what decided, what was overruled, and what missed its limit by how much', async () => {
  await decided();
  const retrain = await run(explain, `${MODEL}/1`);
  expect(retrain.document.paragraph).toContain('the gate decided to retrain for late on the window 2001-02-05 to');
  expect(retrain.document.paragraph).toContain('The rule that decided is "featurePsi".');
  expect(retrain.text).toMatch(/featurePsi \* +yes +retrain/);
  const wait = await run(explain, `${MODEL}/2`);
  expect(wait.document.overruled.map(({ rule, action }: { rule: string; action: string }) => [rule, action])).toEqual([
    ['featurePsi', 'retrain'],
  ]);
  expect(wait.document.paragraph).toContain('Overruled by it: featurePsi (retrain).');
  const [missed] = wait.document.missed;
  expect(missed.rule).toBe('predictionPsi');
  expect(missed.missing).toBeCloseTo(missed.threshold - missed.value, 12);
  expect((await run(explain, MODEL)).document.decision.seq).toBe(4);
  await expect(run(explain, `${MODEL}/9`)).rejects.toThrow('late has no decision 9');
});

test('a decision is taken again under the configuration of its time, and a changed record is found', async () => {
  await decided();
  await world.applyConfig({
    gate: {
      performance: { aucDrop: 9, logLossRise: 9, accuracyDrop: 9, rmseRise: 9, minLabelled: 1, minMaturity: 0.5 },
      drift: { warnPsi: 9, featurePsi: 9, predictionPsi: 9, falseAlarms: 0.05 },
      cooldownMs: 0,
    },
  });
  for (const n of [1, 2, 3, 4]) {
    const again = await run(decide, `${MODEL}/${n}`, { replay: true });
    expect([n, again.code, again.document.differs]).toEqual([n, 0, []]);
  }
  await expect(run(decide, `${MODEL}/1`)).rejects.toThrow('--replay takes a past decision again');

  const { value } = (await world.store.json.read<DecisionRecord>(sequenceKey(keys.decisions(MODEL), 1)))!;
  await world.store.json.create(sequenceKey(keys.decisions(MODEL), 5), { ...value, seq: 5, action: 'wait' });
  const forged = await run(decide, `${MODEL}/5`, { replay: true });
  expect(forged).toMatchObject({ code: 1, document: { agrees: false, differs: ['action'] } });

  await world.store.json.create(sequenceKey(keys.decisions(MODEL), 6), { ...value, seq: 6, evaluator: 'gate/0' });
  await expect(run(decide, `${MODEL}/6`, { replay: true })).rejects.toThrow('was taken by gate/0');
});
