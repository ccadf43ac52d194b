import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
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
