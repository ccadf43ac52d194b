/** Threads for local files (`file-worker.ts`), and the memory that travels between them and the network. */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { entryPoint } from '../entry-point.js';
import type { FileJob, FileMessage, FileResult, Memory } from './file-worker.js';

export type { Memory } from './file-worker.js';

/** What is read, sent and written in one piece: files up to it as a whole, larger ones range by range. */
export const PIECE_BYTES = 8 << 20;
/** Together with the runtime this keeps a process below 200 MB, however large the files; enough for 600 MB/s from a store 100 ms away. */
const PIECES = 8;
/** For small files, of which many may be on their way. */
const SMALL_BYTES = 64 << 10;
/** More only fight for the disk. */
const THREADS = Math.min(4, availableParallelism());

interface Thread {
  worker: Worker;
  /** Memory that the thread has been given: sending it again with every job would let the collector count it every time. */
  given: Map<Memory, number>;
  open: Map<number, { resolve: (result: FileResult) => void; reject: (error: Error) => void }>;
  /** Why it is no more. */
  ended?: Error;
}
const threads: Thread[] = [];
let jobs = 0;

/** One thread; `temporary` files that are begun must be gone on with on the same one. */
export interface FileThread {
  run(job: FileJob): Promise<FileResult>;
}

/** The thread with the least to do. They start when they are needed, and end with the process. */
export function fileThread(): FileThread {
  const idle = threads.find(({ open }) => open.size === 0);
  const chosen = idle ?? (threads.length < THREADS ? startThread() : leastBusy());
  return { run: (job) => runOn(chosen, job) };
}

/** Ends them at once, whatever they do: their jobs fail. The next job starts new ones. */
export async function endFileThreads(): Promise<void> {
  await Promise.all(threads.map(({ worker }) => worker.terminate()));
}

const leastBusy = (): Thread => threads.reduce((best, each) => (each.open.size < best.open.size ? each : best));

function startThread(): Thread {
  const worker = new Worker(entryPoint(import.meta.url, './file-worker.js'), { execArgv: [] });
  const thread: Thread = { worker, given: new Map(), open: new Map() };
  worker.on('message', ({ id, result, error }: Answer) => {
    const job = thread.open.get(id);
    thread.open.delete(id);
    if (thread.open.size === 0) worker.unref();
    if (result) job?.resolve(result);
    else job?.reject(Object.assign(new Error(error?.message), error));
  });
  // Whatever ended it, nobody waits for ever: what ran on it fails, and the next job gets a thread of its own.
  const end = (error: Error): void => {
    if (thread.ended) return;
    thread.ended = error;
    threads.splice(threads.indexOf(thread), 1);
    for (const job of thread.open.values()) job.reject(error);
    thread.open.clear();
  };
  worker.on('error', end);
  worker.on('exit', (code) => end(new Error(`the thread for local files ended with ${code}`)));
  worker.unref();
  threads.push(thread);
  return thread;
}

interface Answer {
  id: number;
  result?: FileResult;
  error?: { message: string; code?: string; syscall?: string; path?: string };
}

function runOn(thread: Thread, job: FileJob): Promise<FileResult> {
  const { worker, open } = thread;
  const id = (jobs += 1);
  return new Promise((resolve, reject) => {
    if (thread.ended) return reject(thread.ended);
    open.set(id, { resolve, reject });
    worker.ref();
    worker.postMessage({ id, ...messageOf(thread, job) } satisfies FileMessage);
  });
}

function messageOf({ given }: Thread, job: FileJob): Omit<FileMessage, 'id'> {
  const memory = 'memory' in job ? job.memory : undefined;
  if (!memory) return { job };
  const known = given.get(memory);
  const piece = known ?? given.size;
  if (known === undefined) given.set(memory, piece);
  return { job: known === undefined ? job : { ...job, memory: undefined }, piece };
}

// ── Memory ──────────────────────────────────────────────────────────────────────────────────────────────────────────

let made = 0;
const free: Memory[] = [];
const waiting: ((memory: Memory) => void)[] = [];
const freeSmall: Memory[] = [];

/**
 * Memory for at least `size` bytes (at most `PIECE_BYTES`); waits while all is in use. Whoever takes it gives it back, and it is used
 * again: what is made anew for every file is held by the thread's side, too, until that side's collector runs.
 */
export async function takeMemory(size: number): Promise<Memory> {
  if (size <= SMALL_BYTES) return freeSmall.pop() ?? new SharedArrayBuffer(SMALL_BYTES);
  const memory = free.pop();
  if (memory) return memory;
  if (made < PIECES) {
    made += 1;
    return new SharedArrayBuffer(PIECE_BYTES);
  }
  return new Promise((resolve) => waiting.push(resolve));
}

export function giveBack(memory: Memory): void {
  if (memory.byteLength === SMALL_BYTES) return void freeSmall.push(memory);
  const next = waiting.shift();
  if (next) next(memory);
  else free.push(memory);
}
