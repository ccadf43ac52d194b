/** The few S3 requests that Seawall makes, each under deadline and retries. Keys here are relative to the prefix. */
import http from 'node:http';
import https from 'node:https';
import { buffer } from 'node:stream/consumers';
import type { BlobRef } from '../../contracts/index.js';
import { createClient, placeOf, type S3Options } from './client.js';
import { createDirectGet } from './direct-get.js';
import { codeOf, corrupt } from './errors.js';
import { expiring } from './lifecycle.js';
import { sha256Of, writeWhole } from './local-files.js';
import { createRequester, type Attempt } from './requests.js';
import {
  counted,
  DIGEST_HEADER,
  drained,
  headerOf,
  put,
  readPiece,
  upload,
  type Context,
  type Piece,
} from './s3-bodies.js';

export type Condition = { ifAbsent: true } | { ifMatch: string };
export interface Bytes {
  bytes: Buffer;
  etag: string;
}

export interface Look {
  size: number;
  /** Since it was last written, by the store's own clock. */
  ageMs: number;
}
export interface Listed {
  key: string;
  size: number;
  modifiedMs: number;
  /** What changes when the content does. */
  etag: string;
}
export interface S3 {
  /** `s3://bucket/prefix/key`, for messages. */
  name(key: string): string;
  /** The object's bytes, verified when it was stored with its digest; undefined: no such object. */
  read(key: string): Promise<Bytes | undefined>;
  /** Undefined: no such object. */
  look(key: string): Promise<Look | undefined>;
  /** `refused`: the condition did not hold, which after a lost answer may be our own doing. */
  write(key: string, bytes: Buffer, condition?: Condition): Promise<'written' | 'refused'>;
  /** Streams a file whose digest is known. */
  upload(key: string, path: string, content: BlobRef, signal?: AbortSignal): Promise<void>;
  /** Stores bytes whose digest is known: they are not hashed again. */
  put(key: string, bytes: Buffer, sha256: string, signal?: AbortSignal): Promise<void>;
  /** Reads from byte `from` on as much as `into` holds. Undefined: no such object. */
  readPiece(key: string, into: Buffer, from: number, signal?: AbortSignal): Promise<Piece | undefined>;
  /** Streams an object to `path`, checked against the digest it was stored with. False: no such object. */
  download(key: string, path: string): Promise<boolean>;
  list(prefix: string, after?: string, pageSize?: number): AsyncGenerator<Listed>;
  /** Tries once: a second try might take what was stored anew meanwhile. */
  remove(key: string): Promise<void>;
  /** The names of the bucket's rules that remove current objects below this prefix after some time. */
  expiryRules(): Promise<string[]>;
  close(): void;
}

const PAGE_SIZE = 1000;

export function createS3(options: S3Options): S3 {
  const place = placeOf(options);
  const agent = new (options.useSSL ? https : http).Agent({ keepAlive: true, maxSockets: 64 });
  const direct = createDirectGet();
  const client = createClient(options, agent, direct);
  const policy = { deadlineMs: options.deadlineMs ?? 10_000, retries: options.retries ?? 6 };
  const root = options.prefix === '' ? '' : `${options.prefix}/`;
  const context: Context = {
    client,
    bucket: options.bucket,
    root,
    signed: client.enableSHA256,
    request: createRequester(policy, place),
    once: createRequester({ ...policy, retries: 0 }, place),
    name: (key) => `s3://${options.bucket}/${root}${key}`,
  };
  return {
    name: (key) => context.name(key),
    read: (key) => read(context, key),
    look: (key) => look(context, key),
    write: (key, bytes, condition) => write(context, key, bytes, condition),
    upload: (key, path, content, signal) => upload(context, key, path, content, signal),
    put: (key, bytes, sha256, signal) => put(context, key, bytes, sha256, signal),
    readPiece: (key, into, from, signal) => readPiece(context, key, into, from, signal),
    download: (key, path) => download(context, key, path),
    list: (prefix, after, pageSize = PAGE_SIZE) => list(context, prefix, after, pageSize),
    remove: (key) => remove(context, key),
    expiryRules: () => expiryRules(context),
    close: () => {
      agent.destroy();
      direct.close();
    },
  };
}

/** A GET whose answer is handed to `use` while the try lasts; undefined: no such object. */
async function get<T>(
  context: Context,
  key: string,
  use: (response: http.IncomingMessage, attempt: Attempt) => Promise<T>,
): Promise<T | undefined> {
  const { client, bucket, root, request } = context;
  return request(`read ${context.name(key)}`, async (attempt) => {
    let response: http.IncomingMessage;
    try {
      response = await client.makeRequestAsync({ method: 'GET', bucketName: bucket, objectName: root + key });
    } catch (error) {
      if (codeOf(error) === 'NoSuchKey') return undefined;
      throw error;
    }
    return use(response, attempt);
  });
}

async function read(context: Context, key: string): Promise<Bytes | undefined> {
  return get(context, key, async (response) => {
    const bytes = await buffer(response);
    verifyDigest(context.name(key), headerOf(response, DIGEST_HEADER), sha256Of(bytes));
    return { bytes, etag: headerOf(response, 'etag') ?? '' };
  });
}

async function download(context: Context, key: string, path: string): Promise<boolean> {
  const found = await get(context, key, async (response, attempt) => {
    const expected = headerOf(response, DIGEST_HEADER);
    await writeWhole(path, counted(response, attempt), (written) =>
      verifyDigest(context.name(key), expected, written.sha256),
    );
    return true;
  });
  return found ?? false;
}

async function look(context: Context, key: string): Promise<Look | undefined> {
  const { client, bucket, root, request } = context;
  return request(`look at ${context.name(key)}`, async (attempt) => {
    const head = { method: 'HEAD', bucketName: bucket, objectName: root + key };
    const response = await client.makeRequestAsync(head, '', [200, 404]);
    response.resume();
    if (attempt.status === 404) return undefined;
    const now = Date.parse(headerOf(response, 'date') ?? '') || Date.now();
    const modified = Date.parse(headerOf(response, 'last-modified') ?? '') || now;
    return { size: Number(headerOf(response, 'content-length')), ageMs: now - modified };
  });
}

async function write(
  context: Context,
  key: string,
  bytes: Buffer,
  condition: Condition | undefined,
): Promise<'written' | 'refused'> {
  const { client, bucket, root, request } = context;
  return request(`write ${context.name(key)}`, async () => {
    const headers = { 'content-type': 'application/json', [DIGEST_HEADER]: sha256Of(bytes), ...headersOf(condition) };
    try {
      const put = { method: 'PUT', bucketName: bucket, objectName: root + key, headers };
      await drained(await client.makeRequestAsync(put, bytes));
      return 'written';
    } catch (error) {
      const code = codeOf(error);
      if (condition && code === 'PreconditionFailed') return 'refused';
      // If-Match on an object that is gone.
      if (condition && 'ifMatch' in condition && code === 'NoSuchKey') return 'refused';
      throw error;
    }
  });
}

function headersOf(condition: Condition | undefined): Record<string, string> {
  if (!condition) return {};
  return 'ifAbsent' in condition ? { 'if-none-match': '*' } : { 'if-match': condition.ifMatch };
}

/** Pages begin after the last key seen, not at a continuation token: minio-js would read a token of digits as a number. */
async function* list(
  context: Context,
  prefix: string,
  after: string | undefined,
  pageSize: number,
): AsyncGenerator<Listed> {
  const { client, bucket, root, request } = context;
  let startAfter = after === undefined ? '' : root + after;
  for (;;) {
    const from = startAfter;
    const page = await request(`list ${context.name(prefix)}`, () =>
      client.listObjectsV2Query(bucket, root + prefix, '', '', pageSize, from),
    );
    for (const object of page.objects) {
      if (object.name === undefined) continue;
      startAfter = object.name;
      const modifiedMs = object.lastModified.getTime();
      const etag = object.etag || String(modifiedMs);
      yield { key: object.name.slice(root.length), size: object.size, modifiedMs, etag };
    }
    if (!page.isTruncated || startAfter === from) return;
  }
}

async function remove(context: Context, key: string): Promise<void> {
  const { client, bucket, root, once } = context;
  await once(`remove ${context.name(key)}`, async () => {
    const response = await client.makeRequestAsync(
      { method: 'DELETE', bucketName: bucket, objectName: root + key },
      '',
      [200, 204],
    );
    await drained(response);
  });
}

async function expiryRules({ client, bucket, root, request }: Context): Promise<string[]> {
  const found = await request(`read the lifecycle of bucket ${bucket}`, async () => {
    try {
      return await client.getBucketLifecycle(bucket);
    } catch (error) {
      const code = codeOf(error);
      if (code === 'NoSuchLifecycleConfiguration' || code === 'NotImplemented') return null;
      throw error;
    }
  });
  const rules = (found as { Rule?: unknown } | null)?.Rule;
  return expiring(Array.isArray(rules) ? rules : rules === undefined ? [] : [rules], root);
}

function verifyDigest(where: string, expected: string | undefined, found: string): void {
  if (expected !== undefined && expected !== found) throw corrupt(where, `SHA-256 ${expected}`, found);
}
