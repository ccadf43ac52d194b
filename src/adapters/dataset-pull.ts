/** A folder that holds exactly a version: made beside, and put in place at once. What people have put there is not lost in silence. */
import { createHash, randomUUID } from 'node:crypto';
import { lstat, mkdir, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import type { DatasetCache } from '../activities/materialize.js';
import { SeawallError, type ManifestFile, type Sha256 } from '../contracts/index.js';
import { lifeOf, PROCESS_TAG, processTag } from './process-identity.js';
import { diskFailure } from './store/errors.js';
import { fileThread } from './store/file-threads.js';
import { openVerified, stampOf } from './verified-files.js';

export interface PullRequest {
  cache: DatasetCache;
  home: string;
  name: string;
  /** The version's digest, or whatever names a part of it: `manifest` must know what it means, today and later. */
  version: Sha256;
  folder: string;
  /** Replace whatever is there. */
  force: boolean;
  manifest: (version: Sha256) => Promise<{ files: ManifestFile[] }>;
  signal: AbortSignal;
  onFile?: (file: ManifestFile) => void;
  onBytes?: (bytes: number) => void;
}
export interface Pulled {
  /** False: the folder held exactly this already. */
  changed: boolean;
  files: ManifestFile[];
}

/** Says which version lies in a folder: outside of it, so that the folder has the version's files and nothing else. */
interface Note {
  folder: string;
  name: string;
  /** Two while one is put in the place of the other. */
  versions: Sha256[];
}

/** @throws SeawallError `BadInput`: the folder has something that no pull has put there; those of the cache */
export async function pullVersion(request: PullRequest): Promise<Pulled> {
  const { cache, home, name, version, force, signal, onFile, onBytes } = request;
  const folder = resolve(request.folder);
  const { files } = await request.manifest(version);
  // Of the wanted version it is known already.
  const manifest: PullRequest['manifest'] = (of) =>
    of === version ? Promise.resolve({ files }) : request.manifest(of);
  const noteFile = join(home, 'cache', 'trees', `${createHash('sha256').update(folder).digest('hex')}.json`);
  await sweep(folder);
  const look = () => standing(folder, home, noteFile, name, version, manifest);
  const before = await look();
  if (before.kind === 'wanted') return { changed: false, files };
  if (before.kind === 'other' && !force) throw before.problem;
  const building = `${folder}.pulling-${processTag()}-${randomUUID().slice(0, 8)}`;
  try {
    await cache.tree(files, building, { signal, ...(onFile ? { onFile } : {}), ...(onBytes ? { onBytes } : {}) });
    // Fetching may have taken hours in which somebody has put something there.
    const now = await look();
    if (now.kind === 'wanted') return { changed: false, files };
    if (now.kind === 'other' && !force) throw now.problem;
    const note = (versions: Sha256[]) => writeNote(noteFile, { folder, name, versions });
    await note([version, ...(now.kind === 'earlier' ? [now.version] : [])]);
    await putInPlace(building, folder);
    await note([version]);
  } finally {
    await rm(building, { recursive: true, force: true });
  }
  return { changed: true, files };
}

type Standing =
  | { kind: 'nothing' }
  | { kind: 'wanted' }
  | { kind: 'earlier'; version: Sha256 }
  | { kind: 'other'; problem: SeawallError };

async function standing(
  folder: string,
  home: string,
  noteFile: string,
  name: string,
  wanted: Sha256,
  manifest: PullRequest['manifest'],
): Promise<Standing> {
  const there = await listFiles(folder);
  if (there === undefined || there.length === 0) return { kind: 'nothing' };
  const note = await readFile(noteFile, 'utf8').then(
    (text) => JSON.parse(text) as Note,
    () => undefined,
  );
  let difference = 'no pull on this host has made it';
  for (const version of note?.name === name ? note.versions : []) {
    const { files } = await manifest(version);
    const found = await differenceOf(folder, home, files, there);
    if (found === undefined) return version === wanted ? { kind: 'wanted' } : { kind: 'earlier', version };
    difference = found;
  }
  const problem = new SeawallError(
    'BadInput',
    `${folder} is not empty and would be replaced: ${difference}`,
    'Name another folder, or add --force to replace what is there.',
  );
  return { kind: 'other', problem };
}

/** The files below, `/`-separated; undefined: there is no such folder. */
async function listFiles(folder: string): Promise<string[] | undefined> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw new SeawallError(
        'BadInput',
        `${folder} cannot be a folder of files: ${error.message}`,
        'Name another folder.',
      );
    },
  );
  const files = entries?.filter((entry) => !entry.isDirectory());
  return files?.map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'));
}

/** The first thing in which the folder is not what these files are; undefined: it is exactly they. */
async function differenceOf(
  folder: string,
  home: string,
  files: ManifestFile[],
  there: string[],
): Promise<string | undefined> {
  const wanted = new Set(files.map(({ path }) => path));
  const added = there.find((path) => !wanted.has(path));
  if (added !== undefined) return `${JSON.stringify(added)} was added`;
  if (there.length < files.length) {
    const present = new Set(there);
    return `${JSON.stringify(files.find(({ path }) => !present.has(path))?.path)} was removed`;
  }
  const verified = openVerified(join(home, 'cache', 'verified.log'), true);
  const unlike = async ({ path, size, sha256 }: ManifestFile): Promise<boolean> => {
    const own = await stat(join(folder, path));
    if (own.size !== size) return true;
    const cached = join(home, 'cache', 'blobs', sha256.slice(0, 2), sha256);
    const stamp = await stampOf(cached);
    // The cache's own file, and not written to since it was found to be right.
    const linked = stamp?.text.startsWith(`${own.ino}/`) && verified.has(cached, stamp);
    return !linked && (await digestOf(join(folder, path))) !== sha256;
  };
  for (let first = 0; first < files.length; first += LOOKS_AT_ONCE) {
    const some = files.slice(first, first + LOOKS_AT_ONCE);
    const found = await Promise.all(some.map(unlike));
    const at = found.indexOf(true);
    if (at >= 0) return `${JSON.stringify(some[at]!.path)} was changed`;
  }
  return undefined;
}

const LOOKS_AT_ONCE = 32;
const digestOf = async (path: string): Promise<string> =>
  (await fileThread().run({ kind: 'digest', path }).catch(diskFailure(path))).sha256;

async function putInPlace(building: string, folder: string): Promise<void> {
  const old = `${folder}.pulling-${processTag()}-${randomUUID().slice(0, 8)}-old`;
  const had = await rename(folder, old).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw error;
    },
  );
  try {
    await rename(building, folder);
  } catch (error) {
    if (had) await rename(old, folder);
    throw error;
  }
  if (had) await rm(old, { recursive: true, force: true });
}

async function writeNote(file: string, note: Note): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const draft = `${file}.${randomUUID()}.tmp`;
  await writeFile(draft, JSON.stringify(note));
  await rename(draft, file);
}

const BUILDING = new RegExp(String.raw`\.pulling-(${PROCESS_TAG})-[0-9a-f]{8}(-old)?$`);
/** Of a process that cannot be seen from here, whose pull may last: what it makes is not touched for so long. */
const LEFT_MS = 24 * 3600_000;

/**
 * What pulls of processes that are gone have left beside the folder. One that died between two renames has left the old folder there:
 * it is put back, since who pulls now may fail, too.
 */
async function sweep(folder: string): Promise<void> {
  await mkdir(dirname(folder), { recursive: true }).catch(diskFailure(folder));
  for (const name of await readdir(dirname(folder))) {
    const match = name.startsWith(`${basename(folder)}.pulling-`) ? BUILDING.exec(name) : null;
    const left = join(dirname(folder), name);
    if (!match || !(await isLeft(match[1]!, left))) continue;
    if (match[2] !== undefined && !(await exists(folder))) await rename(left, folder);
    else await rm(left, { recursive: true, force: true });
  }
}

const exists = (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    () => false,
  );

async function isLeft(tag: string, path: string): Promise<boolean> {
  const life = lifeOf(tag);
  if (life !== 'elsewhere') return life === 'gone';
  const found = await stat(path).catch(() => undefined);
  return found !== undefined && Date.now() - found.mtimeMs > LEFT_MS;
}
