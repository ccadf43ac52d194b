/** The folders of runs on this host, `<home>/work/<namespace>/<model>/<n>`: where they lie, and when they go. */
import { chmod, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { keys, type RunRecord } from '../contracts/index.js';
import type { RecordStore } from './ports.js';

/** Somebody may still read the log that a failure's message names, or start the run's workflow again. */
const KEEP_ENDED_MS = 3_600_000;

export const runFolder = (home: string, namespace: string, run: { model: string; n: number }): string =>
  join(home, 'work', namespace, run.model, String(run.n));

/**
 * Removes the folders of runs that ended more than an hour ago, by their records; what storage does not know stays.
 * @returns the folders that were removed
 */
export async function sweepRunFolders(
  { home, namespace, records }: { home: string; namespace: string; records: Pick<RecordStore, 'newest'> },
  nowMs = Date.now(),
): Promise<string[]> {
  const removed: string[] = [];
  const root = join(home, 'work', namespace);
  for (const model of await foldersIn(root)) {
    for (const name of (await foldersIn(join(root, model))).filter((each) => /^[1-9]\d*$/.test(each))) {
      const newest = await records.newest<RunRecord>(keys.runRecords(model, Number(name)));
      if (!newest?.outcome || nowMs - Date.parse(newest.at) < KEEP_ENDED_MS) continue;
      const folder = runFolder(home, namespace, { model, n: Number(name) });
      await removeTree(folder);
      removed.push(folder);
    }
  }
  return removed;
}

async function foldersIn(path: string): Promise<string[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
}

/** Read-only folders resist `rm -rf`. */
export async function removeTree(folder: string): Promise<void> {
  await unprotect(folder);
  await rm(folder, { recursive: true, force: true });
}

async function unprotect(folder: string): Promise<void> {
  const there = await chmod(folder, 0o755).then(
    () => true,
    () => false,
  );
  if (!there) return;
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) await unprotect(join(folder, entry.name));
  }
}
