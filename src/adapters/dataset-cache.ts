/** A host's cache of dataset files: `<home>/cache/blobs/ab/abcd…`, each under its digest. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { DatasetCache } from '../activities/materialize.js';
import type { BlobStore } from '../activities/ports.js';
import { type ManifestFile, SeawallError } from '../contracts/index.js';

const AT_ONCE = 4;

/**
 * Only what is missing travels. What lies there is hashed before its first use in this process, and again when its size, inode or
 * time has changed: a disk may forget, and a file that somebody touched must not be learnt from.
 */
export function createDatasetCache({ home, blobs }: { home: string; blobs: Pick<BlobStore, 'fetchTo'> }): DatasetCache {
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
    const path = join(home, 'cache', 'blobs', file.sha256.slice(0, 2), file.sha256);
    if (await whole(path, file)) return path;
    await mkdir(dirname(path), { recursive: true });
    await blobs.fetchTo(file.sha256, path, signal);
    const after = await stampOf(path);
    if (after?.size !== file.size) throw wrongSize(file, after?.size);
    verified.set(path, after.stamp);
    return path;
  };
  return {
    ensure: async (files, { signal, onFile }) => {
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
