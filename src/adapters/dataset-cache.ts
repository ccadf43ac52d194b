/** A host's cache of dataset files: `<home>/cache/blobs/ab/abcd…`, each under its digest. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readdir, rm, stat, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { DatasetCache } from '../activities/materialize.js';
import type { BlobStore } from '../activities/ports.js';
import { type ManifestFile, SeawallError } from '../contracts/index.js';

const AT_ONCE = 4;
/** Longer than a step may take: what was used since may still be read, by this worker or by another on the same folder. */
const KEEP_USED_MS = 3 * 3_600_000;

/**
 * Only what is missing travels. What lies there is hashed before its first use in this process, and again when its size, inode or
 * time has changed: a disk may forget, and a file that somebody touched must not be learnt from.
 * Above `limitBytes` the files that were not used for longest go; never those in use, so a larger dataset still fits.
 */
export function createDatasetCache(options: {
  home: string;
  blobs: Pick<BlobStore, 'fetchTo'>;
  limitBytes: number;
}): DatasetCache {
  const { blobs, limitBytes } = options;
  const root = join(options.home, 'cache', 'blobs');
  const verified = new Map<string, string>();
  const whole = async (path: string, file: ManifestFile): Promise<boolean> => {
    const before = await stampOf(path);
    if (!before || before.size !== file.size) return false;
    if (verified.get(path) === before.stamp) return true;
    if ((await sha256OfFile(path)) !== file.sha256) return false;
    verified.set(path, before.stamp);
    return true;
  };
  const ensureOne = async (file: ManifestFile, signal: AbortSignal): Promise<string> => {
    signal.throwIfAborted();
    const path = pathOf(root, file);
    if (await whole(path, file)) {
      verified.set(path, await touch(path));
      return path;
    }
    await mkdir(dirname(path), { recursive: true });
    await blobs.fetchTo(file.sha256, path, signal);
    const after = await stampOf(path);
    if (after?.size !== file.size) throw wrongSize(file, after?.size);
    verified.set(path, after.stamp);
    return path;
  };
  return {
    ensure: async (files, { signal, onFile }) => {
      await makeRoom(root, files, limitBytes);
      const failed = new AbortController();
      const stop = AbortSignal.any([signal, failed.signal]);
      const paths = new Array<string>(files.length);
      const queue = files.entries();
      const work = async (): Promise<void> => {
        for (const [i, file] of queue) {
          paths[i] = await ensureOne(file, stop);
          onFile(file);
        }
      };
      const workers = Array.from({ length: Math.min(AT_ONCE, files.length) }, () =>
        work().catch((error: unknown) => {
          // The others stop too, and the first error is the one that is told.
          failed.abort(error);
          throw error;
        }),
      );
      const results = await Promise.allSettled(workers);
      if (failed.signal.aborted) throw failed.signal.reason;
      const rejected = results.find((result) => result.status === 'rejected');
      if (rejected) throw rejected.reason;
      return paths;
    },
  };
}

const pathOf = (root: string, { sha256 }: ManifestFile): string => join(root, sha256.slice(0, 2), sha256);

/** Notes the use as the time of access; a mounted disk seldom does so itself. The new stamp. */
async function touch(path: string): Promise<string> {
  const { mtime } = await stat(path);
  await utimes(path, new Date(), mtime);
  return (await stampOf(path))?.stamp ?? '';
}

/** Removes files until the rest and the wanted ones are within the limit, those first whose last use is longest ago. */
async function makeRoom(root: string, wanted: readonly ManifestFile[], limitBytes: number): Promise<void> {
  const keep = new Set(wanted.map((file) => pathOf(root, file)));
  const others = [];
  for (const name of await readdir(root, { recursive: true }).catch(() => [])) {
    const path = join(root, name);
    const found = await stat(path).catch(() => undefined);
    if (!found?.isFile() || keep.has(path)) continue;
    others.push({ path, size: found.size, usedMs: Math.max(found.atimeMs, found.mtimeMs) });
  }
  const sizes = new Map(wanted.map(({ sha256, size }) => [sha256, size]));
  let bytes = [...sizes.values(), ...others.map(({ size }) => size)].reduce((sum, size) => sum + size, 0);
  for (const { path, size, usedMs } of others.sort((a, b) => a.usedMs - b.usedMs)) {
    if (bytes <= limitBytes || Date.now() - usedMs < KEEP_USED_MS) return;
    await rm(path, { force: true });
    bytes -= size;
  }
}

async function stampOf(path: string): Promise<{ size: number; stamp: string } | undefined> {
  const found = await stat(path).catch(() => undefined);
  return found && { size: found.size, stamp: `${found.ino}/${found.size}/${found.mtimeMs}/${found.ctimeMs}` };
}

async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

function wrongSize(file: ManifestFile, size: number | undefined): SeawallError {
  return new SeawallError(
    'Corrupt',
    `The dataset's file ${file.path} has ${size ?? 'no'} bytes, but its manifest says ${file.size}`,
    'The manifest was not made by `commitVersion`: commit the dataset again.',
  );
}
