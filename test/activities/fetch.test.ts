import { chmod, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { classifyAll } from '../../src/activities/errors.js';
import { createFetchActivities } from '../../src/activities/fetch.js';
import { createRunActivities, readPlan } from '../../src/activities/run.js';
import { keys, type Manifest, type RunPlan } from '../../src/contracts/index.js';
import {
  act,
  applyConfig,
  commitWeeks,
  configOf,
  crashing,
  environment,
  materializeOf,
  MODEL,
  NAMESPACE,
  sql,
  startSteps,
  type Steps,
  type StepsServer,
} from '../support/steps.js';

let server: StepsServer;
let steps: Steps;
let plan: RunPlan;
beforeAll(async () => {
  server = await startSteps();
});
afterAll(() => server.stop());
beforeEach(async () => {
  steps = await server.fresh();
  await applyConfig(steps);
  await commitWeeks(steps, 300);
  plan = await openRun(1);
});

async function openRun(n: number): Promise<RunPlan> {
  const { openRun } = createRunActivities({ ...steps.store, searchAttributes: true });
  await act(openRun, { model: MODEL, n, workflowId: `train/flights/${n}`, causeId: `test/${n}` });
  return readPlan(steps.store.json, MODEL, n);
}

const workerId = 'w1';
const activities = () => createFetchActivities({ ...steps.store, materialize: materializeOf(steps), workerId });
const fetchRun = (n = 1) => act(activities().fetchDataset, { model: MODEL, n });
const folder = (n = 1) => join(steps.home, 'work', NAMESPACE, MODEL, String(n), 'data');
const idsOf = async (path: string): Promise<number[]> =>
  (await sql<{ row_id: bigint }>(`SELECT row_id FROM read_parquet('${path}') ORDER BY 1`)).map((row) =>
    Number(row.row_id),
  );
const signal = new AbortController().signal;
const make = () => materializeOf(steps)(plan, { signal, onProgress: () => undefined });

it('cuts every row into exactly one of training files and holdout', async () => {
  const fetched = await fetchRun();
  expect(fetched).toMatchObject({ workerId, files: 3 });
  const train = await idsOf(`${folder()}/train/*/*.parquet`);
  await steps.store.blobs.fetchTo(fetched.holdout.sha256, join(steps.home, 'holdout.parquet'));
  const holdout = await idsOf(join(steps.home, 'holdout.parquet'));
  expect(holdout).toHaveLength(fetched.holdout.rows);
  // Named at once: what no record names is collected, and a run may wait for its trainer for long.
  const named = await steps.store.json.read(keys.runHoldout(MODEL, 1, fetched.holdout.sha256));
  expect(named?.value).toMatchObject({ kind: 'run-holdout', n: 1, holdout: fetched.holdout });
  expect(train).toHaveLength(fetched.trainRows);
  expect(holdout.length).toBeGreaterThan(150);
  expect(new Set([...train, ...holdout]).size).toBe(900);
  expect(train.length + holdout.length).toBe(900);
  expect(await readdir(join(folder(), 'train'))).toEqual(plan.dataset.include.map((path) => path.split('/')[0]));
});

it('gives the trainer a read-only folder', async () => {
  const { dataDir } = await make();
  expect((await stat(dataDir)).mode & 0o222).toBe(0);
  expect((await stat(join(dataDir, 'week=2001-02-05/flights.parquet'))).mode & 0o222).toBe(0);
});

it('gives the same bytes again, on this host and on another', async () => {
  const first = await fetchRun();
  expect(await fetchRun()).toEqual(first);
  const elsewhere = { ...steps, home: join(steps.home, 'other-host') };
  const there = createFetchActivities({ ...steps.store, materialize: materializeOf(elsewhere), workerId });
  expect(await act(there.fetchDataset, { model: MODEL, n: 1 })).toEqual(first);
});

it('is whole when two attempts work at once', async () => {
  const all = await Promise.all([fetchRun(), fetchRun(), fetchRun()]);
  expect(all[1]).toEqual(all[0]);
  expect(all[2]).toEqual(all[0]);
  expect(await readdir(join(folder(), '..'))).toEqual(['data']);
});

it('fetches only what is missing, and fetches again what is damaged', async () => {
  const manifest = (await steps.store.datasets.manifest(MODEL, plan.dataset.version)) satisfies Manifest;
  const { sha256 } = manifest.files[0] as { sha256: string };
  const cached = join(steps.home, 'cache', 'blobs', sha256.slice(0, 2), sha256);
  const first = await fetchRun();
  const before = await stat(cached);
  plan = await openRun(2);
  expect(await fetchRun(2)).toEqual(first);
  expect((await stat(cached)).ino).toBe(before.ino);
  const bytes = await readFile(cached);
  bytes[100] = (bytes[100] as number) ^ 1; // of the same size
  await writeFile(cached, bytes);
  await openRun(3);
  expect(await fetchRun(3)).toEqual(first);
});

it('asks for nothing outside of a slice of time: it need not even be there', async () => {
  const { files } = await steps.store.datasets.manifest(MODEL, plan.dataset.version);
  const since = '2001-02-19T00:00:00.000Z';
  await applyConfig(steps, configOf({ dataset: { name: MODEL, rowId: 'row_id', use: { since } } }));
  plan = await openRun(2);
  const blob = (sha256: string) => join(steps.home, 'cache', 'blobs', sha256.slice(0, 2), sha256);
  const prefix = steps.home.slice(steps.home.lastIndexOf('/') + 1);
  for (const { sha256 } of files.slice(0, 2))
    await rm(join(steps.s3.folder, steps.s3.options.bucket, prefix, keys.blob(sha256)));
  expect(await fetchRun(2)).toMatchObject({ files: 1, bytes: files[2]!.size });
  expect(await readdir(join(folder(2), 'train'))).toEqual(['week=2001-02-19']);
  expect((await stat(blob(files[2]!.sha256))).size).toBe(files[2]!.size);
  for (const { sha256 } of files.slice(0, 2)) await expect(stat(blob(sha256))).rejects.toThrow('ENOENT');
  await expect(fetchRun(1)).rejects.toMatchObject({ type: 'NotFound' }); // the whole version is not there any more
});

it('does not take the data of an earlier run 1 of the same name', async () => {
  await make();
  const old = plan;
  plan = { ...plan, dataset: { ...plan.dataset, include: plan.dataset.include.slice(0, 1) } };
  expect((await make()).files).toBe(1);
  plan = old;
  expect((await make()).files).toBe(3);
});

it('ends the same after a crash at any point', async () => {
  const healthy = await fetchRun();
  for (const when of ['before', 'after'] as const) {
    for (let at = 1; ; at++) {
      const { json, blobs, datasets } = steps.store;
      const ports = crashing({ json, blobs, datasets }, at, when);
      const here = { ...steps, home: join(steps.home, `${when}-${at}`) };
      const broken = materializeOf({ ...here, store: { ...steps.store, ...ports } });
      const first = await act(createFetchActivities({ ...ports, materialize: broken, workerId }).fetchDataset, {
        model: MODEL,
        n: 1,
      }).catch(() => null);
      const again = createFetchActivities({ ...steps.store, materialize: materializeOf(here), workerId });
      expect(await act(again.fetchDataset, { model: MODEL, n: 1 })).toEqual(healthy);
      if (first) {
        expect(at).toBeGreaterThan(4);
        break;
      }
    }
  }
});

it('sweeps what a process that is gone has left, and leaves others alone', async () => {
  const { hostname } = await import('node:os');
  const { mkdir } = await import('node:fs/promises');
  const mine = `${folder()}.building-${hostname()}-${process.pid}-11111111-x`;
  const gone = `${folder()}.building-${hostname()}-4194304-11111111-x`;
  await mkdir(join(mine, 'train'), { recursive: true });
  await mkdir(join(gone, 'train'), { recursive: true });
  await chmod(join(gone, 'train'), 0o555);
  await make();
  expect((await readdir(join(folder(), '..'))).sort()).toEqual(['data', mine.slice(mine.lastIndexOf('/') + 1)]);
  await rm(mine, { recursive: true });
});

it('stops when it is cancelled, and leaves nothing half', async () => {
  const env = environment();
  env.cancel();
  await expect(act(activities().fetchDataset, { model: MODEL, n: 1 }, env)).rejects.toThrow('CANCELLED');
  await expect(stat(folder())).rejects.toThrow('ENOENT');
});

it('heartbeats at once', async () => {
  const env = environment();
  const beats: unknown[] = [];
  env.on('heartbeat', (details) => beats.push(details));
  await act(activities().fetchDataset, { model: MODEL, n: 1 }, env);
  expect(beats.length).toBeGreaterThan(0);
});

it('says when a version is too small to hold anything out', async () => {
  plan = { ...plan, n: 9, config: { ...plan.config, holdout: { hashFraction: 0 } } };
  await steps.store.json.create(keys.runPlan(MODEL, 9), plan);
  await expect(fetchRun(9)).rejects.toMatchObject({ type: 'BadData' });
});

it('ends for good when an object lies damaged in the store, and names it', async () => {
  const { files } = await steps.store.datasets.manifest(MODEL, plan.dataset.version);
  const key = keys.blob(files[1]!.sha256);
  const prefix = steps.home.slice(steps.home.lastIndexOf('/') + 1);
  const path = join(steps.s3.folder, steps.s3.options.bucket, prefix, key);
  const whole = await readFile(path);
  const damaged = Buffer.from(whole);
  damaged[100]! ^= 0xff;
  await writeFile(path, damaged);
  let downloads = 0;
  const { blobs } = steps.store;
  const fetchTo: typeof blobs.fetchTo = (sha256, ...rest) => {
    if (sha256 === files[1]!.sha256) downloads += 1;
    return blobs.fetchTo(sha256, ...rest);
  };
  const counted = { ...steps, store: { ...steps.store, blobs: { ...blobs, fetchTo } } };
  const { fetchDataset } = classifyAll(
    createFetchActivities({ ...counted.store, materialize: materializeOf(counted), workerId }),
  );
  await expect(act(fetchDataset, { model: MODEL, n: 1 })).rejects.toMatchObject({
    type: 'Corrupt',
    nonRetryable: true,
    message: expect.stringMatching(`${key}.*expected SHA-256 ${files[1]!.sha256}, found [0-9a-f]{64}`) as string,
  });
  expect(downloads).toBe(3);
  await writeFile(path, whole);
  expect(await act(fetchDataset, { model: MODEL, n: 1 })).toMatchObject({ files: 3 });
});
