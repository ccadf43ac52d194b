/**
 * A trainer's log while it runs. Objects in storage cannot grow, so what is new goes there as a part of its own, named by the byte at
 * which it begins; when the whole log is stored, the parts go. A host that dies leaves the parts.
 */
import { open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { keys } from '../contracts/index.js';
import type { FileStore, JsonStore } from './ports.js';

export interface LogRef {
  /** Of the whole log. */
  key: string;
  /** On this host. */
  file: string;
}

export interface LiveLogPace {
  firstMs: number;
  longestMs: number;
}

/** News within 10 s at first; later a twentieth of the time so far, so that a day of training makes hundreds of parts, not thousands. */
const PACE: LiveLogPace = { firstMs: 10_000, longestMs: 120_000 };
/** In memory at once, and in one request. */
const PART_BYTES = 4 << 20;

/** Ships the growing log until `stop`, which waits for what is on its way. Never throws: training is worth more than news of it. */
export function followLog(
  files: Pick<FileStore, 'put'>,
  { key, file }: LogRef,
  pace: LiveLogPace = PACE,
): { stop: () => Promise<void> } {
  const stopped = new AbortController();
  const from = performance.now();
  const follow = async (): Promise<void> => {
    let offset = 0;
    while (!stopped.signal.aborted) {
      const elapsed = performance.now() - from;
      const pause = Math.min(pace.longestMs, Math.max(pace.firstMs, elapsed / 20));
      await sleep(pause, undefined, { signal: stopped.signal }).catch(() => undefined);
      if (stopped.signal.aborted) return;
      // The same bytes again under the same name, longer perhaps, if storage was away.
      offset += await ship(files, key, file, offset).catch(() => 0);
    }
  };
  const following = follow();
  return {
    stop: () => {
      stopped.abort();
      return following;
    },
  };
}

/** Ships the log as long as `work` takes. */
export async function withLiveLog<T>(files: Pick<FileStore, 'put'>, log: LogRef, work: () => Promise<T>): Promise<T> {
  const live = followLog(files, log);
  try {
    return await work();
  } finally {
    await live.stop();
  }
}

/** @returns bytes shipped: whole lines, unless one is longer than a part */
async function ship(files: Pick<FileStore, 'put'>, key: string, file: string, offset: number): Promise<number> {
  const handle = await open(file, 'r');
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(PART_BYTES), 0, PART_BYTES, offset);
    const lastLine = buffer.lastIndexOf(10, bytesRead - 1) + 1;
    const length = lastLine > 0 || bytesRead < PART_BYTES ? lastLine : bytesRead;
    if (length > 0) await files.put(keys.trainerLogPart(key, offset), buffer.subarray(0, length));
    return length;
  } finally {
    await handle.close();
  }
}

/** Stores the whole log. It is for reading afterwards: that it cannot be stored must not hide how the trainer ended. */
export async function keepLog(
  { files, json }: { files: FileStore; json: Pick<JsonStore, 'list'> },
  { key, file }: LogRef,
): Promise<string | undefined> {
  try {
    await files.upload(key, file);
  } catch {
    return undefined;
  }
  await removeParts({ files, json }, key).catch(() => undefined);
  return key;
}

async function removeParts(
  { files, json }: { files: FileStore; json: Pick<JsonStore, 'list'> },
  log: string,
): Promise<void> {
  for await (const part of json.list(keys.trainerLogParts(log))) await files.remove(part.key);
}
