/** The few S3 requests that Seawall makes, each under deadline and retries. Keys here are relative to the prefix. */
import http from 'node:http';
import https from 'node:https';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { Client } from 'minio';
import type { BlobRef } from '../../contracts/index.js';
import { createClient, placeOf, type S3Options } from './client.js';
import { codeOf, corrupt } from './errors.js';
import { readExactly, sha256Of, writeWhole } from './local-files.js';
import { createRequester, type Attempt, type Requester } from './requests.js';

export type Condition = { ifAbsent: true } | { ifMatch: string };
export interface Bytes {
  bytes: Buffer;
  etag: string;
}

export interface S3 {
  /** `s3://bucket/prefix/key`, for messages. */
  name(key: string): string;
  /** The object's bytes, verified when it was stored with its digest; undefined: no such object. */
  read(key: string): Promise<Bytes | undefined>;
  size(key: string): Promise<number | undefined>;
  /** `refused`: the condition did not hold, which after a lost answer may be our own doing. */
  write(key: string, bytes: Buffer, condition?: Condition): Promise<'written' | 'refused'>;
  /** Streams a file whose digest is known. */
  upload(key: string, path: string, content: BlobRef): Promise<void>;
  /** Streams an object to `path`; `sha256` is checked, or else the digest it was stored with. False: no such object. */
  download(key: string, path: string, sha256?: string, signal?: AbortSignal): Promise<boolean>;
  list(prefix: string, after?: string, pageSize?: number): AsyncGenerator<{ key: string; size: number }>;
  remove(key: string): Promise<void>;
  close(): void;
}

/** Every object says its own digest, so that a damaged JSON document is noticed as well as a damaged blob. */
const DIGEST_HEADER = 'x-amz-meta-sha256';
const PAGE_SIZE = 1000;
/** S3 takes a single PUT up to 5 GiB; above, minio-js cuts it into parts. */
const SINGLE_PUT_MAX_BYTES = 5 * 1024 ** 3;

export function createS3(options: S3Options): S3 {
  const place = placeOf(options);
  const agent = new (options.useSSL ? https : http).Agent({ keepAlive: true, maxSockets: 64 });
  const client = createClient(options, agent);
  const policy = { deadlineMs: options.deadlineMs ?? 10_000, retries: options.retries ?? 6 };
  const root = options.prefix === '' ? '' : `${options.prefix}/`;
  const context: Context = {
    client,
    bucket: options.bucket,
    root,
    signed: client.enableSHA256,
    request: createRequester(policy, place),
    name: (key) => `s3://${options.bucket}/${root}${key}`,
  };
  return {
    name: (key) => context.name(key),
    read: (key) => read(context, key),
    size: (key) => size(context, key),
    write: (key, bytes, condition) => write(context, key, bytes, condition),
    upload: (key, path, content) => upload(context, key, path, content),
    download: (key, path, sha256, signal) => download(context, key, path, sha256, signal),
    list: (prefix, after, pageSize = PAGE_SIZE) => list(context, prefix, after, pageSize),
    remove: (key) => remove(context, key),
    close: () => agent.destroy(),
  };
}

interface Context {
  client: Client;
  bucket: string;
  root: string;
  /** Whether minio-js signs the payload's digest (it does without TLS). */
  signed: boolean;
  request: Requester;
  name(key: string): string;
}

/** A GET whose answer is handed to `use` while the try lasts; undefined: no such object. */
async function get<T>(
  context: Context,
  key: string,
  use: (response: http.IncomingMessage, attempt: Attempt) => Promise<T>,
  signal?: AbortSignal,
): Promise<T | undefined> {
  const { client, bucket, root, request } = context;
  return request(
    `read ${context.name(key)}`,
    async (attempt) => {
      let response: http.IncomingMessage;
      try {
        response = await client.makeRequestAsync({ method: 'GET', bucketName: bucket, objectName: root + key });
      } catch (error) {
        if (codeOf(error) === 'NoSuchKey') return undefined;
        throw error;
      }
      return use(response, attempt);
    },
    signal,
  );
}

async function read(context: Context, key: string): Promise<Bytes | undefined> {
  return get(context, key, async (response) => {
    const bytes = await buffer(response);
    verifyDigest(context.name(key), headerOf(response, DIGEST_HEADER), sha256Of(bytes));
    return { bytes, etag: headerOf(response, 'etag') ?? '' };
  });
}

async function download(
  context: Context,
  key: string,
  path: string,
  sha256: string | undefined,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const found = await get(
    context,
    key,
    async (response, attempt) => {
      const expected = sha256 ?? headerOf(response, DIGEST_HEADER);
      await writeWhole(path, counted(response, attempt), (written) =>
        verifyDigest(context.name(key), expected, written.sha256),
      );
      return true;
    },
    signal,
  );
  return found ?? false;
}

async function size(context: Context, key: string): Promise<number | undefined> {
  const { client, bucket, root, request } = context;
  return request(`look at ${context.name(key)}`, async (attempt) => {
    const head = { method: 'HEAD', bucketName: bucket, objectName: root + key };
    const response = await client.makeRequestAsync(head, '', [200, 404]);
    response.resume();
    return attempt.status === 404 ? undefined : Number(headerOf(response, 'content-length'));
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

async function upload(context: Context, key: string, path: string, content: BlobRef): Promise<void> {
  const { client, bucket, root, request, signed } = context;
  await request(`upload ${path} to ${context.name(key)}`, async (attempt) => {
    const body = Readable.from(counted(readExactly(path, content), attempt), { objectMode: false });
    const headers = { 'content-type': 'application/octet-stream', [DIGEST_HEADER]: content.sha256 };
    try {
      if (content.size > SINGLE_PUT_MAX_BYTES) {
        await client.putObject(bucket, root + key, body, content.size, headers);
        return;
      }
      const put = {
        method: 'PUT',
        bucketName: bucket,
        objectName: root + key,
        headers: { ...headers, 'content-length': String(content.size) },
      };
      const payloadDigest = signed ? content.sha256 : '';
      await drained(await client.makeRequestStreamAsync(put, body, payloadDigest, [200], ''));
    } finally {
      body.destroy();
    }
  });
}

/** Pages begin after the last key seen, not at a continuation token: minio-js would read a token of digits as a number. */
async function* list(
  context: Context,
  prefix: string,
  after: string | undefined,
  pageSize: number,
): AsyncGenerator<{ key: string; size: number }> {
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
      yield { key: object.name.slice(root.length), size: object.size };
    }
    if (!page.isTruncated || startAfter === from) return;
  }
}

async function remove(context: Context, key: string): Promise<void> {
  const { client, bucket, root, request } = context;
  await request(`remove ${context.name(key)}`, async () => {
    const response = await client.makeRequestAsync(
      { method: 'DELETE', bucketName: bucket, objectName: root + key },
      '',
      [200, 204],
    );
    await drained(response);
  });
}

async function* counted(chunks: AsyncIterable<unknown>, attempt: Attempt): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    attempt.moved();
    yield chunk as Buffer;
  }
  attempt.moved();
}

async function drained(response: http.IncomingMessage): Promise<void> {
  for await (const chunk of response) void chunk;
}

function headerOf(response: http.IncomingMessage, name: string): string | undefined {
  const value = response.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

function verifyDigest(where: string, expected: string | undefined, found: string): void {
  if (expected !== undefined && expected !== found) throw corrupt(where, `SHA-256 ${expected}`, found);
}
