/** The files of a version into the store: each is read once, hashed, and sent only if the store lacks it. */
import { setMaxListeners } from 'node:events';
import { stat } from 'node:fs/promises';
import { SeawallError, keys, type BlobRef, type ManifestFile, type Sha256 } from '../../contracts/index.js';
import { hasBlob, REUSE_WITHIN_MS } from './blob-store.js';
import { createStockList } from './stock-list.js';
import { fileThread, giveBack, PIECE_BYTES, takeMemory } from './file-threads.js';
import { stampOf, type KnownDigests } from './known-digests.js';
import type { DatasetFile } from './manifest.js';
import type { S3 } from './s3.js';

/** Enough to hide the way to a store that is far; what they hold in memory is bounded by `takeMemory`. */
const FILES_AT_ONCE = 32;
/** From here on a list of what the store has costs less than asking for every object. */
const LIST_FROM_FILES = 5_000;

export interface UploadProgress {
  files: number;
  of: number;
  /** Bytes of the files that are done. */
  bytes: number;
  /** What had to travel. */
  uploadedBytes: number;
}
export interface UploadOptions {
  /** Content that the store has for certain, by digest: what the head names. */
  known: ReadonlySet<Sha256>;
  /** Send also what the store has. */
  resend: boolean;
  /** What was hashed before. Only a file whose content the store has is not read again: what is sent is always hashed. */
  digests?: KnownDigests | undefined;
  signal?: AbortSignal | undefined;
  onProgress?: ((progress: UploadProgress) => void) | undefined;
}

export async function uploadFiles(
  s3: S3,
  files: DatasetFile[],
  { known, resend, digests, signal, onProgress }: UploadOptions,
): Promise<{ files: ManifestFile[]; uploadedBytes: number }> {
  const begun = Date.now();
  const failed = new AbortController();
  const stop = signal ? AbortSignal.any([signal, failed.signal]) : failed.signal;
  setMaxListeners(0, stop); // one per request that is open
  const progress: UploadProgress = { files: 0, of: files.length, bytes: 0, uploadedBytes: 0 };
  const done: ManifestFile[] = [];
  const inStore = files.length >= LIST_FROM_FILES ? createStockList(s3) : (blob: BlobRef) => hasBlob(s3, blob);
  const content = createUploader(s3, known, resend ? () => Promise.resolve(false) : inStore, stop);
  const queue = files.values();
  const work = async (): Promise<void> => {
    for (const { path, localFile } of queue) {
      stop.throwIfAborted();
      const { blob, uploaded } = await uploadOne(localFile, content, resend ? undefined : digests);
      done.push({ path, ...blob });
      progress.files += 1;
      progress.bytes += blob.size;
      if (uploaded) progress.uploadedBytes += blob.size;
      onProgress?.({ ...progress });
    }
  };
  const workers = Array.from({ length: Math.min(FILES_AT_ONCE, files.length) }, () =>
    work().catch((error: unknown) => failed.abort(error)),
  );
  await Promise.all(workers);
  // Also of a commit that fails: its second try has less to read.
  digests?.keep();
  stop.throwIfAborted();
  refuseTooLate(begun);
  return { files: done, uploadedBytes: progress.uploadedBytes };
}

/** Sends content unless the store has it; content that several files have is sent once. True: it had to travel. */
type Uploader = ((blob: BlobRef, send: (key: string, signal: AbortSignal) => Promise<void>) => Promise<boolean>) & {
  s3: S3;
  /** Whether the store has it. */
  has(blob: BlobRef): Promise<boolean>;
};

function createUploader(
  s3: S3,
  known: ReadonlySet<Sha256>,
  inStore: (blob: BlobRef) => Promise<boolean>,
  signal: AbortSignal,
): Uploader {
  const sending = new Map<Sha256, Promise<boolean>>();
  const there = new Set<Sha256>();
  const upload: (...args: Parameters<Uploader>) => Promise<boolean> = async (blob, send) => {
    if (known.has(blob.sha256) || there.has(blob.sha256)) return false;
    const other = sending.get(blob.sha256);
    if (other) {
      await other;
      return false;
    }
    const mine = (async () => {
      if (await inStore(blob)) return false;
      await send(keys.blob(blob.sha256), signal);
      return true;
    })();
    sending.set(blob.sha256, mine);
    const uploaded = await mine;
    there.add(blob.sha256);
    sending.delete(blob.sha256);
    return uploaded;
  };
  const has = async (blob: BlobRef): Promise<boolean> =>
    known.has(blob.sha256) || there.has(blob.sha256) || inStore(blob);
  return Object.assign(upload, { s3, has });
}

async function uploadOne(
  localFile: string,
  upload: Uploader,
  digests: KnownDigests | undefined,
): Promise<{ blob: BlobRef; uploaded: boolean }> {
  const before = await stat(localFile, { bigint: true }).catch(unreadable(localFile));
  const size = Number(before.size);
  const sha256 = digests?.of(stampOf(before));
  if (sha256 !== undefined && (await upload.has({ sha256, size }))) return { blob: { sha256, size }, uploaded: false };
  // A file that fits is held while it is hashed and sent: the bytes that were hashed are the bytes that travel.
  const memory = size <= PIECE_BYTES ? await takeMemory(size) : undefined;
  try {
    const job = { kind: 'digest', path: localFile, ...(memory ? { memory } : {}) } as const;
    const result = await fileThread().run(job).catch(unreadable(localFile));
    if (result.changed) throw changed(localFile);
    if (result.stamp) digests?.add(result.stamp, result.sha256);
    const blob = { sha256: result.sha256, size: result.size };
    const bytes = memory && Buffer.from(memory, 0, blob.size);
    const uploaded = await upload(blob, (key, signal) =>
      bytes ? upload.s3.put(key, bytes, blob.sha256, signal) : upload.s3.upload(key, localFile, blob, signal),
    );
    return { blob, uploaded };
  } finally {
    if (memory) giveBack(memory);
  }
}

const changed = (path: string): SeawallError =>
  new SeawallError(
    'Conflict',
    `${path} changed while it was read`,
    'Commit when its writer is done: nothing has become a version yet.',
  );

const unreadable =
  (path: string) =>
  (cause: unknown): never => {
    throw new SeawallError(
      'NotFound',
      `cannot read the local file ${path}: ${(cause as Error).message}`,
      'Check the path and its permissions.',
      {
        cause,
      },
    );
  };

/**
 * @param begunMs when the first content was looked for in the store
 * @throws SeawallError `Conflict`: what was relied on since may have been collected
 */
export function refuseTooLate(begunMs: number): void {
  if (Date.now() - begunMs <= REUSE_WITHIN_MS) return;
  throw new SeawallError(
    'Conflict',
    'the upload took so long that content which was met in the store at its beginning may have been collected',
    'Do it again: what was sent is not sent again.',
  );
}
