/**
 * The files of a run on this host: what the trainer may learn from, and the holdout that it never sees. Fetch and train both
 * call it, so that training never depends on which host fetched.
 */
import { createHash, randomUUID } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { canonicalJson, type ManifestFile, type RunPlan, SeawallError } from '../contracts/index.js';
import { waitingOut } from './outage.js';
import type { DatasetStore } from './ports.js';
import { removeTree, runFolder } from './work-folders.js';

/** The host's cache of dataset files. */
export interface DatasetCache {
  /**
   * Makes a tree of these files, read-only, in `folder`; it is made, and must not have any of them yet. Fetches what the host lacks,
   * verified. As long as the tree is there, the cache keeps its files.
   */
  tree(
    files: ManifestFile[],
    folder: string,
    options: { signal: AbortSignal; onFile?: (file: ManifestFile) => void; onBytes?: (bytes: number) => void },
  ): Promise<void>;
}

/** Cuts rows into those that may be learnt from (`trainDir/<path>`, Parquet) and one file of those that are held out. */
export type SplitHoldout = (
  files: { path: string; local: string }[],
  rule: { rowId: string; fraction: number; columns: string[] },
  trainDir: string,
  holdoutFile: string,
) => Promise<{ trainRows: number; holdoutRows: number }>;

export interface MaterializePorts {
  datasets: DatasetStore;
  cache: DatasetCache;
  splitHoldout: SplitHoldout;
  /** The worker's folder on this host. */
  home: string;
  namespace: string;
}

export interface Materialized {
  /** Read-only; holds training rows only. */
  dataDir: string;
  holdoutFile: string;
  files: number;
  bytes: number;
  trainRows: number;
  holdoutRows: number;
}
export interface FetchProgress {
  files: number;
  of: number;
  bytes: number;
}
export type Materialize = (
  plan: RunPlan,
  options: { signal: AbortSignal; onProgress: (progress: FetchProgress) => void },
) => Promise<Materialized>;

/** Lies in the finished folder: what it was made from, and what came out. */
interface Marker extends Omit<Materialized, 'dataDir' | 'holdoutFile'> {
  madeFrom: string;
}
const MARKER = 'split.json';

/**
 * Makes `<home>/work/<namespace>/<model>/<n>/data`: `train/…`, `holdout.parquet`, `split.json`. Built beside and renamed: the
 * folder is whole or not there, whoever builds it at the same time, and a second call only looks.
 */
export function createMaterialize(ports: MaterializePorts): Materialize {
  return async (plan, options) => {
    const folder = join(runFolder(ports.home, ports.namespace, plan), 'data');
    const madeFrom = digestOf(plan);
    const there = await finished(folder, madeFrom);
    if (there) return there;
    await sweep(folder);
    const building = `${folder}.building-${hostname()}-${process.pid}-${randomUUID()}`;
    try {
      await build(ports, plan, building, madeFrom, options);
      await settle(building, folder, madeFrom);
    } finally {
      await removeTree(building);
    }
    const made = await finished(folder, madeFrom);
    if (made) return made;
    throw new SeawallError('Conflict', `${folder} was removed while it was made`, 'It is made again.');
  };
}

/** What decides the content; the rest of the plan may differ. */
function digestOf({ dataset, config }: RunPlan): string {
  const { version, include } = dataset;
  const content = { version, include, rowId: config.dataset.rowId, holdout: config.holdout };
  return createHash('sha256').update(canonicalJson(content)).digest('hex');
}

async function build(
  { datasets, cache, splitHoldout }: MaterializePorts,
  plan: RunPlan,
  folder: string,
  madeFrom: string,
  { signal, onProgress }: Parameters<Materialize>[1],
): Promise<void> {
  const { name, version, include } = plan.dataset;
  const wanted = new Set(include);
  const manifest = await waitingOut(signal, () => datasets.manifest(name, version));
  const files = manifest.files.filter((file) => wanted.has(file.path));
  const source = join(folder, 'source');
  await waitingOut(signal, async () => {
    await removeTree(source);
    // What a try before this one has fetched is in the cache, and is counted anew.
    const progress: FetchProgress = { files: 0, of: files.length, bytes: 0 };
    onProgress({ ...progress });
    const onFile = (file: ManifestFile): void => {
      progress.files += 1;
      progress.bytes += file.size;
      onProgress({ ...progress });
    };
    await cache.tree(files, source, { signal, onFile });
  });
  signal.throwIfAborted();
  const sources = files.map(({ path }) => ({ path, local: join(source, path) }));
  const { dataset, holdout, features, label } = plan.config;
  const columns = [...features.map(({ name }) => name), label.column];
  const rule = { rowId: dataset.rowId, fraction: holdout.hashFraction, columns };
  const rows = await splitHoldout(sources, rule, join(folder, 'train'), join(folder, 'holdout.parquet'));
  await removeTree(source);
  refuseEmpty(plan, rows);
  await protect(join(folder, 'train'));
  const bytes = files.reduce((sum, file) => sum + file.size, 0);
  const marker: Marker = { madeFrom, files: files.length, bytes, ...rows };
  await writeFile(join(folder, MARKER), JSON.stringify(marker));
}

function refuseEmpty(plan: RunPlan, { trainRows, holdoutRows }: { trainRows: number; holdoutRows: number }): void {
  if (trainRows > 0 && holdoutRows > 0) return;
  const { name, version } = plan.dataset;
  const fraction = plan.config.holdout.hashFraction;
  throw new SeawallError(
    'BadData',
    `Version ${version} of "${name}" gives ${trainRows} rows to train on and ${holdoutRows} held out (holdout.hashFraction ${fraction})`,
    'Commit a version with more rows, or change holdout.hashFraction.',
  );
}

async function finished(folder: string, madeFrom: string): Promise<Materialized | undefined> {
  const text = await readFile(join(folder, MARKER), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const { madeFrom: from, ...rest } = JSON.parse(text) as Marker;
  // A wiped bucket begins with run 1 again, and its data must not be those of the old run 1.
  if (from !== madeFrom) return undefined;
  return { dataDir: join(folder, 'train'), holdoutFile: join(folder, 'holdout.parquet'), ...rest };
}

/** Renames into place. Who comes second keeps the first one's folder when it is of the same content. */
async function settle(building: string, folder: string, madeFrom: string): Promise<void> {
  for (let tries = 0; tries < 3; tries++) {
    try {
      return await rename(building, folder);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
    }
    if (await finished(folder, madeFrom)) return;
    await removeTree(folder);
  }
}

/** A trainer that writes into its data would change what a second attempt learns from. */
async function protect(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await protect(path);
    else await chmod(path, 0o444);
  }
  await chmod(folder, 0o555);
}

/** Removes what processes of this host that are gone have left half built. */
async function sweep(folder: string): Promise<void> {
  const parent = dirname(folder);
  await mkdir(parent, { recursive: true });
  for (const name of await readdir(parent)) {
    const match = /^data\.building-(.+)-(\d+)-[0-9a-f]{8}-/.exec(name);
    if (match?.[1] === hostname() && !isAlive(Number(match[2]))) await removeTree(join(parent, name));
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
