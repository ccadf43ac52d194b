/** MD5 as DVC computes it, and Seawall's SHA-256, in one pass over a file. */
import { createHash, type Hash } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';
import type { BlobRef } from '../../contracts/index.js';
import type { DvcObject } from './metadata.js';

/** DVC 2 judges and converts a file in blocks of this size. */
const BLOCK_BYTES = 2 ** 20;
const JUDGED_BYTES = 512;

/** Digests of what the file holds now. Memory stays flat. */
export async function digestsOf(path: string, hash: DvcObject['hash']): Promise<{ md5: string; content: BlobRef }> {
  const md5 = createHash('md5');
  const sha256 = createHash('sha256');
  const feed = hash === 'md5-dos2unix' ? updateWithoutCarriageReturns : (to: Hash, block: Buffer) => to.update(block);
  let size = 0;
  const handle = await open(path, 'r');
  try {
    const block = Buffer.allocUnsafe(BLOCK_BYTES);
    for (let length = await fill(handle, block); length > 0; length = await fill(handle, block)) {
      const bytes = block.subarray(0, length);
      feed(md5, bytes);
      sha256.update(bytes);
      size += length;
    }
  } finally {
    await handle.close();
  }
  return { md5: md5.digest('hex'), content: { sha256: sha256.digest('hex'), size } };
}

/** A read may give less than there is; what DVC hashes depends on where blocks begin. */
async function fill(handle: FileHandle, block: Buffer): Promise<number> {
  let length = 0;
  while (length < block.length) {
    const { bytesRead } = await handle.read(block, length, block.length - length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return length;
}

/** A text is hashed as if its lines ended in \n only; within a block, as DVC 2 did it. */
function updateWithoutCarriageReturns(hash: Hash, block: Buffer): void {
  let from = 0;
  if (isText(block.subarray(0, JUDGED_BYTES))) {
    for (let at = block.indexOf('\r\n'); at !== -1; at = block.indexOf('\r\n', at + 1)) {
      hash.update(block.subarray(from, at));
      from = at + 1;
    }
  }
  hash.update(block.subarray(from));
}

/** DVC's own guess: no zero byte, and at most 30 % that are neither printable ASCII nor white space. */
function isText(bytes: Buffer): boolean {
  if (bytes.includes(0)) return false;
  const odd = bytes.filter((byte) => !((byte >= 32 && byte < 127) || [8, 9, 10, 12, 13].includes(byte)));
  return odd.length / bytes.length <= 0.3;
}
