/** Numbered folders of create-once records: one number per cause. */
import type { RecordStore } from '../../activities/ports.js';
import { SeawallError, sequenceKey, sequenceOf, type Sequenced } from '../../contracts/index.js';
import { createJson, readJson } from './json-store.js';
import { missing } from './missing.js';
import type { S3 } from './s3.js';

/** How many causes are remembered in all. Of one folder all or none: half of them would be no use. */
const CAUSES_REMEMBERED = 200_000;
const READS_AT_ONCE = 16;
const NUMBER_TRIES = 1000;

export function createRecordStore(s3: S3): RecordStore {
  const causes = createCauseMemory(CAUSES_REMEMBERED);
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
  memory: CauseMemory,
  folder: string,
  causeId: string,
  make: (seq: number) => T,
  after: number,
): Promise<T> {
  const known = memory.of(folder);
  await learnCauses(s3, folder, known, after);
  const existing = known.seqOf.get(causeId);
  const record = existing === undefined ? undefined : await readRecord<T>(s3, folder, existing);
  if (record) return record;
  const first = known.upTo + 1;
  for (let seq = first; seq < first + NUMBER_TRIES; seq++) {
    const record = make(seq);
    if (record.seq !== seq || record.causeId !== causeId)
      throw new TypeError(`make(${seq}) returned a record with seq ${record.seq} and cause ${record.causeId}`);
    if ((await createJson(s3, sequenceKey(folder, seq), record)) === 'created') {
      learn(known, seq, causeId);
      return record;
    }
    const other = await readRecord<T>(s3, folder, seq);
    if (other) learn(known, seq, other.causeId);
    if (other?.causeId === causeId) return other;
  }
  throw new SeawallError(
    'Conflict',
    `${NUMBER_TRIES} numbers from ${first} on in ${s3.name(folder)} were taken by others`,
    'Look who writes there at this rate; then try again.',
  );
}

/**
 * What is known of a folder: the causes of its records above `from` up to `upTo`. Records are immutable and numbered without gaps,
 * so what was read once is known for good, and the next call reads only what is new.
 */
interface KnownCauses {
  from: number;
  upTo: number;
  seqOf: Map<string, number>;
}

/** Reads what is not known yet above `after`. What was read stays known when the call breaks off: the next one goes on from there. */
async function learnCauses(s3: S3, folder: string, known: KnownCauses, after: number): Promise<void> {
  if (known.upTo === 0 && after > 0) {
    // Not above the hint: what appeared there since we looked may be of our cause, and is met number by number.
    const start = Math.min(after, await newestNumber(s3, folder));
    if (known.upTo === 0) known.from = known.upTo = start;
  }
  await readCauses(s3, folder, known, await numbersAfter(s3, folder, known.upTo));
  if (after >= known.from) return;
  const older = (await numbersAfter(s3, folder, after)).filter((seq) => seq <= known.from);
  // From the newest down, so that what is known has no gap at any time.
  await readCauses(s3, folder, known, older.reverse());
  known.from = Math.min(known.from, after);
}

async function readCauses(s3: S3, folder: string, known: KnownCauses, numbers: number[]): Promise<void> {
  for (let i = 0; i < numbers.length; i += READS_AT_ONCE) {
    const group = numbers.slice(i, i + READS_AT_ONCE);
    const records = await Promise.all(group.map((seq) => readRecord<Sequenced>(s3, folder, seq)));
    group.forEach((seq, at) => learn(known, seq, records[at]?.causeId));
  }
}

/** `causeId` is undefined when the record is gone. */
function learn(known: KnownCauses, seq: number, causeId: string | undefined): void {
  const earlier = causeId === undefined ? undefined : known.seqOf.get(causeId);
  if (causeId !== undefined && (earlier === undefined || earlier > seq)) known.seqOf.set(causeId, seq);
  known.upTo = Math.max(known.upTo, seq);
  known.from = Math.min(known.from, seq - 1);
}

async function readRecord<T extends Sequenced>(s3: S3, folder: string, seq: number): Promise<T | undefined> {
  return (await readJson<T>(s3, sequenceKey(folder, seq)))?.value;
}

async function* listRecords<T extends Sequenced>(s3: S3, folder: string, after: number): AsyncGenerator<T> {
  const numbers = await numbersAfter(s3, folder, after);
  for (let i = 0; i < numbers.length; i += READS_AT_ONCE) {
    const group = numbers.slice(i, i + READS_AT_ONCE);
    const records = await Promise.all(group.map((seq) => readRecord<T>(s3, folder, seq)));
    for (const [at, record] of records.entries()) {
      if (!record) throw missing(s3, sequenceKey(folder, group[at] as number));
      yield record;
    }
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

interface CauseMemory {
  /** What is known of the folder; it is filled in place. */
  of(folder: string): KnownCauses;
}

/** At most `limit` causes, beside those of the folder that was asked about last; folders not used for longest go first. */
function createCauseMemory(limit: number): CauseMemory {
  const folders = new Map<string, KnownCauses>();
  const forgetSome = (): void => {
    let size = 0;
    for (const known of folders.values()) size += known.seqOf.size + 1;
    for (const [folder, known] of folders) {
      if (size <= limit) return;
      folders.delete(folder);
      size -= known.seqOf.size + 1;
    }
  };
  return {
    of(folder) {
      const known = folders.get(folder) ?? { from: 0, upTo: 0, seqOf: new Map<string, number>() };
      folders.delete(folder);
      forgetSome();
      folders.set(folder, known);
      return known;
    },
  };
}
