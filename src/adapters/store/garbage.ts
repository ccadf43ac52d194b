/**
 * What nothing needs any more, and what keeps the rest.
 *
 * Kept: the head and the tags of every dataset, every version of its log, and whatever a record of a model names: releases, open and
 * ended runs, their evidence. With `olderThanMs` versions that stopped being the head, and runs that ended without a release, longer
 * ago than that keep nothing any more by themselves.
 *
 * What is younger than the grace is never taken, because a commit or a run may be about to name it. Writers rely on content that
 * nothing names yet only while it is younger than half of the grace, and otherwise write it anew, which makes it young; every age is
 * looked at once more right before the removal. So nothing that a writer relied on is taken from under it.
 */
import { SeawallError, keys, type Sha256 } from '../../contracts/index.js';
import { GRACE_MS } from './blob-store.js';
import { findKept, ownCopy, type Kept } from './kept.js';
import type { S3 } from './s3.js';

export interface CollectOptions {
  dryRun: boolean;
  /** At least the grace of 7 days. Left out: no version of a log is taken. */
  olderThanMs?: number | undefined;
  onProgress?: ((line: string) => void) | undefined;
}
export interface Collected {
  dryRun: boolean;
  versions: { name: string; version: Sha256 }[];
  objects: { key: string; size: number }[];
  bytes: number;
  /** By what keeps it; content that several things keep is counted for the first. */
  kept: { why: string; objects: number; bytes: number }[];
  /** Nothing names it, and it is too young to be taken. */
  young: { objects: number; bytes: number };
}

const REMOVALS_AT_ONCE = 16;

export async function collectGarbage(s3: S3, { dryRun, olderThanMs, onProgress }: CollectOptions): Promise<Collected> {
  if (olderThanMs !== undefined && olderThanMs < GRACE_MS)
    throw new SeawallError(
      'BadInput',
      `versions can be collected ${GRACE_MS / 86_400_000} days after they stopped being the newest, not sooner`,
      'Give a longer time: whoever reads the version now must be able to finish.',
    );
  // The content first, then who needs it: what is written in between is young, or is seen by the second look.
  const blobs: { key: string; sha256: Sha256; size: number; modifiedMs: number }[] = [];
  for await (const { key, size, modifiedMs } of s3.list(keys.blobs))
    blobs.push({ key, sha256: key.slice(key.lastIndexOf('/') + 1), size, modifiedMs });
  onProgress?.(`${blobs.length} objects are there; looking who needs them`);
  const kept = await findKept(s3, { olderThanMs, graceMs: GRACE_MS });
  const found: Collected = { dryRun, versions: [], objects: [], bytes: 0, kept: [], young: { objects: 0, bytes: 0 } };
  const byReason = new Map<string, { objects: number; bytes: number }>();
  // Versions first, then content: that of a version which stays (somebody has just named it, or it is young) stays with it.
  const staying = await removeVersions(s3, kept, found);
  const garbage: typeof blobs = [];
  for (const blob of blobs) {
    const why = kept.content.get(blob.sha256) ?? staying.get(blob.sha256);
    if (why === undefined) garbage.push(blob);
    else count(byReason, why, blob.size);
  }
  found.kept = [...byReason].map(([why, sums]) => ({ why, ...sums })).sort((a, b) => b.bytes - a.bytes);
  await removeBlobs(s3, garbage, found);
  return found;
}

function count(sums: Map<string, { objects: number; bytes: number }>, why: string, size: number): void {
  const sum = sums.get(why) ?? { objects: 0, bytes: 0 };
  sums.set(why, { objects: sum.objects + 1, bytes: sum.bytes + size });
}

/** Returns the content of those that stay after all, with the reason: a manifest without its files would be half a version. */
async function removeVersions(s3: S3, kept: Kept, found: Collected): Promise<Map<Sha256, string>> {
  const staying = new Map<Sha256, string>();
  for (const { name, version } of kept.unneeded) {
    const key = keys.datasetVersion(name, version);
    // The age last, right before the removal: whoever names it anew writes it anew.
    const goes = !(await kept.isNamedNow(name, version)) && (await removeIfOld(s3, key, found.dryRun));
    if (goes) found.versions.push({ name, version });
    else await keepContent(s3, key, `a young version of ${name}, or one that was just named`, staying);
  }
  return staying;
}

async function keepContent(s3: S3, manifest: string, why: string, staying: Map<Sha256, string>): Promise<void> {
  const text = (await s3.read(manifest))?.bytes.toString('utf8') ?? '';
  for (const [, digest = ''] of text.matchAll(/"sha256":"([0-9a-f]{64})"/g)) staying.set(ownCopy(digest), why);
}

async function removeBlobs(s3: S3, garbage: { key: string; size: number }[], found: Collected): Promise<void> {
  const queue = garbage.values();
  const work = async (): Promise<void> => {
    for (const { key, size } of queue) {
      if (!(await removeIfOld(s3, key, found.dryRun))) {
        found.young.objects += 1;
        found.young.bytes += size;
        continue;
      }
      found.objects.push({ key, size });
      found.bytes += size;
    }
  };
  await Promise.all(Array.from({ length: REMOVALS_AT_ONCE }, work));
}

const TRIES = 7;

/**
 * Removes an object that is old by the store's clock; false: it is young, and stays. Its age is looked at before every try: after an
 * answer that was lost somebody may have stored it anew.
 */
async function removeIfOld(s3: S3, key: string, dryRun: boolean): Promise<boolean> {
  for (let tries = 1; ; tries++) {
    const found = await s3.look(key);
    if (!found) return tries > 1; // the try before removed it
    if (found.ageMs < GRACE_MS) return false;
    if (dryRun) return true;
    try {
      await s3.remove(key);
      return true;
    } catch (error) {
      if (!(error instanceof SeawallError) || error.type !== 'Unavailable' || tries >= TRIES) throw error;
    }
  }
}
