/** Which release a rollback goes back to. */
import {
  keys,
  type LivePointer,
  type ReleaseRecord,
  type RollbackInput,
  type RunRecord,
  SeawallError,
} from '../contracts/index.js';
import type { JsonStore, RecordStore } from './ports.js';
import { readPlan } from './run.js';

interface Ports {
  json: JsonStore;
  records: RecordStore;
}

/**
 * The release to go back to: the one that was asked for, if it ever served; else the one before the champion.
 * @throws SeawallError `NotFound`: no such release, or none before; `BadInput`: it serves now, or never did
 */
export async function rollbackTarget(
  ports: Ports,
  pointer: LivePointer,
  { toRelease }: RollbackInput,
): Promise<ReleaseRecord> {
  const { model, champion } = pointer;
  if (toRelease === null) return readRelease(ports.records, model, await releaseBefore(ports, pointer));
  if (toRelease === champion.release) {
    throw new SeawallError(
      'BadInput',
      `Release ${toRelease} of "${model}" is the champion already`,
      'Name another one.',
    );
  }
  const release = await readRelease(ports.records, model, toRelease);
  if (await everServed(ports, pointer, release)) return release;
  throw new SeawallError(
    'BadInput',
    `Release ${toRelease} of "${model}" never served: run ${release.run} made it and ended before it went live`,
    `Nothing was moved. Name a release that has served: seawall status ${model}`,
  );
}

/**
 * Without a number: the release that was live just before the first move to the champion. That is what the champion was chosen
 * over; what a person rolled back in between (3 in 1, 2, 3, 2, 4) was found bad, and twice back never ends where it began.
 */
async function releaseBefore(ports: Ports, pointer: LivePointer): Promise<number> {
  const { model, champion, moves } = pointer;
  const first = moves.findIndex(({ release }) => release === champion.release);
  const before = isWhole(pointer)
    ? moves[first - 1]?.release
    : await championOfItsRun(ports, await readRelease(ports.records, model, champion.release));
  if (before !== undefined) return before;
  throw notFound(
    `"${model}" has no release before ${champion.release}: it was the first one`,
    `Name one: seawall rollback ${model} --to NUMBER`,
  );
}

/** The pointer keeps the last moves only; the run that made a release has pinned the champion that it was to replace. */
async function championOfItsRun(ports: Ports, release: ReleaseRecord): Promise<number | undefined> {
  return (await readPlan(ports.json, release.model, release.run)).champion?.release;
}

/** By the pointer's own moves, since a record alone does not say that it did; older moves are known from the run's record. */
async function everServed(ports: Ports, pointer: LivePointer, release: ReleaseRecord): Promise<boolean> {
  if (pointer.moves.some((move) => move.release === release.release)) return true;
  if (isWhole(pointer)) return false;
  const folder = keys.runRecords(pointer.model, release.run);
  const outcome = (await ports.records.newest<RunRecord>(folder))?.outcome;
  return outcome?.kind === 'released' && outcome.release === release.release;
}

/** Whether the pointer still has its first move. */
const isWhole = ({ moves }: LivePointer): boolean => moves[0]?.epoch === 1;

/** @throws SeawallError `NotFound` */
export async function readRelease(records: RecordStore, model: string, release: number): Promise<ReleaseRecord> {
  const record = await records.read<ReleaseRecord>(keys.releases(model), release);
  if (record) return record;
  throw notFound(`"${model}" has no release ${release}`, `List them: seawall status ${model}`);
}

export const notFound = (text: string, next: string): SeawallError => new SeawallError('NotFound', text, next);
