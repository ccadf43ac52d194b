/** What a run's attempts used of their devices: written by the host that trains, read when the ledger settles. */
import { randomUUID } from 'node:crypto';
import { type GpuUse, keys, type RunRecord } from '../../contracts/index.js';
import type { JsonStore, RecordStore } from '../ports.js';
import { mapSome } from '../sequences.js';

type Attempt = Pick<GpuUse, 'model' | 'n' | 'attempt' | 'device'>;

export interface Use {
  endKey: string;
  ended: (seconds: number) => GpuUse;
}

/** Says that an attempt takes a device; `endUse` says that it has let it go. */
export async function beginUse(json: JsonStore, attempt: Attempt): Promise<Use> {
  // A name of its own: a workflow that was reset counts its attempts from 1 again, and they cost again.
  const stem = `${keys.runUse(attempt.model, attempt.n)}${attempt.attempt}-${randomUUID()}`;
  const use = (seconds: number | null): GpuUse => ({
    kind: 'gpu-use',
    schema: 1,
    ...attempt,
    devices: 1,
    seconds,
    at: new Date().toISOString(),
  });
  await json.create(`${stem}.started.json`, use(null));
  return { endKey: `${stem}.ended.json`, ended: use };
}

/** A host that cannot say it now is counted up to the run's next record: that must not cost a model that is trained. */
export async function endUse(json: JsonStore, { endKey, ended }: Use, seconds: number): Promise<void> {
  try {
    await json.create(endKey, ended(seconds));
  } catch {
    // Said above.
  }
}

/**
 * Device time of all attempts of a run, in milliseconds. An attempt whose host died could not say when it ended: it is counted up to
 * the run's next record, or up to `nowMs` where there is none.
 */
export async function usedMs(
  { json, records }: { json: JsonStore; records: RecordStore },
  model: string,
  n: number,
  nowMs: number,
): Promise<number> {
  const found: string[] = [];
  for await (const { key } of json.list(keys.runUse(model, n))) found.push(key);
  const ended = new Set(
    found.filter((key) => key.endsWith('.ended.json')).map((key) => key.replace(/\.ended\.json$/, '')),
  );
  const whole = await mapSome([...ended], async (stem) => (await json.read<GpuUse>(`${stem}.ended.json`))?.value);
  const open = found.filter((key) => key.endsWith('.started.json') && !ended.has(key.replace(/\.started\.json$/, '')));
  const begun = await mapSome(open, async (key) => (await json.read<GpuUse>(key))?.value);
  let sum = 0;
  for (const use of whole) sum += (use?.seconds ?? 0) * 1000 * (use?.devices ?? 1);
  if (begun.length > 0) {
    const times: number[] = [];
    for await (const { at } of records.list<RunRecord>(keys.runRecords(model, n))) times.push(Date.parse(at));
    for (const use of begun) {
      const startMs = Date.parse(use?.at ?? '');
      const endMs = Math.min(nowMs, ...times.filter((ms) => ms > startMs));
      sum += Math.max(0, endMs - startMs) * (use?.devices ?? 1);
    }
  }
  return Math.ceil(sum);
}
