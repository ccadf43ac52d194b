import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { runFolder, sweepRunFolders } from '../../src/activities/work-folders.js';
import { keys, type RunOutcome, type RunRecord } from '../../src/contracts/index.js';
import { MODEL, NAMESPACE, startSteps, type Steps, type StepsServer } from '../support/steps.js';

let server: StepsServer;
let steps: Steps;
beforeAll(async () => void (server = await startSteps()));
afterAll(() => server.stop());
beforeEach(async () => void (steps = await server.fresh()));

const NOW = Date.parse('2026-05-01T12:00:00.000Z');
const released: RunOutcome = { kind: 'released', release: 1, text: 'release 1' };

async function run(n: number, ...records: { outcome: RunOutcome | null; minutesAgo: number }[]): Promise<void> {
  const train = join(runFolder(steps.home, NAMESPACE, { model: MODEL, n }), 'data', 'train');
  await mkdir(train, { recursive: true });
  await writeFile(join(train, 'rows.parquet'), 'rows');
  await chmod(train, 0o555);
  for (const { outcome, minutesAgo } of records) {
    const at = new Date(NOW - minutesAgo * 60_000).toISOString();
    await steps.store.records.append(keys.runRecords(MODEL, n), `${n}/${minutesAgo}`, (seq) => {
      const causeId = `${n}/${minutesAgo}`;
      return { kind: 'run', schema: 1, model: MODEL, n, seq, causeId, outcome, at } as RunRecord;
    });
  }
}

it('removes the folders of runs that ended more than an hour ago, and no others', async () => {
  const open = { outcome: null, minutesAgo: 300 };
  await run(1, open, { outcome: released, minutesAgo: 61 });
  await run(2, open, { outcome: released, minutesAgo: 59 });
  await run(3, open);
  await run(4);
  await mkdir(join(steps.home, 'work', 'other-namespace', MODEL, '1'), { recursive: true });
  const ports = { home: steps.home, namespace: NAMESPACE, records: steps.store.records };
  expect(await sweepRunFolders(ports, NOW)).toEqual([runFolder(steps.home, NAMESPACE, { model: MODEL, n: 1 })]);
  expect((await readdir(join(steps.home, 'work', NAMESPACE, MODEL))).sort()).toEqual(['2', '3', '4']);
  expect(await readdir(join(steps.home, 'work', 'other-namespace', MODEL))).toEqual(['1']);
  expect(await sweepRunFolders(ports, NOW)).toEqual([]);
});

it('has nothing to do on a fresh host', async () => {
  const ports = { home: join(steps.home, 'nowhere'), namespace: NAMESPACE, records: steps.store.records };
  expect(await sweepRunFolders(ports, NOW)).toEqual([]);
});
