/** A host's cache of dataset files, `<home>/cache/blobs/ab/abcd…`, each under its digest, and trees of hard links to them. */
import { once, setMaxListeners } from 'node:events';
import { constants } from 'node:fs';
import { chmod, copyFile, link, mkdir, readdir, rm, stat, statfs, utimes } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { DatasetCache } from '../activities/materialize.js';
import type { BlobStore } from '../activities/ports.js';
import { type ManifestFile, SeawallError } from '../contracts/index.js';
import { diskFailure } from './store/errors.js';
import { fileThread } from './store/file-threads.js';
import { checkPaths } from './store/manifest.js';
import { openVerified, stampOf, type Verified } from './verified-files.js';

/** What is in memory at once is bounded elsewhere; many small files need many requests on their way. */
const AT_ONCE = 32;
/** From its fetching or its last use to its link in a tree: what is linked is never removed. */
const KEEP_USED_MS = 10 * 60_000;
/** Another process may make room between our look and our link. */
const LINK_TRIES = 3;
/** The disk is never filled to the brim: others write, too. */
const SPARE_BYTES = 64 << 20;

export interface CacheOptions {
  home: string;
  blobs: Pick<BlobStore, 'fetchTo'>;
  limitBytes: number;
  /**
   * Take an earlier process's word that a file was right, as long as its size, inode and time of change stand and the machine has not
   * been started since. Otherwise every file is hashed before its first use in this process.
   */
  trustVerified?: boolean;
}

/**
 * Only what is missing travels. A file that somebody touched is hashed again, and fetched again when it is not what it was.
 * Above `limitBytes` the files that were not used for longest go; never those that a tree holds (it has a link to them: removing
 * one would free nothing) or that are wanted now, so a larger dataset still fits.
 */
export function createDatasetCache(options: CacheOptions): DatasetCache {
  const root = join(options.home, 'cache', 'blobs');
  const verified = openVerified(join(options.home, 'cache', 'verified.log'), options.trustVerified ?? false);
  const cache: Cache = { ...options, root, verified, fetching: new Map() };
  return {
    tree: async (files, folder, { signal, onFile, onBytes }) => {
      // Once more: whatever a manifest says, nothing is written outside of the folder.
      checkPaths(files.map(({ path }) => path));
      await makeRoom(root, files, options.limitBytes);
      await checkSpace(root, files);
      await checkCopySpace(root, files, folder);
      await makeFolders(files, folder);
      await inParallel(files, signal, async (file, stop) => {
        await linkOne(cache, file, join(folder, file.path), stop, onBytes);
        onFile?.(file);
      });
      await verified.keep();
    },
  };
}

interface Cache extends CacheOptions {
  root: string;
  verified: Verified;
  /** Two paths may have the same content. */
  fetching: Map<string, Promise<void>>;
}

const pathOf = (root: string, { sha256 }: ManifestFile): string => join(root, sha256.slice(0, 2), sha256);

async function linkOne(
  cache: Cache,
  file: ManifestFile,
  target: string,
  signal: AbortSignal,
  onBytes: ((bytes: number) => void) | undefined,
): Promise<void> {
  for (let tries = 1; ; tries++) {
    const source = await ensureOne(cache, file, signal, onBytes);
    try {
      return await linkOrCopy(source, target);
    } catch (error) {
      const gone = (error as NodeJS.ErrnoException).code === 'ENOENT' && tries < LINK_TRIES;
      if (!gone) return diskFailure(target)(error);
    }
  }
}

async function linkOrCopy(source: string, target: string): Promise<void> {
  try {
    await link(source, target);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Another file system, or one without (or with too many) links: a reflink where it can be had, else a copy.
    if (!['EXDEV', 'EPERM', 'EMLINK', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(code ?? '')) throw error;
    await copyFile(source, target, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    await chmod(target, 0o444);
  }
}

/** Where the file lies in the cache, whole and right. */
async function ensureOne(
  cache: Cache,
  file: ManifestFile,
  signal: AbortSignal,
  onBytes: ((bytes: number) => void) | undefined,
): Promise<string> {
  const path = pathOf(cache.root, file);
  for (let other = cache.fetching.get(path); other; other = cache.fetching.get(path)) {
    // Only its success counts: that it was cancelled, or had bad luck, is not this one's affair.
    const came = await orAborted(other, signal).then(
      () => true,
      () => false,
    );
    signal.throwIfAborted();
    if (came) return path;
  }
  signal.throwIfAborted();
  const mine = fetchOne(cache, file, path, signal, onBytes);
  cache.fetching.set(path, mine);
  try {
    await mine;
    return path;
  } finally {
    cache.fetching.delete(path);
  }
}

/** Rejects when `signal` says so, even if `work` goes on. */
async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const stopped = new AbortController();
  const abort = once(signal, 'abort', { signal: stopped.signal }).then(() => Promise.reject(signal.reason as Error));
  abort.catch(() => undefined);
  try {
    if (signal.aborted) throw signal.reason;
    return await Promise.race([work, abort]);
  } finally {
    stopped.abort();
  }
}

async function fetchOne(
  { blobs, verified }: Cache,
  file: ManifestFile,
  path: string,
  signal: AbortSignal,
  onBytes: ((bytes: number) => void) | undefined,
): Promise<void> {
  const there = await stampOf(path);
  if (there?.size === file.size && (verified.has(path, there) || (await digestOf(path)) === file.sha256)) {
    // The use is noted as the time of access; a mounted disk seldom does so itself.
    await utimes(path, new Date(), there.mtime).catch(() => undefined);
    onBytes?.(file.size);
  } else {
    await blobs.fetchTo(file.sha256, path, signal, { size: file.size, ...(onBytes ? { onBytes } : {}) });
  }
  const after = await stampOf(path);
  if (after?.size !== file.size) throw wrongSize(file, after?.size);
  verified.add(path, after);
}

const digestOf = async (path: string): Promise<string> =>
  (await fileThread().run({ kind: 'digest', path }).catch(diskFailure(path))).sha256;

async function makeFolders(files: readonly ManifestFile[], folder: string): Promise<void> {
  const folders = new Set(files.map(({ path }) => dirname(join(folder, path))));
  await mkdir(folder, { recursive: true }).catch(diskFailure(folder));
  for (const each of folders) await mkdir(each, { recursive: true }).catch(diskFailure(each));
}

/** Some at once; the first that fails ends the others, and is what is thrown. */
async function inParallel(
  files: readonly ManifestFile[],
  signal: AbortSignal,
  use: (file: ManifestFile, stop: AbortSignal) => Promise<void>,
): Promise<void> {
  const failed = new AbortController();
  const stop = AbortSignal.any([signal, failed.signal]);
  setMaxListeners(0, stop); // one per request that is open
  const queue = files.values();
  const work = async (): Promise<void> => {
    for (const file of queue) {
      if (stop.aborted) return;
      await use(file, stop).catch((error: unknown) => failed.abort(error));
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, files.length) }, work));
  stop.throwIfAborted();
}

/** Removes files until the rest and the wanted ones are within the limit, those first whose last use is longest ago. */
async function makeRoom(root: string, wanted: readonly ManifestFile[], limitBytes: number): Promise<void> {
  const keep = new Set(wanted.map((file) => pathOf(root, file)));
  const digests = new Set(wanted.map(({ sha256 }) => sha256));
  const others = [];
  for (const name of await readdir(root, { recursive: true }).catch(() => [])) {
    const path = join(root, name);
    const found = await stat(path).catch(() => undefined);
    // What has arrived of a wanted file is in use as well.
    if (!found?.isFile() || keep.has(path) || isPartOf(digests, path)) continue;
    others.push({ path, size: found.size, used: found.nlink > 1, usedMs: Math.max(found.atimeMs, found.mtimeMs) });
  }
  const sizes = new Map(wanted.map(({ sha256, size }) => [sha256, size]));
  let bytes = [...sizes.values(), ...others.map(({ size }) => size)].reduce((sum, size) => sum + size, 0);
  for (const { path, size, used, usedMs } of others.sort((a, b) => a.usedMs - b.usedMs)) {
    if (bytes <= limitBytes) return;
    if (used || Date.now() - usedMs < KEEP_USED_MS) continue;
    await rm(path, { force: true });
    bytes -= size;
  }
}

const isPartOf = (digests: ReadonlySet<string>, path: string): boolean =>
  path.endsWith('.part') && digests.has(basename(path).slice(0, 64));

/** Bytes of a file that earlier tries have brought: they are on the disk already, and the next try goes on from there. */
async function arrivedOf(path: string): Promise<number> {
  const names = await readdir(dirname(path)).catch(() => []);
  const parts = names.filter((name) => name.startsWith(`${basename(path)}.`) && name.endsWith('.part'));
  const sizes = parts.map(async (name) => (await stat(join(dirname(path), name)).catch(() => undefined))?.size ?? 0);
  return Math.max(0, ...(await Promise.all(sizes)));
}

/** A disk that is too small is said before hours of fetching. */
async function checkSpace(root: string, wanted: readonly ManifestFile[]): Promise<void> {
  let bytes = 0;
  for (const file of new Map(wanted.map((each) => [each.sha256, each])).values())
    if ((await stat(pathOf(root, file)).catch(() => undefined))?.size !== file.size)
      bytes += Math.max(0, file.size - (await arrivedOf(pathOf(root, file))));
  if (bytes === 0) return;
  await mkdir(root, { recursive: true }).catch(diskFailure(root));
  const free = await freeBytes(root);
  if (bytes + SPARE_BYTES <= free) return;
  throw new SeawallError(
    'Unavailable',
    `the disk of ${root} is too full: ${bytes} bytes are still to be fetched, ${free} are free`,
    'Free space on this machine, or set SEAWALL_HOME to a folder on a larger disk; then try again.',
  );
}

/** A tree on another disk than the cache is made of copies. */
async function checkCopySpace(root: string, wanted: readonly ManifestFile[], folder: string): Promise<void> {
  await mkdir(folder, { recursive: true }).catch(diskFailure(folder));
  await mkdir(root, { recursive: true }).catch(diskFailure(root));
  if ((await stat(folder)).dev === (await stat(root)).dev) return;
  const bytes = wanted.reduce((sum, { size }) => sum + size, 0);
  const free = await freeBytes(folder);
  if (bytes + SPARE_BYTES <= free) return;
  throw new SeawallError(
    'Unavailable',
    `the disk of ${folder} is too full: ${bytes} bytes are to be copied there, ${free} are free`,
    'Free space on that disk, or name a folder on the disk of SEAWALL_HOME, where nothing is copied; then try again.',
  );
}

async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

function wrongSize(file: ManifestFile, size: number | undefined): SeawallError {
  return new SeawallError(
    'Corrupt',
    `The dataset's file ${file.path} has ${size ?? 'no'} bytes, but its manifest says ${file.size}`,
    'The manifest was not made by Seawall: commit the dataset again.',
  );
}
