/** Whether what versions name is in the store, byte for byte. */
import { createHash } from 'node:crypto';
import type { DatasetStore } from '../../activities/ports.js';
import { SeawallError, keys, type Sha256 } from '../../contracts/index.js';
import { corrupt } from './errors.js';
import { giveBack, PIECE_BYTES, takeMemory } from './file-threads.js';
import { missing } from './missing.js';
import type { S3 } from './s3.js';

const AT_ONCE = 8;

export interface VerifyProgress {
  objects: number;
  of: number;
  bytes: number;
}
export interface Verification {
  objects: number;
  bytes: number;
  problems: { type: string; message: string; next: string; versions: Sha256[] }[];
}

export async function verifyVersions(
  s3: S3,
  datasets: Pick<DatasetStore, 'manifest'>,
  name: string,
  versions: Sha256[],
  onProgress?: (progress: VerifyProgress) => void,
): Promise<Verification> {
  const found: Verification = { objects: 0, bytes: 0, problems: [] };
  const note = (error: unknown, of: Sha256[]): void => {
    if (!(error instanceof SeawallError) || !['Corrupt', 'NotFound', 'BadInput'].includes(error.type)) throw error;
    found.problems.push({ type: error.type, message: error.message, next: error.next, versions: of });
  };
  const wanted = new Map<Sha256, { size: number; versions: Sha256[] }>();
  for (const version of versions) {
    const manifest = await datasets.manifest(name, version).catch((error: unknown) => note(error, [version]));
    for (const { sha256, size } of manifest?.files ?? []) {
      const known = wanted.get(sha256) ?? { size, versions: [] };
      if (known.versions.at(-1) !== version) known.versions.push(version);
      wanted.set(sha256, known);
    }
  }
  const queue = wanted.entries();
  const work = async (): Promise<void> => {
    for (const [sha256, { size, versions: of }] of queue) {
      await verifyBlob(s3, sha256, size).catch((error: unknown) => note(error, of));
      found.objects += 1;
      found.bytes += size;
      onProgress?.({ objects: found.objects, of: wanted.size, bytes: found.bytes });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return found;
}

async function verifyBlob(s3: S3, sha256: Sha256, size: number): Promise<void> {
  const key = keys.blob(sha256);
  const hash = createHash('sha256');
  const memory = await takeMemory(Math.min(size, PIECE_BYTES));
  try {
    for (let at = 0; at === 0 || at < size;) {
      const into = Buffer.from(memory, 0, Math.min(size - at, memory.byteLength));
      const piece = await s3.readPiece(key, into, at);
      if (!piece) throw missing(s3, key);
      if (piece.total !== size || piece.size !== into.length)
        throw corrupt(s3.name(key), `${size} bytes`, `${piece.total}`);
      hash.update(into);
      at += piece.size;
      if (size === 0) break;
    }
  } finally {
    giveBack(memory);
  }
  const found = hash.digest('hex');
  if (found !== sha256) throw corrupt(s3.name(key), `SHA-256 ${sha256}`, found);
}
