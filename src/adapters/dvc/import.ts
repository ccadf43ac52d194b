/**
 * Imports what a DVC repository tracks as a dataset version, without DVC. Content goes into the store file by file, verified by
 * DVC's MD5; the version is committed when all of it is there.
 */
import { randomUUID } from 'node:crypto';
import { rm, stat } from 'node:fs/promises';
import { join, posix, resolve } from 'node:path';
import { keys, SeawallError, type DatasetImport, type DvcRevision, type ManifestFile } from '../../contracts/index.js';
import type { Committed, Store } from '../store/index.js';
import { refuseTooLate } from '../store/dataset-upload.js';
import { checkPaths } from '../store/manifest.js';
import { storeContents, type DvcImportProgress, type StoredContents, type TrackedFile } from './contents.js';
import { readDvcConfig, type DvcConfig } from './config.js';
import { readDirectoryObject, type DirectoryEntry } from './directory.js';
import { createObjectSource, type ObjectSource, type Wanted } from './objects.js';
import { readOuts } from './outs.js';
import { openRemote, type DvcRemote, type Environment, type RemoteOptions } from './remote.js';
import { gitRevision } from './revision.js';
import { selectOuts, type Selected } from './targets.js';

export interface DvcImportOptions {
  /** Name of the dataset. */
  dataset: string;
  /** The folder that holds `.dvc`. */
  repository: string;
  /** What of it, as `selectOuts` takes it; empty: all. */
  targets: readonly string[];
  by: string;
  /** For the keys and addresses that DVC's configuration leaves to it. */
  env: Environment;
  /** Downloads go into a folder of their own below this one. */
  scratch: string;
  /** Called as files are done. */
  onProgress?: ((progress: DvcImportProgress) => void) | undefined;
}

export interface DvcImported extends Committed {
  dataset: string;
  /** null: the repository is not in git, or git is not there. */
  revision: DvcRevision | null;
  /** What was imported, relative to the repository; these paths begin the files' paths. */
  outs: string[];
  bytes: number;
  from: StoredContents['from'];
  message: string;
}

/**
 * Throws a SeawallError before anything is committed when something that is asked for cannot be imported, is missing or is
 * damaged. Content that was stored until then is unreferenced, and is not sent again by the next try.
 */
export async function importDvc(
  store: Pick<Store, 'blobs' | 'datasets' | 'records'>,
  options: DvcImportOptions,
): Promise<DvcImported> {
  const root = resolve(options.repository);
  await checkRepository(root);
  const config = await readDvcConfig(root);
  const selected = selectOuts(await readOuts(root), options.targets, root);
  const revision = await gitRevision(root, options.env);
  const folder = keys.datasetImports(options.dataset);
  const last = await store.records.newest<DatasetImport>(folder);
  const temporaryFolder = join(options.scratch, `dvc-${randomUUID()}`);
  const remotes = openRemotes(config, { env: options.env, temporaryFolder });
  try {
    const source = createObjectSource(config.cacheFolder, remotes.of);
    const files = await filesOf(root, selected, source);
    const outs = selected.flatMap(({ path, within }) =>
      within.length > 0 ? within.map((part) => posix.join(path, part)) : [path],
    );
    const begunMs = Date.now();
    const inHead = await contentOfHead(store.datasets, options.dataset);
    const stored = await storeContents(store.blobs, source, files, last, inHead, options.onProgress);
    refuseTooLate(begunMs);
    const { dataset, by } = options;
    const manifest = stored.files.map(({ path, size, sha256 }): ManifestFile => ({ path, size, sha256 }));
    const message = messageOf(outs, revision);
    const committed = await store.datasets.commitVersion(dataset, manifest, { by, message });
    const { version } = committed;
    if (last?.version !== version || last.revision?.commit !== revision?.commit) {
      const causeId = `dvc/${version}/${last?.seq ?? 0}`;
      const record = { kind: 'dataset-import', schema: 1, causeId, version, revision, outs, by } as const;
      const at = new Date().toISOString();
      await store.records.append(folder, causeId, (seq) => ({ ...record, seq, at, files: stored.files }), last?.seq);
    }
    const { from, uploadedBytes } = stored;
    const bytes = manifest.reduce((sum, { size }) => sum + size, 0);
    return { ...committed, dataset, revision, outs, bytes, uploadedBytes, from, message };
  } finally {
    remotes.close();
    await rm(temporaryFolder, { recursive: true, force: true });
  }
}

async function contentOfHead(datasets: Store['datasets'], name: string): Promise<Set<string>> {
  const head = await datasets.head(name);
  const files = head ? (await datasets.manifest(name, head.version)).files : [];
  return new Set(files.map(({ sha256 }) => sha256));
}

async function checkRepository(root: string): Promise<void> {
  const found = await stat(join(root, '.dvc')).catch(() => undefined);
  if (found?.isDirectory()) return;
  throw new SeawallError(
    'NotFound',
    `${root} is no DVC repository: it has no folder .dvc`,
    'Give the folder in which `dvc init` was run.',
  );
}

/** Each opened once, and only when it is needed. */
function openRemotes(
  config: DvcConfig,
  options: RemoteOptions,
): { of: (name: string | undefined) => DvcRemote | undefined; close: () => void } {
  const open = new Map<string | undefined, DvcRemote | undefined>();
  return {
    of(name) {
      if (!open.has(name)) open.set(name, openRemote(config, name, options));
      return open.get(name);
    },
    close: () => open.forEach((remote) => remote?.close()),
  };
}

/** The files of the outs; reads the listings of folders. */
async function filesOf(root: string, selected: readonly Selected[], source: ObjectSource): Promise<TrackedFile[]> {
  const files: TrackedFile[] = [];
  for (const { path, trackedBy, remote, object, within } of selected) {
    const add = (at: string, md5: string): void =>
      void files.push({
        path: at,
        workspace: join(root, at),
        object: { hash: object.hash, md5 },
        trackedBy,
        remote,
      });
    if (!object.md5.endsWith('.dir')) {
      add(path, object.md5);
      continue;
    }
    const what = `${path}/, tracked by ${trackedBy}`;
    const entries = await listingOf(source, { object, what, workspace: [], remote });
    const isIn = (part: string, relpath: string): boolean => relpath === part || relpath.startsWith(`${part}/`);
    const nowhere = within.find((part) => !entries.some(({ relpath }) => isIn(part, relpath)));
    if (nowhere !== undefined)
      throw new SeawallError(
        'NotFound',
        `DVC tracks no "${posix.join(path, nowhere)}": ${path}/, tracked by ${trackedBy}, does not have it`,
        `Name another part of it, or ${path} itself.`,
      );
    for (const { relpath, md5 } of entries)
      if (within.length === 0 || within.some((part) => isIn(part, relpath))) add(`${path}/${relpath}`, md5);
  }
  checkPaths(files.map(({ path }) => path));
  if (files.length > 0) return files;
  throw new SeawallError(
    'NotFound',
    `there is no file in what DVC tracks in ${root}: its folders are empty`,
    'A dataset version without files cannot be trained on: add data first.',
  );
}

async function listingOf(source: ObjectSource, wanted: Wanted): Promise<DirectoryEntry[]> {
  const listing = await source.find(wanted);
  try {
    return await readDirectoryObject(listing.path, wanted.what);
  } finally {
    await listing.release();
  }
}

function messageOf(outs: readonly string[], revision: DvcRevision | null): string {
  const what = outs.length > 3 ? `${outs.slice(0, 3).join(', ')} and ${outs.length - 3} more` : outs.join(', ');
  if (!revision) return `DVC import of ${what}`;
  return `DVC import of ${what} at ${revision.commit.slice(0, 12)}${revision.changed ? ' with uncommitted changes' : ''}`;
}
