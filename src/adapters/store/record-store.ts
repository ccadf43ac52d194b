/** Numbered folders of create-once records: one number per cause. */
import type { RecordStore } from '../../activities/ports.js';
import { SeawallError, sequenceKey, sequenceOf, type Sequenced } from '../../contracts/index.js';
import { createJson, readJson } from './json-store.js';
import { missing } from './blob-store.js';
import type { S3 } from './s3.js';

/** Records are immutable, so what was the cause of one can be remembered; bounded, oldest out first. */
const CAUSES_REMEMBERED = 20_000;
const READS_AT_ONCE = 8;
const NUMBER_TRIES = 1000;

export function createRecordStore(s3: S3): RecordStore {
  const causes = createMemory<string>(CAUSES_REMEMBERED);
  return {
    append: (folder, causeId, make, after = 0) => append(s3, causes, folder, causeId, make, after),
    newest: async <T extends Sequenced>(folder: string) => {
      const last = await newestNumber(s3, folder);
      return last === 0 ? undefined : readRecord<T>(s3, folder, last);
    },
    read: (folder, seq) => readRecord(s3, folder, seq),
    list: (folder, after = 0) => listRecords(s3, folder, after),
  };
}

async function append<T extends Sequenced>(
  s3: S3,
  causes: Memory<string>,
  folder: string,
  causeId: string,
  make: (seq: number) => T,
  after: number,
): Promise<T> {
  const numbers = await numbersAfter(s3, folder, after);
  const existing = await findCause<T>(s3, causes, folder, causeId, numbers);
  if (existing) return existing;
  // Not above the hint: what appeared there since we looked may be of our cause, and is met number by number.
  const last = numbers.at(-1) ?? Math.min(after, await newestNumber(s3, folder));
  const first = last + 1;
  for (let seq = first; seq < first + NUMBER_TRIES; seq++) {
    const record = make(seq);
    if (record.seq !== seq || record.causeId !== causeId)
      throw new TypeError(`make(${seq}) returned a record with seq ${record.seq} and cause ${record.causeId}`);
    const key = sequenceKey(folder, seq);
    if ((await createJson(s3, key, record)) === 'created') {
      causes.set(key, causeId);
      return record;
    }
    const other = await readRecord<T>(s3, folder, seq);
    if (other) causes.set(key, other.causeId);
    if (other?.causeId === causeId) return other;
  }
  throw new SeawallError(
    'Conflict',
    `${NUMBER_TRIES} numbers from ${first} on in ${s3.name(folder)} were taken by others`,
    'Look who writes there at this rate; then try again.',
  );
}

async function findCause<T extends Sequenced>(
  s3: S3,
  causes: Memory<string>,
  folder: string,
  causeId: string,
  numbers: number[],
): Promise<T | undefined> {
  const unknown = numbers.filter((seq) => causes.get(sequenceKey(folder, seq)) === undefined);
  for (let i = 0; i < unknown.length; i += READS_AT_ONCE) {
    await Promise.all(
      unknown.slice(i, i + READS_AT_ONCE).map(async (seq) => {
        const record = await readRecord<Sequenced>(s3, folder, seq);
        if (record) causes.set(sequenceKey(folder, seq), record.causeId);
      }),
    );
  }
  const found = numbers.find((seq) => causes.get(sequenceKey(folder, seq)) === causeId);
  return found === undefined ? undefined : readRecord<T>(s3, folder, found);
}

async function readRecord<T extends Sequenced>(s3: S3, folder: string, seq: number): Promise<T | undefined> {
  return (await readJson<T>(s3, sequenceKey(folder, seq)))?.value;
}

async function* listRecords<T extends Sequenced>(s3: S3, folder: string, after: number): AsyncGenerator<T> {
  for (const seq of await numbersAfter(s3, folder, after)) {
    const record = await readRecord<T>(s3, folder, seq);
    if (!record) throw missing(s3, sequenceKey(folder, seq));
    yield record;
  }
}

/** Ascending. */
async function numbersAfter(s3: S3, folder: string, after: number): Promise<number[]> {
  const numbers: number[] = [];
  const start = after > 0 ? sequenceKey(folder, after) : undefined;
  for await (const { key } of s3.list(`${folder}/`, start)) {
    const seq = numberIn(folder, key);
    if (seq !== undefined && seq > after) numbers.push(seq);
  }
  return numbers.sort((a, b) => a - b);
}

/** 0: the folder is empty. Doubles and halves instead of listing all: a long-lived loop has tens of thousands of records. */
async function newestNumber(s3: S3, folder: string): Promise<number> {
  const nextAfter = async (seq: number): Promise<number | undefined> => {
    const start = seq > 0 ? sequenceKey(folder, seq) : undefined;
    for await (const { key } of s3.list(`${folder}/`, start, 1)) {
      const found = numberIn(folder, key);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  let there = 0;
  let step = 64;
  for (;;) {
    const found = await nextAfter(there + step);
    if (found === undefined) break;
    there = found;
    step *= 2;
  }
  for await (const { key } of s3.list(`${folder}/`, there > 0 ? sequenceKey(folder, there) : undefined))
    there = Math.max(there, numberIn(folder, key) ?? 0);
  return there;
}

/** Records lie directly in their folder; deeper keys are not of it. */
function numberIn(folder: string, key: string): number | undefined {
  const seq = sequenceOf(key);
  return seq !== undefined && key === sequenceKey(folder, seq) ? seq : undefined;
}

interface Memory<V> {
  get(key: string): V | undefined;
  set(key: string, value: V): void;
}
function createMemory<V>(limit: number): Memory<V> {
  const entries = new Map<string, V>();
  return {
    get: (key) => entries.get(key),
    set: (key, value) => {
      entries.set(key, value);
      if (entries.size > limit) entries.delete(entries.keys().next().value as string);
    },
  };
}
