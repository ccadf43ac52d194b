import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, statfs, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createDatasetCache } from '../../src/adapters/dataset-cache.js';
import type { ManifestFile } from '../../src/contracts/index.js';

const SIZE = 100;
const HOUR_MS = 3_600_000;
let home: string;
let fetched: string[];
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'seawall-cache-'));
  fetched = [];
});
afterEach(() => rm(home, { recursive: true, force: true }));

const contents = new Map<string, string>();
function file(name: string): ManifestFile {
  const text = name.padEnd(SIZE, '.');
  const sha256 = createHash('sha256').update(text).digest('hex');
  contents.set(sha256, text);
  return { path: `${name}.parquet`, size: SIZE, sha256 };
}
const pathOf = ({ sha256 }: ManifestFile): string => join(home, 'cache', 'blobs', sha256.slice(0, 2), sha256);

const cacheOf = (files: number) =>
  createDatasetCache({
    home,
    blobs: {
      fetchTo: async (sha256, path) => {
        fetched.push(sha256);
        await mkdir(dirname(path), { recursive: true });
        await writeFile(path, contents.get(sha256)!);
      },
    },
    limitBytes: files * SIZE,
  });
let trees = 0;
/** A tree that is there, then gone. */
async function ensure(cache: ReturnType<typeof cacheOf>, ...files: ManifestFile[]): Promise<void> {
  await rm(await tree(cache, ...files), { recursive: true });
}
async function tree(cache: ReturnType<typeof cacheOf>, ...files: ManifestFile[]): Promise<string> {
  const folder = join(home, `tree-${(trees += 1)}`);
  await cache.tree(files, folder, { signal: new AbortController().signal });
  return folder;
}

/** As if it was last used so long ago. */
async function age(one: ManifestFile, hours: number): Promise<void> {
  const at = new Date(Date.now() - hours * HOUR_MS);
  // Later than the content's time, or the disk itself would note the next reading.
  await utimes(pathOf(one), at, new Date(at.getTime() - HOUR_MS));
}
async function cached(): Promise<string[]> {
  const names = await readdir(join(home, 'cache', 'blobs'), { recursive: true });
  return names
    .filter((name) => name.includes('/'))
    .map((name) => contents.get(name.slice(3))?.replace(/\.+$/, '') ?? name);
}

it('makes room for what is wanted: what was not used for longest goes', async () => {
  const cache = cacheOf(3);
  const [a, b, c, d] = [file('a'), file('b'), file('c'), file('d')];
  await ensure(cache, a, b, c);
  await age(a, 10);
  await age(b, 30);
  await age(c, 20);
  await ensure(cache, d);
  expect((await cached()).sort()).toEqual(['a', 'c', 'd']);
});

it('counts a use from the cache as a use, and does not fetch or hash anew for it', async () => {
  const cache = cacheOf(2);
  const [a, b, c] = [file('a'), file('b'), file('c')];
  await ensure(cache, a, b);
  await age(a, 20);
  await age(b, 10);
  const { mtimeMs } = await stat(pathOf(a));
  await ensure(cache, a);
  const once = await stat(pathOf(a));
  await ensure(cache, a); // verified before: its content is not read again
  const twice = await stat(pathOf(a));
  expect(twice.mtimeMs).toBe(mtimeMs);
  expect(twice.atimeMs).toBeGreaterThan(once.atimeMs);
  await ensure(cache, c);
  expect((await cached()).sort()).toEqual(['a', 'c']);
  expect(fetched).toHaveLength(3);
});

it('never removes what a tree holds, however old, nor what is wanted, even above the limit', async () => {
  const cache = cacheOf(1);
  const [a, b, c, d] = [file('a'), file('b'), file('c'), file('d')];
  const held = await tree(cache, a);
  await ensure(cache, b, d);
  for (const one of [a, b, d]) await age(one, 30);
  await ensure(cache, b, c);
  expect((await cached()).sort()).toEqual(['a', 'b', 'c']);
  expect(await readFile(join(held, a.path), 'utf8')).toBe(contents.get(a.sha256));
  await rm(held, { recursive: true });
  await age(a, 30); // the reading was a use
  await ensure(cache, c);
  expect((await cached()).sort()).toEqual(['b', 'c']); // b was used just now
});

it('clears away the halves of downloads that broke off', async () => {
  const cache = cacheOf(1);
  const a = file('a');
  const half = `${pathOf(a)}.1234.tmp`;
  await mkdir(dirname(half), { recursive: true });
  await writeFile(half, 'x'.repeat(SIZE));
  const at = new Date(Date.now() - 4 * HOUR_MS);
  await utimes(half, at, at);
  await ensure(cache, a);
  expect(await cached()).toEqual(['a']);
});

it('does not fail one run for the cancellation or the failure of another that fetches the same file', async () => {
  const a = file('a');
  const first = new AbortController();
  let begun = 0;
  const cache = createDatasetCache({
    home,
    blobs: {
      fetchTo: async (sha256, path, signal) => {
        begun += 1;
        if (begun === 1) await new Promise((_, reject) => signal?.addEventListener('abort', reject));
        if (begun === 2) throw new Error('bad luck');
        await mkdir(dirname(path), { recursive: true });
        await writeFile(path, contents.get(sha256)!);
      },
    },
    limitBytes: SIZE,
  });
  const run = (name: string, signal = new AbortController().signal) => cache.tree([a], join(home, name), { signal });
  const cancelled = run('cancelled', first.signal);
  cancelled.catch(() => undefined); // looked at below
  while (begun === 0) await delay(5);
  const others = [run('unlucky'), run('lucky')];
  await delay(20);
  expect(begun).toBe(1);
  first.abort(new Error('enough'));
  await expect(cancelled).rejects.toThrow('enough');
  const results = await Promise.allSettled(others);
  // The second has its own bad luck; the third is not touched by either.
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
  expect(begun).toBe(3);
});

it('is left at once by a run that is cancelled while it waits for another', async () => {
  const a = file('a');
  const cache = createDatasetCache({
    home,
    blobs: { fetchTo: (_, __, signal) => new Promise((___, reject) => signal?.addEventListener('abort', reject)) },
    limitBytes: SIZE,
  });
  const [leader, follower] = [new AbortController(), new AbortController()];
  const leading = cache.tree([a], join(home, 'x'), { signal: leader.signal });
  leading.catch(() => undefined);
  await delay(20);
  const following = cache.tree([a], join(home, 'y'), { signal: follower.signal });
  following.catch(() => undefined);
  await delay(20);
  follower.abort(new Error('enough'));
  await expect(following).rejects.toThrow('enough');
  leader.abort(new Error('over'));
  await expect(leading).rejects.toThrow('over');
});

it('says beforehand that the disk of a tree is too small for copies', async (context) => {
  const [small, large] = ['/dev/shm', home];
  const found = await statfs(small).catch(() => undefined);
  const free = found ? found.bavail * found.bsize : 0;
  const own = await statfs(large);
  const differ = found && (await stat(small)).dev !== (await stat(large)).dev;
  if (!differ || free > own.bavail * own.bsize - 2 ** 30) return context.skip('no second, smaller disk here');
  const folder = join(small, `seawall-${process.pid}`);
  const huge = { ...file('a'), size: free };
  const made = cacheOf(1).tree([huge], folder, { signal: new AbortController().signal });
  await expect(made).rejects.toThrow(`the disk of ${folder} is too full: ${free} bytes are to be copied there`);
  await rm(folder, { recursive: true, force: true });
  expect(fetched).toEqual([]);
});
