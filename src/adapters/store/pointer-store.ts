/** The live pointer: who serves. Its moves follow DESIGN's rules, so that neither zombies nor lost answers can do harm. */
import type { PointerStore } from '../../activities/ports.js';
import {
  SeawallError,
  keys,
  type LivePointer,
  type MoveRecord,
  type PointerMove,
  sequenceKey,
  type Sha256,
} from '../../contracts/index.js';
import { corrupt } from './errors.js';
import { createJson, jsonBytes, readJson } from './json-store.js';
import type { S3 } from './s3.js';

const MOVES_KEPT = 32;
const READS_AT_ONCE = 16;
/** A write that is refused though the epoch stands still is a store's mistake; it must not spin for ever. */
const WRITE_TRIES = 5;

type Move = Omit<PointerMove, 'epoch'> & { sha256: Sha256; expectedEpoch: number };

export interface PointerHistory {
  /**
   * Every move of the pointer, oldest first; empty where there is none. Of moves that were made before they were kept (by an
   * older Seawall) only the last 32 are known.
   */
  history(model: string): Promise<PointerMove[]>;
}

export function createPointerStore(s3: S3): PointerStore & PointerHistory {
  return {
    read: async (model) => (await readJson<LivePointer>(s3, keys.live(model)))?.value,
    move: (model, move) => movePointer(s3, model, move),
    history: (model) => readMoves(s3, model),
  };
}

async function movePointer(s3: S3, model: string, move: Move): Promise<LivePointer> {
  const key = keys.live(model);
  for (let tries = 0; tries < WRITE_TRIES; tries++) {
    const stored = await readJson<LivePointer>(s3, key);
    // Looked up before anything is concluded: an answer may have been lost, and others may have moved since.
    const done = stored && resultOfMove(stored.value, move);
    if (done) return done;
    const epoch = stored?.value.epoch ?? 0;
    if (epoch !== move.expectedEpoch) throw pointerMoved(s3.name(key), move, stored?.value);
    if (stored) await keepMove(s3, stored.value);
    const next = nextPointer(model, stored?.value, move);
    const condition = stored ? { ifMatch: stored.etag } : ({ ifAbsent: true } as const);
    if ((await s3.write(key, jsonBytes(next), condition)) === 'written') return next;
  }
  throw new SeawallError(
    'Conflict',
    `${s3.name(key)} refused ${WRITE_TRIES} writes though nobody moved it`,
    'Run `seawall doctor`: it checks whether the store keeps its promises about conditional writes.',
  );
}

/** Whoever moves the pointer has first kept how it stood: the history has no gap, whoever dies where. */
async function keepMove(s3: S3, { model, champion, moves }: LivePointer): Promise<void> {
  const last = moves.at(-1);
  if (!last) return;
  const record: MoveRecord = { kind: 'pointer-move', schema: 1, model, sha256: champion.sha256, ...last };
  const key = sequenceKey(keys.moves(model), last.epoch);
  if ((await createJson(s3, key, record)) === 'exists')
    throw corrupt(s3.name(key), `the move "${last.moveId}"`, 'another one');
}

async function readMoves(s3: S3, model: string): Promise<PointerMove[]> {
  const recent = (await readJson<LivePointer>(s3, keys.live(model)))?.value.moves ?? [];
  const older = Array.from({ length: (recent[0]?.epoch ?? 1) - 1 }, (_, i) => i + 1);
  const kept: PointerMove[] = [];
  for (let from = 0; from < older.length; from += READS_AT_ONCE) {
    const some = older.slice(from, from + READS_AT_ONCE);
    const read = (epoch: number) => readJson<MoveRecord>(s3, sequenceKey(keys.moves(model), epoch));
    for (const found of await Promise.all(some.map(read))) if (found) kept.push(found.value);
  }
  return [...kept, ...recent];
}

function nextPointer(model: string, current: LivePointer | undefined, move: Move): LivePointer {
  const { moveId, release, by, reason, at, sha256 } = move;
  const epoch = (current?.epoch ?? 0) + 1;
  const moves = [...(current?.moves ?? []), { moveId, epoch, release, by, reason, at }].slice(-MOVES_KEPT);
  return { kind: 'live', schema: 1, model, epoch, champion: { release, sha256 }, moves };
}

/** The pointer as it was right after the move; undefined when the move is not among the last ones. */
function resultOfMove(pointer: LivePointer, move: Move): LivePointer | undefined {
  const at = pointer.moves.findIndex(({ moveId }) => moveId === move.moveId);
  const made = pointer.moves[at];
  if (!made) return undefined;
  if (made.release !== move.release)
    throw new SeawallError(
      'BadInput',
      `the move "${move.moveId}" of ${pointer.model} released ${made.release}, not ${move.release}`,
      'Give every move its own moveId.',
    );
  const champion = { release: made.release, sha256: move.sha256 };
  return { ...pointer, epoch: made.epoch, champion, moves: pointer.moves.slice(0, at + 1) };
}

function pointerMoved(where: string, move: Move, current: LivePointer | undefined): SeawallError {
  const last = current?.moves.at(-1);
  const found = current
    ? `epoch ${current.epoch}, release ${current.champion.release}${last ? `, moved by ${last.by} at ${last.at}` : ''}`
    : 'no pointer';
  return new SeawallError(
    'PointerMoved',
    `release ${move.release} was to follow epoch ${move.expectedEpoch} of ${where}, but there is ${found}`,
    'Compare the challenger with the champion that serves now: start a new run, or roll back.',
  );
}
