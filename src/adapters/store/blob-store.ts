/** Content under its own digest, and plain files by key. */
import type { BlobStore, FileStore } from '../../activities/ports.js';
import { keys, type BlobRef } from '../../contracts/index.js';
import { corrupt } from './errors.js';
import { fetchBlob } from './fetch-blob.js';
import { jsonBytes } from './json-store.js';
import { digestFile, sha256Of } from './local-files.js';
import { missing } from './missing.js';
import type { S3 } from './s3.js';

const DAY_MS = 86_400_000;
/** Content that nothing names is kept for so long after it was last written. */
export const GRACE_MS = 7 * DAY_MS;
/** Content that nothing names yet is relied on for so long; a commit has the rest of the grace to name it. */
export const REUSE_WITHIN_MS = GRACE_MS / 2;

export interface BlobWriter {
  /** Whether the store has this content. */
  has(blob: BlobRef): Promise<boolean>;
  /** Stores a file whose digest is known, unless it is there; true: bytes had to travel. `Conflict` when the file is another now. */
  putDigested(path: string, blob: BlobRef): Promise<boolean>;
}

export function createBlobStore(s3: S3): BlobStore & BlobWriter {
  return {
    has: (blob) => hasBlob(s3, blob),
    putDigested: (path, blob) => putDigested(s3, path, blob),
    putJson: async (value) => {
      const bytes = jsonBytes(value);
      const blob = { sha256: sha256Of(bytes), size: bytes.length };
      if (!(await hasBlob(s3, blob))) await s3.write(keys.blob(blob.sha256), bytes);
      return blob;
    },
    putFile: async (path) => (await putFile(s3, path)).blob,
    readJson: async <T>(sha256: string) => {
      const found = await s3.read(keys.blob(sha256));
      if (!found) throw missing(s3, keys.blob(sha256));
      const digest = sha256Of(found.bytes);
      if (digest !== sha256) throw corrupt(s3.name(keys.blob(sha256)), `SHA-256 ${sha256}`, digest);
      return JSON.parse(found.bytes.toString('utf8')) as T;
    },
    fetchTo: (sha256, path, signal, options) => fetchBlob(s3, sha256, path, { ...options, signal }),
  };
}

/** Stores a file's content unless it is there; `uploaded` says whether bytes had to travel. */
export async function putFile(s3: S3, path: string): Promise<{ blob: BlobRef; uploaded: boolean }> {
  const blob = await digestFile(path);
  return { blob, uploaded: await putDigested(s3, path, blob) };
}

async function putDigested(s3: S3, path: string, blob: BlobRef): Promise<boolean> {
  if (await hasBlob(s3, blob)) return false;
  await s3.upload(keys.blob(blob.sha256), path, blob);
  return true;
}

/**
 * True when content that the store has may be relied on: of the right size, and so young that no collection which runs now takes
 * it. What is older may be garbage that is about to go; it is stored anew, which makes it young.
 */
export async function hasBlob(s3: S3, blob: BlobRef): Promise<boolean> {
  const found = await s3.look(keys.blob(blob.sha256));
  return found?.size === blob.size && found.ageMs < REUSE_WITHIN_MS;
}

export function createFileStore(s3: S3): FileStore {
  return {
    upload: async (key, path) => s3.upload(key, path, await digestFile(path)),
    download: async (key, path) => {
      if (!(await s3.download(key, path))) throw missing(s3, key);
    },
    put: (key, bytes) => s3.put(key, bytes, sha256Of(bytes)),
    read: async (key) => (await s3.read(key))?.bytes,
    remove: (key) => s3.remove(key),
  };
}
