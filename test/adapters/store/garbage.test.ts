import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createStore, type Store } from '../../../src/adapters/store/index.js';
import { expiring } from '../../../src/adapters/store/lifecycle.js';
import { blankRun, keys, sequenceKey, type RunOutcome } from '../../../src/contracts/index.js';
import { startS3, type S3Server } from '../../support/s3.js';
import { startProxy, type Fault } from './faults.js';

const DAY_MS = 86_400_000;
let s3: S3Server;
let folder: string;
let prefix: string;
let store: Store;
beforeAll(async () => {
  s3 = await startS3();
  folder = await mkdtemp(join(tmpdir(), 'seawall-gc-'));
});
afterAll(async () => {
  await s3.stop();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(() => {
  prefix = randomUUID();
  store = createStore({ ...s3.options, prefix });
  return () => store.close();
});

/** As if everything had been written so long ago. */
async function age(days: number): Promise<void> {
  const root = join(s3.folder, s3.options.bucket, prefix);
  const at = new Date(Date.now() - days * DAY_MS);
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) await utimes(join(entry.parentPath, entry.name), at, at);
}
async function commit(
  name: string,
  text: string,
  to: Store = store,
): Promise<{ version: string; blob: string; uploadedBytes: number }> {
  const localFile = join(folder, randomUUID());
  await writeFile(localFile, text);
  const { version, uploadedBytes } = await to.datasets.commitVersion(name, [{ path: 'f', localFile }], { by: 'test' });
  const { files } = await store.datasets.manifest(name, version);
  return { version, blob: files[0]!.sha256, uploadedBytes };
}
const orphan = (): Promise<{ sha256: string; size: number }> => store.blobs.putJson({ kind: 'x', text: randomUUID() });
const there = async (sha256: string): Promise<boolean> => {
  for await (const { key } of store.json.list(keys.blob(sha256))) if (key === keys.blob(sha256)) return true;
  return false;
};
const collect = (options: { dryRun?: boolean; days?: number } = {}) =>
  store.collectGarbage({ dryRun: options.dryRun ?? false, olderThanMs: options.days && options.days * DAY_MS });

/** A version that was written beside the head and lost its race. */
async function lostRace(text: string): Promise<{ version: string; blob: string }> {
  const won = await commit('d', `${text} won`);
  const localFile = join(folder, randomUUID());
  await writeFile(localFile, text);
  const lost = store.datasets.commitVersion('d', [{ path: 'f', localFile }], { by: 'x', expectedHead: null });
  await expect(lost).rejects.toMatchObject({ type: 'Conflict' });
  const version = (await store.datasets.versions('d')).find((each) => each !== won.version) as string;
  return { version, blob: (await store.datasets.manifest('d', version)).files[0]!.sha256 };
}

const run = (n: number, outcome: RunOutcome | null, change: object, at = new Date().toISOString()) =>
  store.json.create(sequenceKey(keys.runRecords('m', n), 1), {
    kind: 'run',
    schema: 1,
    ...blankRun({ model: 'm', n, workflowId: `train/m/${n}`, causeId: 'c', at }),
    seq: 1,
    outcome,
    ...change,
  });

describe('gc', () => {
  it('takes nothing that is young, then what nothing names; a dry run takes nothing', async () => {
    const { blob } = await commit('d', 'kept');
    const { sha256, size } = await orphan();
    expect(await collect()).toMatchObject({ objects: [], young: { objects: 1, bytes: size } });
    await age(6.9);
    expect((await collect()).objects).toEqual([]);
    await age(7.1);
    expect((await collect({ dryRun: true })).objects).toEqual([{ key: keys.blob(sha256), size }]);
    expect(await there(sha256)).toBe(true);
    expect(await collect()).toMatchObject({ objects: [{ key: keys.blob(sha256) }], bytes: size });
    expect(await there(sha256)).toBe(false);
    expect(await there(blob)).toBe(true);
  });

  it('leaves no half version: one whose manifest stays keeps its content', async () => {
    const lost = await lostRace('young');
    await age(8);
    // As a commit leaves it that met the same files again.
    const manifest = join(s3.folder, s3.options.bucket, prefix, keys.datasetVersion('d', lost.version));
    await utimes(manifest, new Date(), new Date());
    expect(await collect()).toMatchObject({ versions: [], objects: [] });
    expect(await there(lost.blob)).toBe(true);
    await age(8);
    expect(await collect()).toMatchObject({ versions: [{ name: 'd', version: lost.version }] });
    expect(await there(lost.blob)).toBe(false);
  });

  it('keeps every version of the log, and says so; --older-than takes those that nothing else names', async () => {
    const first = await commit('d', 'first');
    const tagged = await commit('d', 'tagged');
    await store.datasets.tag('d', 'v1', tagged.version, 'test');
    const released = await commit('d', 'released');
    await commit('d', 'was replaced just now');
    const newest = await commit('d', 'newest');
    await run(1, null, { dataset: { name: 'd', version: released.version } });
    await age(400);
    expect(await collect()).toMatchObject({ versions: [], objects: [] });
    // The moves were made just now: none has been replaced for long.
    expect(await collect({ days: 8 })).toMatchObject({ versions: [], objects: [] });
    await expect(collect({ days: 6 })).rejects.toMatchObject({ type: 'BadInput' });
    // The records of the moves, as they would be after a year.
    const versions = (await store.datasets.history('d')).reverse().map(({ version }) => version);
    for (const seq of [1, 2, 3, 4]) {
      const file = join(s3.folder, s3.options.bucket, prefix, sequenceKey(keys.datasetHistory('d'), seq));
      await rm(file);
      const move = { kind: 'dataset-head', schema: 1, name: 'd', seq, by: 'x', at: '2020-01-01T00:00:00.000Z' };
      const version = versions[seq - 1] as string;
      await store.json.create(sequenceKey(keys.datasetHistory('d'), seq), { ...move, version, previous: null });
    }
    const { kept, ...taken } = await collect({ days: 8 });
    expect(taken.versions).toEqual([{ name: 'd', version: first.version }]);
    expect(taken.objects).toEqual([{ key: keys.blob(first.blob), size: 5 }]);
    expect(kept.map(({ why }) => why).sort()).toEqual(
      ['run 1 of m, which is open', 'the log of d', 'the newest version of d', 'the tag d@v1'].sort(),
    );
    expect((await store.datasets.verify('d', [tagged.version, released.version, newest.version])).problems).toEqual([]);
    expect((await store.datasets.history('d')).map(({ seq }) => seq)).toEqual([5, 4, 3, 2, 1]);
  });

  it('keeps every version of a dataset whose log has a gap: nobody can say which were the newest', async () => {
    const first = await commit('d', 'first');
    await commit('d', 'second');
    const lost = await lostRace('third');
    await age(400);
    const taken = () => collect({ dryRun: true }).then(({ versions }) => versions.map(({ version }) => version));
    expect(await taken()).toEqual([lost.version]);
    await rm(join(s3.folder, s3.options.bucket, prefix, sequenceKey(keys.datasetHistory('d'), 1)));
    expect(await taken()).toEqual([]);
    const { kept } = await collect();
    expect(kept.map(({ why }) => why)).toContain('a version of d, whose log has a gap');
    for (const { blob } of [first, lost]) expect(await there(blob)).toBe(true);
  });

  it('keeps what a release names, its evidence and what that names, for ever', async () => {
    const [artifact, reference, holdout] = await Promise.all([orphan(), orphan(), orphan()]);
    const hidden = await orphan();
    const evidence = await store.blobs.putJson({ kind: 'evidence', holdout: holdout.sha256, more: hidden.sha256 });
    const { version, blob } = await lostRace('released');
    await store.json.create(sequenceKey(keys.releases('m'), 3), {
      ...{ kind: 'release', schema: 1, seq: 3, causeId: 'c', model: 'm', release: 3, run: 1 },
      ...{ artifact, reference: reference.sha256, holdout: holdout.sha256, evidence: evidence.sha256 },
      dataset: { name: 'd', version },
      at: '2020-01-01T00:00:00.000Z',
    });
    expect(await store.missingForRollback()).toEqual([]);
    await age(400);
    const { objects, kept } = await collect({ days: 8 });
    expect(objects).toEqual([]);
    expect(kept.find(({ why }) => why === 'release 3 of m')?.objects).toBe(6);
    for (const sha256 of [artifact.sha256, reference.sha256, hidden.sha256, evidence.sha256, blob])
      expect(await there(sha256)).toBe(true);

    await rm(join(s3.folder, s3.options.bucket, prefix, keys.blob(reference.sha256)));
    expect(await store.missingForRollback()).toEqual([
      { model: 'm', release: 3, what: 'reference', object: expect.stringContaining(reference.sha256) as string },
    ]);
  });

  it('lets go of what runs without a release had, long after their end', async () => {
    const [open, ended, old] = await Promise.all([orphan(), orphan(), orphan()]);
    const refused: RunOutcome = { kind: 'refused', by: 'evaluation', text: '' };
    await run(1, null, { challenger: open }, '2020-01-01T00:00:00.000Z');
    await run(2, refused, { challenger: ended });
    await run(3, refused, { challenger: old }, '2020-01-01T00:00:00.000Z');
    await age(400);
    expect((await collect()).objects).toEqual([]);
    expect((await collect({ days: 30 })).objects.map(({ key }) => key)).toEqual([keys.blob(old.sha256)]);
  });

  it('takes a version that lost its race before its content, and lets it be committed again', async () => {
    const { version, blob } = await lostRace('lost');
    await age(8);
    expect(await collect()).toMatchObject({ versions: [{ name: 'd', version }], objects: [{ key: keys.blob(blob) }] });
    await commit('d', 'lost');
    expect((await store.datasets.verify('d', await store.datasets.versions('d'))).problems).toEqual([]);
  });

  it('gives up, and takes nothing, when it cannot read who needs what', async () => {
    await commit('d', 'x');
    const { sha256 } = await orphan();
    await age(8);
    await writeFile(join(s3.folder, s3.options.bucket, prefix, keys.datasetHead('d')), '{"kind":"dataset-head"');
    await expect(collect()).rejects.toMatchObject({ type: 'Corrupt' });
    expect(await there(sha256)).toBe(true);
  });

  it('takes nothing from under a commit that begins while it runs', async () => {
    await commit('d', 'head');
    const { version, blob } = await lostRace('comes back');
    await age(8);
    // The collector has listed the content and read who needs it; now somebody commits just that, before the first removal.
    let committed = false;
    const proxy = await startProxy(
      { ...s3, options: { ...s3.options, prefix } },
      async (method, key): Promise<Fault> => {
        if (!committed && method === 'HEAD' && key === keys.datasetVersion('d', version)) {
          committed = true;
          expect(await commit('d', 'comes back')).toMatchObject({ version, uploadedBytes: 10 });
        }
        return 'none';
      },
    );
    const collector = createStore({ ...s3.options, prefix, port: proxy.port });
    try {
      const { versions, objects } = await collector.collectGarbage({ dryRun: false });
      expect(committed).toBe(true);
      expect({ versions, objects }).toEqual({ versions: [], objects: [] });
    } finally {
      collector.close();
      await proxy.stop();
    }
    expect(await there(blob)).toBe(true);
    expect((await store.datasets.verify('d', [version])).problems).toEqual([]);
  });
});

it('lifecycle rules are seen when they remove current objects below the prefix', async () => {
  const rule = (change: object) => ({ ID: 'r', Status: 'Enabled', Expiration: { Days: 30 }, ...change });
  expect(expiring([rule({})], 'main/')).toEqual(['r']);
  expect(expiring([rule({ Filter: { Prefix: 'main/blobs/' } })], 'main/')).toEqual(['r']);
  expect(expiring([rule({ ID: '', Prefix: 'ma' })], 'main/')).toEqual(['rule 1']);
  expect(expiring([rule({ Filter: { Prefix: 'logs/' } })], 'main/')).toEqual([]);
  expect(expiring([rule({ Status: 'Disabled' })], 'main/')).toEqual([]);
  expect(expiring([rule({ Expiration: { ExpiredObjectDeleteMarker: true } })], 'main/')).toEqual([]);
  // This store knows no rules.
  expect(await store.expiryRules()).toEqual([]);
});
