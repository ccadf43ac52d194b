/** JSON documents by key: canonical bytes, create-once. */
import type { JsonStore, Stored } from '../../activities/ports.js';
import { canonicalJson } from '../../contracts/index.js';
import { corrupt } from './errors.js';
import type { S3 } from './s3.js';

export const jsonBytes = (value: unknown): Buffer => Buffer.from(canonicalJson(value));

export function createJsonStore(s3: S3): JsonStore {
  return {
    read: (key) => readJson(s3, key),
    create: (key, value) => createJson(s3, key, value),
    list: (prefix, after) => s3.list(prefix, after),
  };
}

/** The document at `key`; throws `Corrupt` when it is none of ours (not JSON, or without a `kind`). */
export async function readJson<T>(s3: S3, key: string): Promise<Stored<T> | undefined> {
  const found = await s3.read(key);
  return found && { value: parseDocument<T>(s3.name(key), found.bytes), etag: found.etag };
}

export const createJson = (s3: S3, key: string, value: unknown): Promise<'created' | 'exists'> =>
  createBytes(s3, key, jsonBytes(value));

export async function createBytes(s3: S3, key: string, bytes: Buffer): Promise<'created' | 'exists'> {
  if ((await s3.write(key, bytes, { ifAbsent: true })) === 'written') return 'created';
  // The first answer may have been lost: then what lies there is ours, byte for byte.
  const found = await s3.read(key);
  return found?.bytes.equals(bytes) ? 'created' : 'exists';
}

export function parseDocument<T>(where: string, bytes: Buffer): T {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch {
    throw corrupt(where, 'a JSON document', `${bytes.length} bytes that are not JSON`);
  }
  if (typeof value !== 'object' || value === null || !('kind' in value) || typeof value.kind !== 'string')
    throw corrupt(where, 'a JSON document with a "kind"', 'one without');
  return value as T;
}
