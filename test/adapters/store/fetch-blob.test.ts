import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
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
    // Of a process that is gone.
    const start = Buffer.from('another boot:1').toString('hex');
    await writeFile(
      `${to}.4194303-${start}-00000000.part`,
      Buffer.concat([randomBytes(100), bytes.subarray(100, PIECE)]),
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
