import { spawn } from 'node:child_process';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import {
  chmod,
  chown,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { processTag } from '../../../src/adapters/process-identity.js';
import { endFileThreads } from '../../../src/adapters/store/file-threads.js';
import { createStore, type Store } from '../../../src/adapters/store/index.js';
import { keys } from '../../../src/contracts/index.js';
import { startS3, type S3Server } from '../../support/s3.js';
import { flipByte, startProxy, type Fault } from './faults.js';

const PIECE = 8 << 20;
const SIZE = 3 * PIECE + 12_345;
let s3: S3Server;
let store: Store;
let folder: string;
let bytes: Buffer;
let digest: string;
beforeAll(async () => {
  s3 = await startS3();
  store = createStore(s3.options);
  folder = await mkdtemp(join(tmpdir(), 'seawall-fetch-'));
  bytes = randomBytes(SIZE);
  digest = await put(bytes);
});
afterAll(async () => {
  await s3.stop();
  await rm(folder, { recursive: true, force: true });
});

async function put(content: Buffer): Promise<string> {
  const path = join(folder, randomUUID());
  await writeFile(path, content);
  return (await store.blobs.putFile(path)).sha256;
}
const newPlace = async (): Promise<string> => {
  const place = join(folder, `to-${randomUUID()}`);
  await mkdir(place);
  return join(place, 'blob');
};
const objectFile = (sha256: string): string => join(s3.folder, s3.options.bucket, s3.options.prefix, keys.blob(sha256));

/** Of a process of this machine that is gone: our own name with a pid that cannot be. */
const GONE = processTag().replace(/^\d+/, '4194303');
const partOf = (path: string, tag: string): string => `${path}.${tag}-00000000.part`;
const NOBODY = 65_534;
const COMPILED = join(import.meta.dirname, '../../../dist/src/adapters/store');
async function allowOthers(path: string, part: string): Promise<void> {
  await chown(part, NOBODY, NOBODY);
  await chown(dirname(path), NOBODY, NOBODY);
  await chmod(folder, 0o755);
}

/** Through a proxy; the ranges that were asked for are not seen, but how many requests there were. */
async function through(
  rule: (get: number) => Fault,
  use: (one: Store) => Promise<void>,
  options: { retries?: number; deadlineMs?: number } = {},
): Promise<number> {
  let gets = 0;
  const proxy = await startProxy(s3, (method) => (method === 'GET' ? rule((gets += 1)) : 'none'));
  const one = createStore({ ...s3.options, port: proxy.port, deadlineMs: 1_500, ...options });
  try {
    await use(one);
  } finally {
    one.close();
    await proxy.stop();
  }
  return gets;
}

describe('a large blob', () => {
  it('comes in pieces and is read-only', async () => {
    const to = await newPlace();
    let told = 0;
    const gets = await through(
      () => 'none',
      (one) => one.blobs.fetchTo(digest, to, undefined, { size: SIZE, onBytes: (more) => void (told += more) }),
    );
    expect((await readFile(to)).equals(bytes)).toBe(true);
    expect((await stat(to)).mode & 0o222).toBe(0);
    expect({ gets, told }).toEqual({ gets: 4, told: SIZE });
    expect(await readdir(join(to, '..'))).toEqual(['blob']);
  });

  it('goes on after a break where it stood, and only there', async () => {
    const to = await newPlace();
    await through(
      (get) => (get === 4 ? 'cutBody' : 'none'),
      (one) =>
        expect(one.blobs.fetchTo(digest, to, undefined, { size: SIZE })).rejects.toMatchObject({ type: 'Unavailable' }),
      { retries: 0 },
    );
    const [half = ''] = await readdir(join(to, '..'));
    expect(half).toMatch(/\.part$/);
    expect((await stat(join(to, '..', half))).size).toBe(3 * PIECE);
    // The piece that shows how large it is, and the one that is missing.
    const gets = await through(
      () => 'none',
      (one) => one.blobs.fetchTo(digest, to, undefined, { size: SIZE }),
    );
    expect(gets).toBe(2);
    expect((await readFile(to)).equals(bytes)).toBe(true);
    expect(await readdir(join(to, '..'))).toEqual(['blob']);
  });

  it('does not trust what an earlier process has left: a half that is damaged is fetched anew', async () => {
    const to = await newPlace();
    await writeFile(partOf(to, GONE), Buffer.concat([randomBytes(100), bytes.subarray(100, PIECE)]));
    await store.blobs.fetchTo(digest, to, undefined, { size: SIZE });
    expect((await readFile(to)).equals(bytes)).toBe(true);
    expect(await readdir(join(to, '..'))).toEqual(['blob']);
  });

  it('leaves alone what a process of another container or machine may be writing, until it has been quiet for long', async () => {
    const to = await newPlace();
    const other = partOf(to, `${GONE.slice(0, -8)}00000000`);
    await writeFile(other, bytes.subarray(0, PIECE));
    await store.blobs.fetchTo(digest, to, undefined, { size: SIZE });
    expect((await readdir(join(to, '..'))).sort()).toEqual(['blob', basename(other)].sort());
    const longAgo = new Date(Date.now() - 11 * 60_000);
    await utimes(other, longAgo, longAgo);
    await rm(to);
    await store.blobs.fetchTo(digest, to, undefined, { size: SIZE });
    expect(await readdir(join(to, '..'))).toEqual(['blob']);
  });

  it('goes on with a half that was made read-only right before the end', async () => {
    const to = await newPlace();
    await writeFile(partOf(to, GONE), bytes.subarray(0, PIECE), { mode: 0o444 });
    if (process.getuid?.() === 0) await allowOthers(to, partOf(to, GONE));
    const script = `
      const { createStore } = await import(${JSON.stringify(join(COMPILED, 'index.js'))});
      const store = createStore(${JSON.stringify(s3.options)});
      await store.blobs.fetchTo(${JSON.stringify(digest)}, ${JSON.stringify(to)}, undefined, { size: ${SIZE} });
      store.close();`;
    // Root may write to what is read-only.
    const user = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
    const child = spawn(process.execPath, ['--input-type=module', '--eval', script], { stdio: 'inherit', ...user });
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect((await readFile(to)).equals(bytes)).toBe(true);
    expect(await readdir(join(to, '..'))).toEqual(['blob']);
  });

  it('fails when the thread that writes it dies, and the next try has a new one', async () => {
    const to = await newPlace();
    await through(
      () => 'drip',
      async (one) => {
        const fetching = one.blobs.fetchTo(digest, to, undefined, { size: SIZE });
        fetching.catch(() => undefined); // looked at below
        while ((await readdir(join(to, '..'))).length === 0) await delay(10);
        await endFileThreads();
        await expect(fetching).rejects.toMatchObject({ type: 'Unavailable' });
      },
    );
    await store.blobs.fetchTo(digest, to, undefined, { size: SIZE });
    expect((await readFile(to)).equals(bytes)).toBe(true);
    expect(await readdir(join(to, '..'))).toEqual(['blob']);
  });

  it.each(['cutBody', 'stallBody'] as const)('asks again only for the piece that failed (%s)', async (fault) => {
    const to = await newPlace();
    const gets = await through(
      (get) => (get === 2 ? fault : 'none'),
      (one) => one.blobs.fetchTo(digest, to, undefined, { size: SIZE }),
    );
    expect(gets).toBe(5);
    expect((await readFile(to)).equals(bytes)).toBe(true);
  });
});

describe.each([
  ['small', 100_000],
  ['large', PIECE + 100_000],
])('a damaged object (%s)', (_, size) => {
  const refused = async (sha256: string, message: RegExp): Promise<void> => {
    const to = await newPlace();
    await expect(store.blobs.fetchTo(sha256, to, undefined, { size })).rejects.toMatchObject({
      type: 'Corrupt',
      message: expect.stringMatching(message) as string,
    });
    expect(await readdir(join(to, '..'))).toEqual([]);
  };
  it('is named, with what was expected and what was found: a wrong byte', async () => {
    const sha256 = await put(randomBytes(size));
    await flipByte(s3, keys.blob(sha256), size - 10);
    await refused(
      sha256,
      new RegExp(`${keys.blob(sha256)} is damaged: expected SHA-256 ${sha256}, found [0-9a-f]{64}`),
    );
  });
  it('a truncated one', async () => {
    const sha256 = await put(randomBytes(size));
    await truncate(objectFile(sha256), size - 1);
    await refused(sha256, new RegExp(`expected ${size} bytes, found ${size - 1} bytes`));
  });
  it('one that was replaced by another of the same size', async () => {
    const sha256 = await put(randomBytes(size));
    const other = randomBytes(size);
    await writeFile(objectFile(sha256), other);
    await refused(sha256, new RegExp(`found ${createHash('sha256').update(other).digest('hex')}`));
  });
});

it('says which disk is full', async () => {
  // A folder that cannot grow: every writing to this device fails with "no space left".
  const { diskFailure } = await import('../../../src/adapters/store/errors.js');
  const full = await writeFile('/dev/full', 'x').catch((error: unknown) => error);
  expect(() => diskFailure('/cache/x')(full)).toThrow(/the disk is full: could not write \/cache\/x .*ENOSPC/);
});
