import { createHash, randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createStore, type DatasetFile, type Store } from '../../../src/adapters/store/index.js';
import { canonicalJson, keys } from '../../../src/contracts/index.js';
import { startS3, type S3Server } from '../../support/s3.js';
import { flipByte, startProxy } from './faults.js';

let s3: S3Server;
let store: Store;
let folder: string;
beforeAll(async () => {
  s3 = await startS3();
  store = createStore(s3.options);
  folder = await mkdtemp(join(tmpdir(), 'seawall-datasets-'));
});
afterAll(async () => {
  await s3.stop();
  await rm(folder, { recursive: true, force: true });
});

const newName = (): string => `d-${randomUUID()}`;
async function file(path: string, text: string): Promise<DatasetFile> {
  const localFile = join(folder, randomUUID());
  await writeFile(localFile, text);
  return { path, localFile };
}
const by = { by: 'test' };

describe('dataset versions', () => {
  it('are the digest of their sorted manifest: equal files are equal versions, in any order and under any name', async () => {
    const [name, other] = [newName(), newName()];
    const files = [await file('b/2.parquet', 'two'), await file('a.parquet', 'one')];
    const first = await store.datasets.commitVersion(name, files, by);
    expect(first).toMatchObject({ seq: 1, uploadedBytes: 6, files: 2 });
    const manifest = await store.datasets.manifest(name, first.version);
    expect(manifest.files.map(({ path }) => path)).toEqual(['a.parquet', 'b/2.parquet']);
    expect(createHash('sha256').update(canonicalJson(manifest)).digest('hex')).toBe(first.version);
    expect(await store.datasets.head(name)).toEqual({ version: first.version, seq: 1 });

    const again = await store.datasets.commitVersion(name, [...files].reverse(), by);
    expect(again).toEqual({ ...first, uploadedBytes: 0 });
    const elsewhere = await store.datasets.commitVersion(other, files, by);
    expect(elsewhere).toEqual({ ...first, uploadedBytes: 0 });
    expect(await store.datasets.head(newName())).toBeUndefined();
  });

  it('are extended without sending again what the head has', async () => {
    const name = newName();
    const first = await store.datasets.extendVersion(name, [await file('w1', `week one ${name}`)], by);
    const second = await store.datasets.extendVersion(name, [await file('w2', `week two ${name}`)], by);
    expect(second).toMatchObject({ seq: 2, files: 2, uploadedBytes: `week two ${name}`.length });
    expect((await store.datasets.manifest(name, second.version)).files.map(({ path }) => path)).toEqual(['w1', 'w2']);
    expect((await store.datasets.manifest(name, first.version)).files).toHaveLength(1);
    const again = await store.datasets.extendVersion(name, [await file('w2', `week two ${name}`)], by);
    expect(again).toEqual({ ...second, uploadedBytes: 0 });
  });

  it('keep every file of concurrent extensions', async () => {
    const name = newName();
    const files = await Promise.all(Array.from({ length: 8 }, (_, i) => file(`w${i}`, `week ${i} ${name}`)));
    await Promise.all(files.map((one) => createStore(s3.options).datasets.extendVersion(name, [one], by)));
    const head = await store.datasets.head(name);
    expect(head?.seq).toBe(8);
    const manifest = await store.datasets.manifest(name, head?.version as string);
    expect(manifest.files.map(({ path }) => path)).toEqual(files.map(({ path }) => path));
  });

  it('refuse to replace a file in silence', async () => {
    const name = newName();
    await store.datasets.extendVersion(name, [await file('w', 'old')], by);
    await expect(store.datasets.extendVersion(name, [await file('w', 'new')], by)).rejects.toMatchObject({
      type: 'BadInput',
      message: expect.stringContaining('"w"') as string,
    });
    const replaced = await store.datasets.extendVersion(name, [await file('w', 'new')], { ...by, replace: true });
    expect(replaced).toMatchObject({ seq: 2, files: 1 });
  });

  it('tell the loser of a race only when it said which head it expects', async () => {
    const name = newName();
    const [a, b, c] = await Promise.all(['a', 'b', 'c'].map(async (text) => [await file('f', text + name)]));
    const first = await store.datasets.commitVersion(name, a ?? [], { ...by, expectedHead: null });
    const second = await store.datasets.commitVersion(name, b ?? [], { ...by, expectedHead: first.version });
    await expect(
      store.datasets.commitVersion(name, c ?? [], { ...by, expectedHead: first.version }),
    ).rejects.toMatchObject({ type: 'Conflict', message: expect.stringContaining(second.version) as string });
    expect(await store.datasets.head(name)).toEqual({ version: second.version, seq: 2 });
    const third = await store.datasets.commitVersion(name, c ?? [], by);
    expect(await store.datasets.head(name)).toEqual({ version: third.version, seq: 3 });
  });

  it('count one move of the head when the answer is lost', async () => {
    const name = newName();
    let puts = 0;
    const proxy = await startProxy(s3, (method, key) =>
      method === 'PUT' && key === keys.datasetHead(name) && puts++ === 0 ? 'loseAnswer' : 'none',
    );
    try {
      const through = createStore({ ...s3.options, port: proxy.port });
      expect(await through.datasets.commitVersion(name, [await file('f', name)], by)).toMatchObject({ seq: 1 });
      expect(puts).toBe(2);
      expect(await store.datasets.head(name)).toMatchObject({ seq: 1 });
    } finally {
      await proxy.stop();
    }
  });

  it('do not move the head back over a successor when the answer is lost', async () => {
    const name = newName();
    const [mine, theirs] = [await file('f', `mine ${name}`), await file('f', `theirs ${name}`)];
    let puts = 0;
    const proxy = await startProxy(s3, async (method, key) => {
      if (method !== 'PUT' || key !== keys.datasetHead(name)) return 'none';
      if (puts++ === 0) return 'loseAnswer';
      await store.datasets.commitVersion(name, [theirs], by);
      return 'none';
    });
    try {
      const through = createStore({ ...s3.options, port: proxy.port });
      expect(await through.datasets.commitVersion(name, [mine], by)).toMatchObject({ seq: 1 });
      const head = await store.datasets.head(name);
      expect(head?.seq).toBe(2);
      expect((await store.datasets.manifest(name, head?.version as string)).files[0]?.size).toBe(
        `theirs ${name}`.length,
      );
    } finally {
      await proxy.stop();
    }
  });

  it('are not read when a whole manifest lies under the digest of another', async () => {
    const name = newName();
    const wrong = 'a'.repeat(64);
    await store.json.create(keys.datasetVersion(name, wrong), { kind: 'dataset-version', schema: 1, files: [] });
    await expect(store.datasets.manifest(name, wrong)).rejects.toMatchObject({
      type: 'Corrupt',
      message: expect.stringContaining(`expected SHA-256 ${wrong}`) as string,
    });
  });

  it('are not read when a byte of the manifest is wrong', async () => {
    const name = newName();
    const { version } = await store.datasets.commitVersion(name, [await file('f', 'x')], by);
    await flipByte(s3, keys.datasetVersion(name, version), 40);
    await expect(store.datasets.manifest(name, version)).rejects.toMatchObject({
      type: 'Corrupt',
      message: expect.stringContaining(keys.datasetVersion(name, version)) as string,
    });
  });

  it.each([
    '../x',
    'a/../../x',
    '/etc/passwd',
    'C:/x',
    'a\\b',
    '..',
    '.',
    './x',
    'a//b',
    'a/',
    '',
    'a\u0000b',
    'a\nb',
    '\ud800',
  ])('refuse the path %j, when written and when read', async (path) => {
    const name = newName();
    await expect(store.datasets.commitVersion(name, [{ ...(await file('f', 'x')), path }], by)).rejects.toMatchObject({
      type: 'BadInput',
    });
    expect(await store.datasets.head(name)).toBeUndefined();
    // A hostile writer does not ask our code, and its digest is right.
    const manifest = { kind: 'dataset-version', schema: 1, files: [{ path, size: 1, sha256: '0'.repeat(64) }] };
    const version = createHash('sha256').update(canonicalJson(manifest)).digest('hex');
    await store.json.create(keys.datasetVersion(name, version), manifest);
    await expect(store.datasets.manifest(name, version)).rejects.toMatchObject({ type: 'BadInput' });
  });

  it('refuse a path twice, a file that is also a folder, and a bad name', async () => {
    const [a, b] = [await file('a', 'x'), await file('a/b', 'y')];
    await expect(store.datasets.commitVersion(newName(), [a, a], by)).rejects.toThrow(/twice/);
    await expect(store.datasets.commitVersion(newName(), [b, a], by)).rejects.toThrow(/folder of "a\/b"/);
    await expect(store.datasets.commitVersion('Not/A/Name', [a], by)).rejects.toMatchObject({ type: 'BadInput' });
  });
});

describe('watermarks', () => {
  it('say the greatest time, whatever the order they came in, and twice is once', async () => {
    const model = `m-${randomUUID()}`;
    expect(await store.watermarks.completeTo('labels', model)).toBeUndefined();
    for (const time of ['2001-02-12T00:00:00.000Z', '2001-02-05T00:00:00.000Z', '2001-02-12T00:00:00.000Z'])
      await store.watermarks.write('labels', model, time);
    expect(await store.watermarks.completeTo('labels', model)).toBe('2001-02-12T00:00:00.000Z');
    expect(await store.watermarks.completeTo('predictions', model)).toBeUndefined();
  });
});
