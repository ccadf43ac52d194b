/** The local side of transfers: digests of files, and files that appear whole or not at all. */
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { SeawallError, type BlobRef } from '../../contracts/index.js';

const READ_BYTES = 1 << 20;

export const sha256Of = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex');

/** Size and SHA-256 of what the file holds now; a file that grows meanwhile is cut at the size it had. Memory stays flat. */
export async function digestFile(path: string): Promise<BlobRef> {
  const handle = await open(path, 'r').catch((cause: unknown) => {
    throw new SeawallError('NotFound', `cannot read the local file ${path}: ${String(cause)}`, 'Check the path.', {
      cause,
    });
  });
  try {
    const { size } = await handle.stat();
    const hash = createHash('sha256');
    if (size > 0) {
      for await (const chunk of handle.createReadStream({ autoClose: false, start: 0, end: size - 1 }))
        hash.update(chunk as Buffer);
    }
    return { sha256: hash.digest('hex'), size };
  } finally {
    await handle.close();
  }
}

export const changedMeanwhile = (path: string): SeawallError =>
  new SeawallError('Conflict', `${path} changed while it was uploaded`, 'Upload it when its writer is done.');

/** Reads the file's first `size` bytes, for a store that compares them with the digest itself. */
export const readFirst = (path: string, content: BlobRef) => (): AsyncIterable<Buffer> => first(path, content);

async function* first(path: string, { size }: BlobRef): AsyncGenerator<Buffer> {
  if (size === 0) return;
  let seen = 0;
  for await (const chunk of createReadStream(path, { start: 0, end: size - 1, highWaterMark: READ_BYTES })) {
    seen += (chunk as Buffer).length;
    yield chunk as Buffer;
  }
  // The store would wait for the rest.
  if (seen !== size) throw changedMeanwhile(path);
}

/**
 * Reads the file's first `size` bytes. The last chunk is held back until the digest of all is known to be `sha256`: a file that
 * changed after it was hashed ends in an error, and the store never gets a complete body with the wrong content.
 */
export const readExactly = (path: string, content: BlobRef) => (): AsyncIterable<Buffer> => held(path, content);

async function* held(path: string, { sha256, size }: BlobRef): AsyncGenerator<Buffer> {
  if (size === 0) return;
  const hash = createHash('sha256');
  let last: Buffer | undefined;
  let seen = 0;
  for await (const chunk of createReadStream(path, { start: 0, end: size - 1, highWaterMark: READ_BYTES })) {
    if (last) yield last;
    last = chunk as Buffer;
    seen += last.length;
    hash.update(last);
  }
  if (seen !== size || hash.digest('hex') !== sha256) throw changedMeanwhile(path);
  if (last) yield last;
}

/**
 * Writes `chunks` to a temporary file beside `path`, syncs, calls `verify` with what was written, then renames: what lies
 * at `path` is always whole. Leaves nothing behind on failure.
 */
export async function writeWhole(
  path: string,
  chunks: AsyncIterable<Buffer>,
  verify: (written: BlobRef) => void,
): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    const handle = await open(temporary, 'wx');
    const hash = createHash('sha256');
    let size = 0;
    try {
      for await (const chunk of chunks) {
        hash.update(chunk);
        size += chunk.length;
        await handle.writeFile(chunk);
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
    verify({ sha256: hash.digest('hex'), size });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
