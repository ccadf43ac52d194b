/** A blob onto the disk: in pieces, hashed as they arrive, gone on with after a break, and there only when it is whole and right. */
import { setMaxListeners } from 'node:events';
import { randomUUID } from 'node:crypto';
import { readdir, rename, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { keys, type Sha256 } from '../../contracts/index.js';
import { lifeOf, PROCESS_TAG, processTag } from '../process-identity.js';
import { missing } from './missing.js';
import { corrupt, diskFailure } from './errors.js';
import { fileThread, giveBack, PIECE_BYTES, takeMemory, type Memory } from './file-threads.js';
import type { S3 } from './s3.js';

export interface FetchOptions {
  signal?: AbortSignal | undefined;
  /** As its manifest says; an object of another size is refused before it is read. */
  size?: number | undefined;
  /** Bytes that have arrived. */
  onBytes?: ((bytes: number) => void) | undefined;
}

/** Pieces of one object on their way at once. */
const AHEAD = 4;
/** Damage on the way is gone with the next reading. */
const READS = 2;

/**
 * Fetches `blobs/…/<sha256>` to `path`, read-only. Only renaming puts it there; it is not synced, since whoever uses it compares digests.
 * @throws SeawallError `NotFound`, `Corrupt` (names object, what was expected and found), `Unavailable` (store or local disk)
 */
export async function fetchBlob(s3: S3, sha256: Sha256, path: string, options: FetchOptions = {}): Promise<void> {
  for (let reads = 1; ; reads++) {
    const found = await fetchOnce(s3, sha256, path, options);
    if (found === sha256) return;
    if (reads >= READS) throw corrupt(s3.name(keys.blob(sha256)), `SHA-256 ${sha256}`, found);
  }
}

/** The digest of what came; `path` was written when it is the right one. */
async function fetchOnce(s3: S3, sha256: Sha256, path: string, options: FetchOptions): Promise<Sha256> {
  const key = keys.blob(sha256);
  const first = await readOne(s3, key, 0, options.size ?? PIECE_BYTES, options.signal);
  const expected = options.size ?? first.total;
  if (first.total !== expected || first.size !== Math.min(expected, PIECE_BYTES)) {
    giveBack(first.memory);
    throw corrupt(s3.name(key), `${expected} bytes`, `${first.total === expected ? first.size : first.total} bytes`);
  }
  if (first.total > first.size) return fetchLarge(s3, sha256, path, first, options);
  options.onBytes?.(first.size);
  const temporary = `${path}.${randomUUID()}.tmp`;
  const { memory, size } = first;
  try {
    const job = { kind: 'store', temporary, path, sha256, memory, size } as const;
    return (await fileThread().run(job).catch(diskFailure(path))).sha256;
  } finally {
    giveBack(memory);
  }
}

interface FetchedPiece {
  memory: Memory;
  size: number;
  total: number;
}

/** Reads at most a piece, and at most `wanted` bytes; the memory is the caller's. */
async function readOne(
  s3: S3,
  key: string,
  from: number,
  wanted: number,
  signal: AbortSignal | undefined,
): Promise<FetchedPiece> {
  const memory = await takeMemory(Math.min(wanted, PIECE_BYTES));
  try {
    signal?.throwIfAborted();
    const piece = await s3.readPiece(key, Buffer.from(memory, 0, Math.min(wanted, memory.byteLength)), from, signal);
    if (!piece) throw missing(s3, key);
    return { memory, ...piece };
  } catch (error) {
    giveBack(memory);
    throw error;
  }
}

/** Files that this process writes to now. */
const active = new Set<string>();

async function fetchLarge(
  s3: S3,
  sha256: Sha256,
  path: string,
  first: FetchedPiece,
  { signal, onBytes }: FetchOptions,
): Promise<Sha256> {
  const { total } = first;
  const temporary = await continueOrBegin(path);
  active.add(temporary);
  const thread = fileThread();
  try {
    const { size: there } = await thread.run({ kind: 'begin', temporary, upTo: total }).catch((cause: unknown) => {
      giveBack(first.memory);
      return diskFailure(path)(cause);
    });
    onBytes?.(there);
    try {
      for await (const { memory, size } of piecesFrom(s3, keys.blob(sha256), there, first, signal)) {
        try {
          await thread.run({ kind: 'append', temporary, memory, size }).catch(diskFailure(path));
        } finally {
          giveBack(memory);
        }
        onBytes?.(size);
      }
    } catch (error) {
      await thread.run({ kind: 'leave', temporary }).catch(() => undefined);
      throw error;
    }
    return (await thread.run({ kind: 'end', temporary, path, sha256 }).catch(diskFailure(path))).sha256;
  } finally {
    active.delete(temporary);
  }
}

/** In order, some of them on their way at once. `first` is used when nothing was there. */
async function* piecesFrom(
  s3: S3,
  key: string,
  from: number,
  first: FetchedPiece,
  signal: AbortSignal | undefined,
): AsyncGenerator<FetchedPiece> {
  const failed = new AbortController();
  const stop = signal ? AbortSignal.any([signal, failed.signal]) : failed.signal;
  setMaxListeners(0, stop); // one per request that is open
  const { total } = first;
  const ahead: Promise<FetchedPiece>[] = [];
  let at = from;
  const readNext = (): void => {
    if (at >= total) return;
    const piece = readOne(s3, key, at, Math.min(PIECE_BYTES, total - at), stop);
    piece.catch(() => undefined); // it is awaited in its turn
    ahead.push(piece);
    at += PIECE_BYTES;
  };
  if (from === 0) {
    ahead.push(Promise.resolve(first));
    at = first.size;
  } else giveBack(first.memory);
  for (let i = ahead.length; i < AHEAD; i++) readNext();
  let offset = from;
  try {
    for (let next = ahead.shift(); next; next = ahead.shift()) {
      const piece = await next;
      const wanted = Math.min(PIECE_BYTES, total - offset);
      if (piece.size !== wanted || piece.total !== total) {
        giveBack(piece.memory);
        throw corrupt(s3.name(key), `${total} bytes`, `${offset + piece.size} of ${piece.total}: it was replaced`);
      }
      offset += piece.size;
      readNext();
      yield piece;
    }
  } finally {
    failed.abort(new Error('given up'));
    for (const result of await Promise.allSettled(ahead))
      if (result.status === 'fulfilled') giveBack(result.value.memory);
  }
}

// ── Halves of earlier tries ─────────────────────────────────────────────────────────────────────────────────────────

/** `<path>.<process>-<id>.part`: whose it is can be told when its process is gone. */
const PART = new RegExp(String.raw`\.(${PROCESS_TAG})-[0-9a-f]{8}\.part$`);
/** Of a process that cannot be seen from here: one that lives writes more often, or gives up. */
const QUIET_MS = 10 * 60_000;

/** The half that a process that is gone has left, or a try of this one, under a name of our own; else a new name. */
async function continueOrBegin(path: string): Promise<string> {
  const self = processTag();
  const mine = `${path}.${self}-${randomUUID().slice(0, 8)}.part`;
  const folder = dirname(path);
  for (const name of await readdir(folder).catch(() => [])) {
    const tag = name.startsWith(`${basename(path)}.`) ? PART.exec(name)?.[1] : undefined;
    const other = join(folder, name);
    if (tag === undefined || (tag === self ? active.has(other) : !(await isLeft(tag, other)))) continue;
    // Only one of several can rename it.
    const taken = await rename(other, mine).then(
      () => true,
      () => false,
    );
    if (taken) return mine;
  }
  return mine;
}

async function isLeft(tag: string, file: string): Promise<boolean> {
  const life = lifeOf(tag);
  if (life !== 'elsewhere') return life === 'gone';
  const found = await stat(file).catch(() => undefined);
  return found !== undefined && Date.now() - found.mtimeMs > QUIET_MS;
}
