/** Which runs there are: everything that was ever claimed, and how far each has come. */
import { keys, type OpenRun, type RunClaim, type RunRecord, sequenceKey } from '../contracts/index.js';
import type { JsonStore } from './ports.js';

/** A run by its claim: `causeId` is why it was claimed, whoever wrote its newest record. */
export interface KnownRun extends OpenRun {
  /** The newest; undefined: claimed, and nothing was recorded yet. */
  record: RunRecord | undefined;
}

/** The cause of a record that the loop writes for a run whose workflow cannot. */
export const closingCause = (workflowId: string): string => `closed/${workflowId}`;

/** Every run number that was claimed or used, in order, with the number of its newest record (0: none). Lists only. */
export async function listRuns(json: JsonStore, model: string): Promise<{ n: number; newestSeq: number }[]> {
  const newestSeq = new Map<number, number>();
  for await (const { key } of json.list(keys.runs(model))) {
    const match = /^(\d+)\/(?:claim|record\/(\d{8}))\.json$/.exec(key.slice(keys.runs(model).length));
    if (!match) continue;
    const n = Number(match[1]);
    newestSeq.set(n, Math.max(newestSeq.get(n) ?? 0, Number(match[2] ?? 0)));
  }
  return [...newestSeq].map(([n, seq]) => ({ n, newestSeq: seq })).sort((a, b) => a.n - b.n);
}

/** At most two reads: the newest record, and the claim where the record does not say why the run was claimed. */
export async function readRun(
  json: JsonStore,
  model: string,
  { n, newestSeq }: { n: number; newestSeq: number },
): Promise<KnownRun | undefined> {
  const key = sequenceKey(keys.runRecords(model, n), newestSeq);
  const record = newestSeq > 0 ? (await json.read<RunRecord>(key))?.value : undefined;
  const saysWhy = record !== undefined && record.causeId !== closingCause(record.workflowId);
  const owner = saysWhy ? record : ((await json.read<RunClaim>(keys.runClaim(model, n)))?.value ?? record);
  return owner && { n, workflowId: owner.workflowId, causeId: owner.causeId, record };
}
