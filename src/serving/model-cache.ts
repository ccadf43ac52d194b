import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { SeawallError, isName } from '../contracts/index.js';
import type { Answering, Sha256 } from '../contracts/index.js';

/** What serving needs to serve a release again without the store. */
export interface CachedRelease {
  model: string;
  release: number;
  epoch: number;
  sha256: Sha256;
  featureOrder: string[] | null;
  /** Absent: binary. */
  answering?: Answering;
}

export interface ModelCache {
  /** Path of the model file, verified: fetched when it is not there, and fetched again when its bytes are wrong. */
  file(sha256: Sha256, fetchTo: (path: string) => Promise<void>): Promise<string>;
  remember(release: CachedRelease): Promise<void>;
  remembered(): Promise<CachedRelease[]>;
  /** Removes models that no remembered release names. */
  prune(): Promise<void>;
}

/** Local copies below `<folder>/models` (by digest) and `<folder>/pointers` (last served release per model). */
export async function openModelCache(folder: string): Promise<ModelCache> {
  const models = join(folder, 'models');
  const pointers = join(folder, 'pointers');
  await Promise.all([mkdir(models, { recursive: true }), mkdir(pointers, { recursive: true })]);
  const remembered = async (): Promise<CachedRelease[]> => {
    const names = (await readdir(pointers)).filter((file) => file.endsWith('.json'));
    const read = await Promise.all(names.map((file) => readRelease(join(pointers, file))));
    return read.filter((release) => release !== undefined);
  };
  return {
    file: async (sha256, fetchTo) => {
      // Each alone in its folder: what the runtime might read beside it does not exist.
      const own = join(models, sha256);
      await mkdir(own, { recursive: true });
      return verifiedFile(join(own, 'model.onnx'), sha256, fetchTo);
    },
    remember: async (release) => {
      const path = join(pointers, `${release.model}.json`);
      await writeFile(`${path}.new`, JSON.stringify(release));
      await rename(`${path}.new`, path);
    },
    remembered,
    prune: async () => {
      const used = new Set<string>((await remembered()).map(({ sha256 }) => sha256));
      const unused = (await readdir(models)).filter((name) => !used.has(name));
      await Promise.all(unused.map((name) => rm(join(models, name), { recursive: true, force: true })));
    },
  };
}

async function verifiedFile(path: string, sha256: Sha256, fetchTo: (path: string) => Promise<void>): Promise<string> {
  if ((await digestOf(path)) === sha256) return path;
  await fetchTo(path);
  const found = await digestOf(path);
  if (found === sha256) return path;
  await rm(path, { force: true });
  throw new SeawallError(
    'Corrupt',
    `The fetched model ${sha256} has the SHA-256 ${found ?? '(no file)'}`,
    'The stored blob was damaged or replaced: release the model again. The release before goes on serving.',
  );
}

/** undefined: no such file. */
async function digestOf(path: string): Promise<Sha256 | undefined> {
  const hash = createHash('sha256');
  try {
    await pipeline(createReadStream(path), hash);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  return hash.digest('hex');
}

/** undefined: unreadable, as after a crash of the host; then the store is asked. */
async function readRelease(path: string): Promise<CachedRelease | undefined> {
  try {
    const value = JSON.parse(await readFile(path, 'utf8')) as Partial<CachedRelease>;
    return isName(value.model) && /^[0-9a-f]{64}$/.test(String(value.sha256)) ? (value as CachedRelease) : undefined;
  } catch {
    return undefined;
  }
}
