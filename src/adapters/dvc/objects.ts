/** Where the content of a DVC object is: in the cache, in the workspace, or in a remote. */
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { SeawallError, type BlobRef } from '../../contracts/index.js';
import { digestsOf } from './digests.js';
import type { DvcObject } from './metadata.js';
import type { DvcRemote, LocalCopy } from './remote.js';

/** A file whose MD5 is the wanted one. */
export interface Found extends LocalCopy {
  content: BlobRef;
  from: 'cache' | 'workspace' | 'remote';
}

/** What is looked for, and for whom. */
export interface Wanted {
  object: DvcObject;
  /** As `data/a.csv, tracked by data.dvc`. */
  what: string;
  /** Files of the workspace that should have this content, absolute. */
  workspace: string[];
  /** The remote that keeps it, where that is not the default one. */
  remote: string | undefined;
}

export interface ObjectSource {
  /**
   * Finds the content; the caller releases it. Throws `Corrupt` when the cache or the remote has something else under its MD5,
   * `NotFound` when nobody has it. A file of the workspace that differs is passed over: it may be edited.
   */
  find(wanted: Wanted): Promise<Found>;
}

export function createObjectSource(
  cacheFolder: string,
  remoteOf: (name: string | undefined) => DvcRemote | undefined,
): ObjectSource {
  return { find: (wanted) => find(cacheFolder, remoteOf, wanted) };
}

async function find(
  cacheFolder: string,
  remoteOf: (name: string | undefined) => DvcRemote | undefined,
  wanted: Wanted,
): Promise<Found> {
  const { object, what, workspace } = wanted;
  const key = keyOf(object);
  const cached = join(cacheFolder, key);
  const inCache = await verified(
    cached,
    wanted,
    'Delete this file and run `dvc fetch`, which gets it anew; then import again.',
  );
  if (inCache) return { path: cached, release: nothing, content: inCache, from: 'cache' };
  for (const path of workspace) {
    const content = await matching(path, object);
    if (content) return { path, release: nothing, content, from: 'workspace' };
  }
  const remote = remoteOf(wanted.remote);
  const copy = await remote?.fetch(key);
  if (remote && copy) {
    try {
      const repair =
        'Delete it there and run `dvc push` where the cache still has the right content; then import again.';
      const content = await verified(copy.path, wanted, repair, `${key} in ${remote.label}`);
      if (content) return { ...copy, content, from: 'remote' };
    } catch (error) {
      await copy.release();
      throw error;
    }
  }
  const places = [`not in the cache (${cached})`];
  if (workspace.length > 0) places.push('not in the workspace (missing, edited, or a link)');
  places.push(remote ? `not in ${remote.label}` : 'and no remote is configured');
  throw new SeawallError(
    'NotFound',
    `the content of ${what} is missing: ${object.hash} ${object.md5} is ${places.join(', ')}`,
    'Run `dvc push` where the content still is (and `dvc commit` before, if it was never committed), or `dvc fetch` here; then import again.',
  );
}

/** DVC 2 kept its objects at the top of cache and remote. */
function keyOf({ hash, md5 }: DvcObject): string {
  const path = `${md5.slice(0, 2)}/${md5.slice(2)}`;
  return hash === 'md5' ? `files/md5/${path}` : path;
}

const nothing = async (): Promise<void> => undefined;

/** undefined: there is no such file. Throws when it is not what its name says. */
async function verified(path: string, wanted: Wanted, repair: string, where = path): Promise<BlobRef | undefined> {
  const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw unreadable(path, error);
  });
  if (!found) return undefined;
  if (!found.isFile())
    throw new SeawallError(
      'BadInput',
      `${where} is ${found.isSymbolicLink() ? 'a symbolic link' : 'no plain file'}, which DVC does not store (needed for ${wanted.what})`,
      repair,
    );
  const { hash, md5: name } = wanted.object;
  const { md5, content } = await digestsOf(path, hash).catch((error: unknown) => {
    throw unreadable(path, error);
  });
  const expected = name.replace(/\.dir$/, '');
  if (md5 === expected) return content;
  throw new SeawallError(
    'Corrupt',
    `${where} is damaged: DVC says ${hash} ${expected}, it has ${md5} (needed for ${wanted.what})`,
    repair,
  );
}

/** undefined: missing, other content, or not a plain file (with `cache.type symlink` a link to what the cache no longer has). */
async function matching(path: string, { hash, md5 }: DvcObject): Promise<BlobRef | undefined> {
  const found = await lstat(path).catch(() => undefined);
  if (!found?.isFile()) return undefined;
  const digests = await digestsOf(path, hash).catch((error: unknown) => {
    throw unreadable(path, error);
  });
  return digests.md5 === md5 ? digests.content : undefined;
}

const unreadable = (path: string, cause: unknown): SeawallError =>
  new SeawallError('AccessDenied', `${path} cannot be read: ${(cause as Error).message}`, 'Check its permissions.', {
    cause,
  });
