/** Content under its own digest, and plain files by key. */
import type { BlobStore, FileStore } from '../../activities/ports.js';
import { SeawallError, keys, type BlobRef } from '../../contracts/index.js';
import { corrupt } from './errors.js';
import { jsonBytes } from './json-store.js';
import { digestFile, sha256Of } from './local-files.js';
import type { S3 } from './s3.js';

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
    fetchTo: async (sha256, path, signal) => {
      if (!(await s3.download(keys.blob(sha256), path, sha256, signal))) throw missing(s3, keys.blob(sha256));
    },
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

const hasBlob = async (s3: S3, blob: BlobRef): Promise<boolean> =>
  (await s3.size(keys.blob(blob.sha256))) === blob.size;

export function createFileStore(s3: S3): FileStore {
  return {
    upload: async (key, path) => s3.upload(key, path, await digestFile(path)),
    download: async (key, path) => {
      if (!(await s3.download(key, path))) throw missing(s3, key);
    },
  };
}

export const missing = (s3: S3, key: string): SeawallError =>
  new SeawallError(
    'NotFound',
    `there is no object ${s3.name(key)}`,
    'Check the bucket and the prefix; if the object was deleted, restore it from a copy of the bucket.',
  );
