/** Requests whose bodies are large: sent and read in a stream, under a deadline that begins anew with every piece. */
import type http from 'node:http';
import { Readable } from 'node:stream';
import type { Client } from 'minio';
import type { BlobRef } from '../../contracts/index.js';
import { codeOf, corrupt } from './errors.js';
import { changedMeanwhile, readExactly, readFirst } from './local-files.js';
import type { Attempt, Requester } from './requests.js';

/** Every object says its own digest, so that a damaged JSON document is noticed as well as a damaged blob. */
export const DIGEST_HEADER = 'x-amz-meta-sha256';
/** S3 takes a single PUT up to 5 GiB; above, minio-js cuts it into parts. */
const SINGLE_PUT_MAX_BYTES = 5 * 1024 ** 3;
const SLICE_BYTES = 256 << 10;
/** The body is not of the digest that was signed. */
const DIGEST_REFUSED = 'XAmzContentSHA256Mismatch';

export interface Context {
  client: Client;
  bucket: string;
  root: string;
  /** Whether minio-js signs the payload's digest (it does without TLS). */
  signed: boolean;
  request: Requester;
  /** Without retries. */
  once: Requester;
  name(key: string): string;
}

export interface Piece {
  /** Bytes read. */
  size: number;
  /** Of the whole object. */
  total: number;
}

export async function upload(
  context: Context,
  key: string,
  path: string,
  content: BlobRef,
  signal?: AbortSignal,
): Promise<void> {
  const { client, bucket, root, request, signed } = context;
  const source = signed && content.size <= SINGLE_PUT_MAX_BYTES ? readFirst(path, content) : readExactly(path, content);
  await request(
    `upload ${path} to ${context.name(key)}`,
    async (attempt) => {
      const inParts = content.size > SINGLE_PUT_MAX_BYTES;
      const counting = counted(source(), attempt);
      const patience = inParts ? patient(counting, attempt) : undefined;
      const body = Readable.from(patience?.chunks ?? counting, { objectMode: false });
      const headers = { 'content-type': 'application/octet-stream', [DIGEST_HEADER]: content.sha256 };
      try {
        if (inParts) await client.putObject(bucket, root + key, body, content.size, headers);
        else await putBody(context, key, body, content);
      } catch (error) {
        if (codeOf(error) === DIGEST_REFUSED) throw changedMeanwhile(path);
        throw error;
      } finally {
        patience?.stop();
        body.destroy();
      }
    },
    signal,
  );
}

/** One part of minio-js's 64 MiB on a slow line or disk. */
const PART_WITHIN_MS = 2 * 60_000;
/** When all parts are there the store makes one object of them: it may copy them all, and says nothing until it is done. */
const COMPLETED_WITHIN_MS = 15 * 60_000;
const LOOK_EVERY_MS = 1_000;

/** minio-js reads a whole part, then sends it, unseen: the deadline is held off as long as that may take. */
function patient(chunks: AsyncIterable<Buffer>, attempt: Attempt): { chunks: AsyncIterable<Buffer>; stop(): void } {
  let until = Date.now() + PART_WITHIN_MS;
  const timer = setInterval(() => Date.now() < until && attempt.moved(), LOOK_EVERY_MS);
  async function* noted(): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      until = Date.now() + PART_WITHIN_MS;
      yield chunk;
    }
    until = Date.now() + COMPLETED_WITHIN_MS;
  }
  return { chunks: noted(), stop: () => clearInterval(timer) };
}

export async function put(
  context: Context,
  key: string,
  bytes: Buffer,
  sha256: string,
  signal?: AbortSignal,
): Promise<void> {
  await context.request(
    `write ${context.name(key)}`,
    async (attempt) => {
      // In slices, so that a slow line is not taken for a stalled one.
      const body = Readable.from(counted(slices(bytes), attempt), { objectMode: false });
      try {
        await putBody(context, key, body, { sha256, size: bytes.length });
      } finally {
        body.destroy();
      }
    },
    signal,
  );
}

/** Without TLS the store compares the body with the digest that is signed. */
async function putBody({ client, bucket, root, signed }: Context, key: string, body: Readable, content: BlobRef) {
  const headers = {
    'content-type': 'application/octet-stream',
    [DIGEST_HEADER]: content.sha256,
    'content-length': String(content.size),
  };
  const put = { method: 'PUT', bucketName: bucket, objectName: root + key, headers };
  await drained(await client.makeRequestStreamAsync(put, body, signed ? content.sha256 : '', [200], ''));
}

async function* slices(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += SLICE_BYTES) yield bytes.subarray(at, at + SLICE_BYTES);
}

export async function readPiece(
  context: Context,
  key: string,
  into: Buffer,
  from: number,
  signal?: AbortSignal,
): Promise<Piece | undefined> {
  const { client, bucket, root, request } = context;
  const headers = { range: `bytes=${from}-${from + Math.max(into.length, 1) - 1}` };
  return request(
    `read ${context.name(key)}`,
    async (attempt) => {
      let response: http.IncomingMessage;
      attempt.into = into;
      try {
        const get = { method: 'GET', bucketName: bucket, objectName: root + key, headers };
        response = await client.makeRequestAsync(get, '', [200, 206]);
      } catch (error) {
        if (codeOf(error) === 'NoSuchKey') return undefined;
        // There is nothing at this place: of an object that is empty, or shorter than somebody thought.
        if (attempt.status === 416) return { size: 0, total: from };
        throw error;
      }
      const length = Number(headerOf(response, 'content-length'));
      const total = Number(/\/(\d+)$/.exec(headerOf(response, 'content-range') ?? '')?.[1] ?? length);
      const receiving = attempt.received ?? receive(response, into, attempt);
      const size = await Promise.resolve(receiving).catch((error: unknown) => {
        throw error instanceof RangeError ? corrupt(context.name(key), `${into.length} bytes`, 'more') : error;
      });
      return { size, total };
    },
    signal,
  );
}

/** Copies the body; the number of its bytes. By events, without a promise per chunk. */
function receive(response: http.IncomingMessage, into: Buffer, attempt: Attempt): Promise<number> {
  return new Promise((resolve, reject) => {
    let size = 0;
    response.on('data', (chunk: Buffer) => {
      attempt.moved();
      if (size + chunk.length > into.length) return void response.destroy(new RangeError('more than was asked for'));
      chunk.copy(into, size);
      size += chunk.length;
    });
    response.once('end', () => resolve(size));
    response.once('error', reject);
    response.once('close', () => reject(new Error('aborted')));
  });
}

export async function* counted(chunks: AsyncIterable<unknown>, attempt: Attempt): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    attempt.moved();
    yield chunk as Buffer;
  }
  attempt.moved();
}

export async function drained(response: http.IncomingMessage): Promise<void> {
  for await (const chunk of response) void chunk;
}

export function headerOf(response: http.IncomingMessage, name: string): string | undefined {
  const value = response.headers[name];
  return Array.isArray(value) ? value[0] : value;
}
