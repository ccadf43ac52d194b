/** Which windows are blocked, without reading every decision that was ever taken. */
import {
  type BlockedWindows,
  type DecisionRecord,
  keys,
  SeawallError,
  sequenceKey,
  sequenceOf,
  type Window,
} from '../contracts/index.js';
import type { JsonStore, RecordStore } from './ports.js';
import { mapSome } from './sequences.js';

/** Decisions are numbered without gaps and never change, so what they come to at a number is settled and can be kept. */
const SUMMARY_EVERY = 500;

interface Ports {
  json: JsonStore;
  records: RecordStore;
}

/**
 * Windows whose last decision is `block`, in order of time; a later revision that was judged otherwise lifts it. Reads at most 499
 * decisions above the newest summary. Where summaries are missing it writes them, so a call that is cut short is not lost.
 * @throws SeawallError `Corrupt`: a decision is gone
 */
export async function blockedWindows(ports: Ports, model: string): Promise<Window[]> {
  const newest = await ports.records.newest<DecisionRecord>(keys.decisions(model));
  if (!newest) return [];
  const summary = await newestSummary(ports.json, model, newest.seq);
  let windows = summary?.windows ?? [];
  for (let seq = summary?.seq ?? 0; seq < newest.seq; seq += SUMMARY_EVERY) {
    const upTo = Math.min(seq + SUMMARY_EVERY, newest.seq);
    windows = blockedAfter(windows, await readDecisions(ports.records, model, seq + 1, upTo));
    if (upTo === seq + SUMMARY_EVERY) await storeSummary(ports.json, { model, seq: upTo, windows });
  }
  return windows;
}

/** The windows that are blocked after `decisions`, which are oldest first, when those of `before` were blocked. */
export function blockedAfter(
  before: readonly Window[],
  decisions: Iterable<Pick<DecisionRecord, 'action' | 'window'>>,
): Window[] {
  const nameOf = ({ from, to }: Window): string => `${from}/${to}`;
  const blocked = new Map(before.map((window) => [nameOf(window), window]));
  for (const { action, window } of decisions) {
    if (!window) continue;
    if (action === 'block') blocked.set(nameOf(window), window);
    else blocked.delete(nameOf(window));
  }
  return [...blocked.values()].sort((a, b) => Date.parse(a.from) - Date.parse(b.from) || (a.to < b.to ? -1 : 1));
}

async function newestSummary(json: JsonStore, model: string, upTo: number): Promise<BlockedWindows | undefined> {
  let newest: string | undefined;
  for await (const { key } of json.list(`${keys.blockedWindows(model)}/`)) {
    const seq = sequenceOf(key);
    if (seq !== undefined && seq <= upTo) newest = key;
  }
  return newest === undefined ? undefined : (await json.read<BlockedWindows>(newest))?.value;
}

/** Whoever else writes it writes the same. */
async function storeSummary(json: JsonStore, summary: Omit<BlockedWindows, 'kind' | 'schema'>): Promise<void> {
  const document: BlockedWindows = { kind: 'blocked-windows', schema: 1, ...summary };
  await json.create(sequenceKey(keys.blockedWindows(summary.model), summary.seq), document);
}

async function readDecisions(records: RecordStore, model: string, from: number, to: number): Promise<DecisionRecord[]> {
  const seqs = Array.from({ length: to - from + 1 }, (_, i) => from + i);
  return mapSome(seqs, async (seq) => {
    const decision = await records.read<DecisionRecord>(keys.decisions(model), seq);
    if (decision) return decision;
    throw new SeawallError(
      'Corrupt',
      `Decision ${seq} of "${model}" is gone from ${keys.decisions(model)}: nobody can say which windows are blocked`,
      'Restore it from a backup of the bucket; until then no run is opened.',
    );
  });
}
