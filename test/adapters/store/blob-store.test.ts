import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { access, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createStore, type Store } from '../../../src/adapters/store/index.js';
import { keys } from '../../../src/contracts/index.js';
import { startS3, type S3Server } from '../../support/s3.js';
import { DRIP_MS, flipByte, startProxy, startSilentServer, type Fault } from './faults.js';

let s3: S3Server;
let store: Store;
let folder: string;
beforeAll(async () => {
  s3 = await startS3();
  store = createStore(s3.options);
  folder = await mkdtemp(join(tmpdir(), 'seawall-blobs-'));
});
afterAll(async () => {
  await s3.stop();
  await rm(folder, { recursive: true, force: true });
});

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
async function newFile(bytes: Buffer): Promise<string> {
  const path = join(folder, randomUUID());
  await writeFile(path, bytes);
  return path;
}
const through = async (
  rule: (method: string, key: string) => Fault,
  use: (store: Store, seen: string[]) => Promise<void>,
) => {
  const proxy = await startProxy(s3, rule);
  try {
    await use(createStore({ ...s3.options, port: proxy.port, deadlineMs: 1500 }), proxy.seen);
  } finally {
    await proxy.stop();
  }
};

describe('blobs', () => {
  it.each([0, 1, 70_000, 9_000_000])('brings back a file of %i bytes', async (size) => {
    const bytes = randomBytes(size);
    const blob = await store.blobs.putFile(await newFile(bytes));
    expect(blob).toEqual({ sha256: sha256(bytes), size });
    const to = join(folder, 'new', randomUUID());
    await store.blobs.fetchTo(blob.sha256, to);
    expect((await readFile(to)).equals(bytes)).toBe(true);
  });

  it('sends what is there only once', async () => {
    const path = await newFile(randomBytes(1000));
    await through(
      () => 'none',
      async (one, seen) => {
        await one.blobs.putFile(path);
        await one.blobs.putFile(path);
        expect(seen.map((line) => line.split(' ')[0])).toEqual(['HEAD', 'PUT', 'HEAD']);
      },
    );
  });

  it('stores equal JSON as one blob, whatever the order of its keys', async () => {
    const a = await store.blobs.putJson({ kind: 'x', one: 1, two: [{ b: 1, a: 2 }] });
    const b = await store.blobs.putJson({ two: [{ a: 2, b: 1 }], one: 1, kind: 'x' });
    expect(a).toEqual(b);
    expect(await store.blobs.readJson(a.sha256)).toEqual({ kind: 'x', one: 1, two: [{ a: 2, b: 1 }] });
  });

  it('notices one flipped byte, names the object and leaves no file', async () => {
    const { sha256: digest } = await store.blobs.putFile(await newFile(randomBytes(100_000)));
    await flipByte(s3, keys.blob(digest), 77_777);
    const to = join(folder, randomUUID());
    await writeFile(to, 'what was there before');
    await expect(store.blobs.fetchTo(digest, to)).rejects.toMatchObject({
      type: 'Corrupt',
      message: expect.stringMatching(
        new RegExp(`${keys.blob(digest)} is damaged: expected SHA-256 ${digest}, found`),
      ) as string,
      next: expect.stringContaining('Restore') as string,
    });
    expect(await readFile(to, 'utf8')).toBe('what was there before');
    expect((await readdir(folder)).filter((name) => name.endsWith('.tmp'))).toEqual([]);

    const json = await store.blobs.putJson({ kind: 'x', text: randomUUID() });
    await flipByte(s3, keys.blob(json.sha256), 20);
    await expect(store.blobs.readJson(json.sha256)).rejects.toMatchObject({ type: 'Corrupt' });
  });

  it('says which object is missing', async () => {
    const digest = sha256(randomBytes(8));
    const error = { type: 'NotFound', message: expect.stringContaining(keys.blob(digest)) as string };
    await expect(store.blobs.readJson(digest)).rejects.toMatchObject(error);
    await expect(store.blobs.fetchTo(digest, join(folder, 'none'))).rejects.toMatchObject(error);
    await expect(access(join(folder, 'none'))).rejects.toThrow();
    await expect(store.blobs.putFile(join(folder, 'no-such-file'))).rejects.toMatchObject({
      type: 'NotFound',
      message: expect.stringContaining('no-such-file') as string,
    });
  });

  it.each(['stallBody', 'cutBody'] as const)('starts again when a body fails midway (%s)', async (fault) => {
    const bytes = randomBytes(300_000);
    const { sha256: digest } = await store.blobs.putFile(await newFile(bytes));
    let gets = 0;
    await through(
      (method) => (method === 'GET' && gets++ === 0 ? fault : 'none'),
      async (one) => {
        const to = join(folder, randomUUID());
        await one.blobs.fetchTo(digest, to);
        expect((await readFile(to)).equals(bytes)).toBe(true);
        expect(gets).toBe(2);
      },
    );
  });

  it('uploads again when the answer is lost or the store is busy', async () => {
    const bytes = randomBytes(300_000);
    const faults: Fault[] = ['loseAnswer', 'unavailable', 'none'];
    let puts = 0;
    await through(
      (method) => (method === 'PUT' ? (faults[puts++] as Fault) : 'none'),
      async (one) => {
        const blob = await one.blobs.putFile(await newFile(bytes));
        expect(puts).toBe(3);
        const to = join(folder, randomUUID());
        await store.blobs.fetchTo(blob.sha256, to);
        expect((await readFile(to)).equals(bytes)).toBe(true);
      },
    );
  });

  it('never stores content under the wrong digest when the file changes between hashing and upload', async () => {
    const before = randomBytes(200_000);
    const path = await newFile(before);
    await through(
      (method) => {
        if (method === 'HEAD') writeFileSync(path, randomBytes(200_000));
        return 'none';
      },
      async (one) => {
        await expect(one.blobs.putFile(path)).rejects.toMatchObject({
          type: 'Conflict',
          message: expect.stringContaining(`${path} changed`) as string,
        });
      },
    );
    await expect(store.blobs.fetchTo(sha256(before), join(folder, 'never'))).rejects.toMatchObject({
      type: 'NotFound',
    });
  });

  it('waits for a slow body as long as bytes come, and gives up when none do', async () => {
    const bytes = randomBytes(300_000);
    const { sha256: digest } = await store.blobs.putFile(await newFile(bytes));
    const proxy = await startProxy(s3, () => 'drip');
    const silent = await startSilentServer();
    try {
      const slow = createStore({ ...s3.options, port: proxy.port, deadlineMs: DRIP_MS * 6, retries: 0 });
      const begun = performance.now();
      const to = join(folder, randomUUID());
      await slow.blobs.fetchTo(digest, to);
      expect((await readFile(to)).equals(bytes)).toBe(true);
      expect(performance.now() - begun).toBeGreaterThan(DRIP_MS * 6);

      const stalled = createStore({ ...s3.options, port: silent.port, deadlineMs: 100, retries: 0 });
      await expect(stalled.files.upload('x.log', await newFile(randomBytes(9_000_000)))).rejects.toMatchObject({
        type: 'Unavailable',
        message: expect.stringContaining('did not answer within 100 ms') as string,
      });
    } finally {
      await proxy.stop();
      await silent.stop();
    }
  });

  it("ends a download at once when the caller gives up, with the caller's reason", async () => {
    const { sha256: digest } = await store.blobs.putFile(await newFile(randomBytes(300_000)));
    const controller = new AbortController();
    const reason = new Error('cancelled by a person');
    const proxy = await startProxy(s3, () => {
      // The answer is on its way and will stall: now the caller leaves.
      setImmediate(() => controller.abort(reason));
      return 'stallBody';
    });
    try {
      const one = createStore({ ...s3.options, port: proxy.port, deadlineMs: 60_000 });
      await expect(one.blobs.fetchTo(digest, join(folder, randomUUID()), controller.signal)).rejects.toBe(reason);
    } finally {
      await proxy.stop();
    }
  });
});

describe('files by key', () => {
  it('come back as they were, and damage is noticed by the digest they were stored with', async () => {
    const bytes = randomBytes(200_000);
    const key = `models/m/runs/1/${randomUUID()}.log`;
    await store.files.upload(key, await newFile(bytes));
    const to = join(folder, randomUUID());
    await store.files.download(key, to);
    expect((await readFile(to)).equals(bytes)).toBe(true);
    await flipByte(s3, key, 100_000);
    await expect(store.files.download(key, to)).rejects.toMatchObject({
      type: 'Corrupt',
      message: expect.stringContaining(key) as string,
    });
    await expect(store.files.download('models/m/none', to)).rejects.toMatchObject({ type: 'NotFound' });
  });
});
