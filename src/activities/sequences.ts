/** Reading numbered folders backwards, and many small objects at once. */
import type { Sequenced } from '../contracts/index.js';
import type { RecordStore } from './ports.js';

const AT_ONCE = 16;

/** `fn` of every item, in order, at most sixteen at a time. */
export async function mapSome<T, R>(items: readonly T[], fn: (item: T) => Promise<R>, atOnce = AT_ONCE): Promise<R[]> {
  const results = new Array<R>(items.length);
  const queue = items.entries();
  const work = async (): Promise<void> => {
    for (const [i, item] of queue) results[i] = await fn(item);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, work));
  return results;
}

/** The records of a folder, newest first, read in groups: who has found what was looked for just stops. */
export async function* newestFirst<T extends Sequenced>(records: RecordStore, folder: string): AsyncGenerator<T> {
  const newest = await records.newest<T>(folder);
  if (!newest) return;
  yield newest;
  for (let high = newest.seq - 1; high > 0; high -= AT_ONCE) {
    const seqs = Array.from({ length: Math.min(AT_ONCE, high) }, (_, i) => high - i);
    for (const record of await mapSome(seqs, (seq) => records.read<T>(folder, seq))) if (record) yield record;
  }
}
