/** A dataset's head, and the history of its moves. */
import type { Stored } from '../../activities/ports.js';
import { SeawallError, keys, sequenceKey, type DatasetHead, type Sha256 } from '../../contracts/index.js';
import { corrupt } from './errors.js';
import { createJson, jsonBytes, readJson } from './json-store.js';
import type { S3 } from './s3.js';

const READS_AT_ONCE = 16;

export const readHead = (s3: S3, name: string): Promise<Stored<DatasetHead> | undefined> =>
  readJson<DatasetHead>(s3, keys.datasetHead(name));

export interface Mover {
  by: string;
  message?: string | undefined;
}

/** The head's number after the move; undefined when somebody else moved it meanwhile. */
export async function moveHead(
  s3: S3,
  name: string,
  version: Sha256,
  head: Stored<DatasetHead> | undefined,
  { by, message }: Mover,
): Promise<number | undefined> {
  const current = head?.value;
  if (current?.version === version) return current.seq;
  // Whoever moves the head away from a version has first kept that it was the head: the history has no gap, whoever dies where.
  if (current) await keepMove(s3, current);
  const next: DatasetHead = {
    kind: 'dataset-head',
    schema: 1,
    name,
    version,
    previous: current?.version ?? null,
    seq: (current?.seq ?? 0) + 1,
    by,
    ...(message ? { message } : {}),
    at: new Date().toISOString(),
  };
  const condition = head ? { ifMatch: head.etag } : ({ ifAbsent: true } as const);
  if ((await s3.write(keys.datasetHead(name), jsonBytes(next), condition)) === 'written') return next.seq;
  // After a lost answer the head is ours (the next look finds it there), or the one that came directly after ours: then ours
  // was moved, and must not be moved again over its successor.
  const now = (await readHead(s3, name))?.value;
  return now?.previous === version && now.seq === next.seq + 1 ? next.seq : undefined;
}

async function keepMove(s3: S3, head: DatasetHead): Promise<void> {
  const key = sequenceKey(keys.datasetHistory(head.name), head.seq);
  if ((await createJson(s3, key, head)) === 'exists')
    throw corrupt(s3.name(key), `the move to ${head.version}`, 'another one');
}

/** The moves of the head that are recorded, newest first; those from before there was a log are not, nor is one that was lost. */
export async function readHistory(s3: S3, name: string): Promise<DatasetHead[]> {
  const head = (await readHead(s3, name))?.value;
  if (!head) return [];
  const moves = [head];
  for (let to = head.seq - 1; to > 0; to -= READS_AT_ONCE) {
    const numbers = Array.from({ length: Math.min(READS_AT_ONCE, to) }, (_, i) => to - i);
    const found = await Promise.all(numbers.map((seq) => readMove(s3, name, seq)));
    moves.push(...found.filter((move) => move !== undefined));
  }
  return moves;
}

const readMove = async (s3: S3, name: string, seq: number): Promise<DatasetHead | undefined> =>
  (await readJson<DatasetHead>(s3, sequenceKey(keys.datasetHistory(name), seq)))?.value;

/** How many moves of the head are not recorded: what was the newest version then, nobody can say. */
export const unrecordedMoves = (moves: readonly DatasetHead[]): number => (moves[0]?.seq ?? 0) - moves.length;

export const headMoved = (name: string, expected: Sha256 | null, head: DatasetHead | undefined): SeawallError =>
  new SeawallError(
    'Conflict',
    `the head of dataset ${name} is ${head ? `${head.version}, moved by ${head.by} at ${head.at}` : 'not there'}, not ${expected ?? 'missing'} as expected`,
    'Look at the new head, then commit again on top of it.',
  );

export const headBusy = (s3: S3, name: string, tries: number): SeawallError =>
  new SeawallError(
    'Conflict',
    `${s3.name(keys.datasetHead(name))} was moved by others ${tries} times in a row`,
    'Look who commits at this rate; then try again.',
  );
