/** The files of a version into the store: each is read once, hashed, and sent only if the store lacks it. */
import { setMaxListeners } from 'node:events';
import { stat } from 'node:fs/promises';
import { SeawallError, keys, type BlobRef, type ManifestFile, type Sha256 } from '../../contracts/index.js';
import { hasBlob, REUSE_WITHIN_MS } from './blob-store.js';
import { fileThread, giveBack, PIECE_BYTES, takeMemory } from './file-threads.js';
import type { DatasetFile } from './manifest.js';
import type { S3 } from './s3.js';

/** Enough to hide the way to a store that is far; what they hold in memory is bounded by `takeMemory`. */
const FILES_AT_ONCE = 32;

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
  signal?: AbortSignal | undefined;
  onProgress?: ((progress: UploadProgress) => void) | undefined;
}

export async function uploadFiles(
  s3: S3,
  files: DatasetFile[],
  { known, resend, signal, onProgress }: UploadOptions,
): Promise<{ files: ManifestFile[]; uploadedBytes: number }> {
  const begun = Date.now();
  const failed = new AbortController();
  const stop = signal ? AbortSignal.any([signal, failed.signal]) : failed.signal;
  setMaxListeners(0, stop); // one per request that is open
  const progress: UploadProgress = { files: 0, of: files.length, bytes: 0, uploadedBytes: 0 };
  const done: ManifestFile[] = [];
  const content = createUploader(s3, known, resend, stop);
  const queue = files.values();
  const work = async (): Promise<void> => {
    for (const { path, localFile } of queue) {
      stop.throwIfAborted();
      const { blob, uploaded } = await uploadOne(localFile, content);
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
  stop.throwIfAborted();
  refuseTooLate(begun);
  return { files: done, uploadedBytes: progress.uploadedBytes };
}

/** Sends content unless the store has it; content that several files have is sent once. True: it had to travel. */
type Uploader = (blob: BlobRef, send: (key: string, signal: AbortSignal) => Promise<void>) => Promise<boolean>;

function createUploader(
  s3: S3,
  known: ReadonlySet<Sha256>,
  resend: boolean,
  signal: AbortSignal,
): Uploader & { s3: S3 } {
  const sent = new Map<Sha256, Promise<boolean>>();
  const upload: Uploader = async (blob, send) => {
    if (known.has(blob.sha256)) return false;
    const other = sent.get(blob.sha256);
    if (other) {
      await other;
      return false;
    }
    const mine = (async () => {
      if (!resend && (await hasBlob(s3, blob))) return false;
      await send(keys.blob(blob.sha256), signal);
      return true;
    })();
    sent.set(blob.sha256, mine);
    return mine;
  };
  return Object.assign(upload, { s3 });
}

async function uploadOne(
  localFile: string,
  upload: Uploader & { s3: S3 },
): Promise<{ blob: BlobRef; uploaded: boolean }> {
  const { size: before } = await stat(localFile).catch(unreadable(localFile));
  // A file that fits is held while it is hashed and sent: the bytes that were hashed are the bytes that travel.
  const memory = before <= PIECE_BYTES ? await takeMemory(before) : undefined;
  try {
    const job = { kind: 'digest', path: localFile, ...(memory ? { memory } : {}) } as const;
    const result = await fileThread().run(job).catch(unreadable(localFile));
    if (result.changed) throw changed(localFile);
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
