/**
 * A thread that reads, hashes and writes local files: SHA-256 of gigabytes must not hold up the thread that beats to Temporal and
 * talks to the store. Synchronous calls: the thread has nothing else to do, and a small file then costs microseconds.
 */
import { createHash, type Hash } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  fchmodSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { parentPort } from 'node:worker_threads';
import { isSettled, stampOf, type FileStamp } from './known-digests.js';

/** Where the bytes of a job lie. Shared: moving it from thread to thread makes the collector run at every piece. */
export type Memory = SharedArrayBuffer;

export type FileJob =
  /** Size and SHA-256; with `memory` the whole file is read into it (a file that does not fit has changed). */
  | { kind: 'digest'; path: string; memory?: Memory }
  /** Writes the memory's first `size` bytes to `temporary`, and renames that to `path` if their SHA-256 is `sha256`. */
  | { kind: 'store'; temporary: string; path: string; sha256: string; memory: Memory; size: number }
  /** Begins a file that comes in pieces, with what of it lies in `temporary` already. */
  | { kind: 'begin'; temporary: string; upTo: number }
  | { kind: 'append'; temporary: string; memory: Memory; size: number }
  /** Closes it; renamed to `path` if the SHA-256 of all is `sha256`, else removed. */
  | { kind: 'end'; temporary: string; path: string; sha256: string }
  /** Closes it and leaves it, for a later try. */
  | { kind: 'leave'; temporary: string };

export interface FileMessage {
  id: number;
  /** Without its memory when that is a piece that the thread has already. */
  job: FileJob | (Omit<FileJob, 'memory'> & { memory: undefined });
  /** The number of the piece that is its memory. */
  piece?: number;
}

export interface FileResult {
  /** Of the whole file; of `begin`: how much of it was there. */
  size: number;
  sha256: string;
  /** `digest` only: the file was another one after it was read than before. */
  changed: boolean;
  /** `digest` only: what tells whether it has changed since; missing when a writing might not show in it. */
  stamp?: FileStamp;
}

const CHUNK_BYTES = 1 << 20;
/** Read-only: the files are shared by hard links, and a writer would change them for all. */
const MODE = 0o444;
const open = new Map<string, { fd: number; hash: Hash; size: number }>();
let chunk: Buffer | undefined;

const pieces: Memory[] = [];
parentPort?.on('message', ({ id, job, piece }: FileMessage) => {
  try {
    if (piece !== undefined && 'memory' in job && job.memory) pieces[piece] = job.memory;
    const whole = piece === undefined ? job : { ...job, memory: pieces[piece] };
    parentPort?.postMessage({ id, result: perform(whole as FileJob) });
  } catch (error) {
    // Errors of the file system lose their code when they are cloned.
    const { message, code, syscall, path } = error as NodeJS.ErrnoException;
    parentPort?.postMessage({ id, error: { message, code, syscall, path } });
  }
});

function perform(job: FileJob): FileResult {
  switch (job.kind) {
    case 'digest':
      return digest(job.path, job.memory);
    case 'store':
      return store(job);
    case 'begin':
      return begin(job.temporary, job.upTo);
    case 'append':
      return append(job.temporary, Buffer.from(job.memory, 0, job.size));
    case 'end':
      return end(job);
    case 'leave':
      closeSync(taken(job.temporary).fd);
      return nothing;
  }
}

const nothing: FileResult = { size: 0, sha256: '', changed: false };

function digest(path: string, memory: Memory | undefined): FileResult {
  const fd = openSync(path, 'r');
  try {
    const nowMs = Date.now();
    const before = fstatSync(fd, { bigint: true });
    const hash = createHash('sha256');
    const size = memory ? fill(fd, Buffer.from(memory), hash) : hashRest(fd, hash);
    const after = fstatSync(fd, { bigint: true });
    const changed = stampOf(before).state !== stampOf(after).state || BigInt(size) !== after.size;
    const stamp = isSettled(before, nowMs) ? { stamp: stampOf(before) } : {};
    return { size, sha256: hash.digest('hex'), changed, ...stamp };
  } finally {
    closeSync(fd);
  }
}

function fill(fd: number, into: Buffer, hash: Hash): number {
  let size = 0;
  for (;;) {
    const read = size < into.length ? readSync(fd, into, size, into.length - size, null) : 0;
    if (read === 0) break;
    size += read;
  }
  hash.update(into.subarray(0, size));
  return size;
}

function hashRest(fd: number, hash: Hash): number {
  chunk ??= Buffer.allocUnsafe(CHUNK_BYTES);
  let size = 0;
  for (let read = readSync(fd, chunk); read > 0; read = readSync(fd, chunk)) {
    hash.update(chunk.subarray(0, read));
    size += read;
  }
  return size;
}

function store({ temporary, path, sha256, memory, size }: FileJob & { kind: 'store' }): FileResult {
  const bytes = Buffer.from(memory, 0, size);
  const found = createHash('sha256').update(bytes).digest('hex');
  if (found !== sha256) return { size, sha256: found, changed: false };
  mkdirSync(dirname(path), { recursive: true });
  try {
    const fd = openSync(temporary, 'wx');
    try {
      writeAll(fd, bytes);
      fchmodSync(fd, MODE);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  return { size, sha256: found, changed: false };
}

function begin(temporary: string, upTo: number): FileResult {
  mkdirSync(dirname(temporary), { recursive: true });
  const fd = openPart(temporary);
  const hash = createHash('sha256');
  const before = fstatSync(fd).size;
  // Longer than the whole: not a piece of it.
  if (before > upTo) ftruncateSync(fd, 0);
  const size = before > upTo ? 0 : hashFrom(fd, before, hash);
  open.set(temporary, { fd, hash, size });
  return { size, sha256: '', changed: false };
}

/** A try that died right before its end has left it read-only. */
function openPart(temporary: string): number {
  try {
    return openSync(temporary, 'a+');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EACCES') throw error;
    try {
      chmodSync(temporary, 0o600);
    } catch {
      rmSync(temporary, { force: true }); // another user's
    }
    return openSync(temporary, 'a+');
  }
}

function hashFrom(fd: number, size: number, hash: Hash): number {
  chunk ??= Buffer.allocUnsafe(CHUNK_BYTES);
  let at = 0;
  while (at < size) {
    const read = readSync(fd, chunk, 0, Math.min(chunk.length, size - at), at);
    if (read === 0) break;
    hash.update(chunk.subarray(0, read));
    at += read;
  }
  return at;
}

function append(temporary: string, bytes: Buffer): FileResult {
  const file = open.get(temporary);
  if (!file) throw new Error(`${temporary} was not begun`);
  writeAll(file.fd, bytes);
  file.hash.update(bytes);
  file.size += bytes.length;
  return { size: file.size, sha256: '', changed: false };
}

function end({ temporary, path, sha256 }: FileJob & { kind: 'end' }): FileResult {
  const { fd, hash, size } = taken(temporary);
  const found = hash.digest('hex');
  try {
    fchmodSync(fd, MODE);
  } finally {
    closeSync(fd);
  }
  if (found === sha256) renameSync(temporary, path);
  else rmSync(temporary, { force: true });
  return { size, sha256: found, changed: false };
}

function taken(temporary: string): { fd: number; hash: Hash; size: number } {
  const file = open.get(temporary);
  if (!file) throw new Error(`${temporary} was not begun`);
  open.delete(temporary);
  return file;
}

function writeAll(fd: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
}
