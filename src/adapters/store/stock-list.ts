/** Whether the store has content, for many objects: by lists of what it has instead of a request for each. */
import { keys, type BlobRef } from '../../contracts/index.js';
import { hasBlob, REUSE_WITHIN_MS } from './blob-store.js';
import type { Listed, S3 } from './s3.js';

/** A list says when an object was written, but not what time it is there; a store refuses requests that are a quarter of an hour off. */
const CLOCKS_DIFFER_MS = 3_600_000;
/** A store that holds much more than is asked for is asked for every object after all. */
const LIST_MAX = 2_000;

/** As `hasBlob`; looks once at each of the 256 folders of content, when the first object in it is asked for. */
export function createStockList(s3: S3): (blob: BlobRef) => Promise<boolean> {
  const folders = new Map<string, Promise<Map<string, Listed> | undefined>>();
  return async (blob) => {
    const key = keys.blob(blob.sha256);
    const folder = key.slice(0, key.lastIndexOf('/') + 1);
    const listing = folders.get(folder) ?? listOf(s3, folder);
    folders.set(folder, listing);
    const listed = await listing;
    if (!listed) return hasBlob(s3, blob);
    const found = listed.get(key);
    if (!found || found.size !== blob.size) return false;
    const ageMs = Date.now() - found.modifiedMs;
    return ageMs < REUSE_WITHIN_MS - CLOCKS_DIFFER_MS || hasBlob(s3, blob);
  };
}

/** Undefined: there is too much in it. */
async function listOf(s3: S3, folder: string): Promise<Map<string, Listed> | undefined> {
  const found = new Map<string, Listed>();
  for await (const listed of s3.list(folder)) {
    if (found.size >= LIST_MAX) return undefined;
    found.set(listed.key, listed);
  }
  return found;
}
