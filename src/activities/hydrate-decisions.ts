/** What the gate has said, and what of it was never done. */
import { type DecisionRecord, type DecisionSummary, keys, type LoopSeed } from '../contracts/index.js';
import { createIncidentFinder } from './incident.js';
import type { JudgeableReport } from './hydrate-windows.js';
import type { RecordStore } from './ports.js';
import type { KnownRun } from './run-index.js';
import { newestFirst } from './sequences.js';

/** A decision to retrain that nobody has acted on is one of the last; with older ones the data have moved on. */
const LOOK_BACK = 400;
/** Where a report's decision is not among so many, the gate is asked again: it finds the decision by its cause. */
const LOOK_BACK_FOR_REPORTS = 4000;

export interface Decided extends Pick<LoopSeed, 'lastDecision' | 'lastRetrainAt' | 'incident'> {
  /** Those of the given reports on which there is no decision, in their order. */
  undecided: JudgeableReport[];
  /** The newest decision to retrain, the first model's included. */
  lastRetrain: DecisionSummary | null;
}

/**
 * Reads decisions, newest first, only as far back as needed. The cooldown begins at a retrain, and not with the first model's: that
 * one replaces nothing, and a bad one should be replaced soon.
 */
export async function readDecided(
  records: RecordStore,
  model: string,
  reports: readonly JudgeableReport[],
): Promise<Decided> {
  const undecided = new Map(reports.map((report) => [report.causeId, report]));
  let newest: DecisionRecord | undefined;
  let oldest: DecisionRecord | undefined;
  let lastRetrain: DecisionRecord | undefined;
  let lastCooldown: DecisionRecord | undefined;
  const incident = createIncidentFinder();
  let read = 0;
  for await (const decision of newestFirst<DecisionRecord>(records, keys.decisions(model))) {
    read += 1;
    newest ??= decision;
    oldest = decision;
    undecided.delete(decision.causeId);
    const incidentKnown = incident.add(decision);
    if (decision.action === 'retrain') {
      lastRetrain ??= decision;
      if (decision.trigger !== 'firstModel') lastCooldown ??= decision;
    }
    const retrainKnown = lastCooldown !== undefined || read >= LOOK_BACK;
    if (retrainKnown && incidentKnown && (undecided.size === 0 || read >= LOOK_BACK_FOR_REPORTS)) break;
  }
  return {
    undecided: [...undecided.values()],
    lastDecision: newest ? summaryOf(newest) : null,
    incident: incident.found(),
    lastRetrain: lastRetrain ? summaryOf(lastRetrain) : null,
    lastRetrainAt: lastCooldown ? lastCooldown.at : knownBefore(oldest),
  };
}

/** Where no retrain was met, the gate knew at the oldest decision that was read when the last one had been. */
const knownBefore = (oldest: DecisionRecord | undefined): string | null =>
  oldest && oldest.seq > 1 ? oldest.context.lastRetrainAt : null;

/** The decision, when no run of it ever began: claimed by nobody, or claimed and never opened. */
export function retrainToStart(lastRetrain: DecisionSummary | null, runs: readonly KnownRun[]): DecisionSummary[] {
  if (!lastRetrain) return [];
  const own = runs.filter(({ causeId }) => causeId === `decision/${lastRetrain.seq}`);
  const began = own.some(({ record }) => record !== undefined && record.outcome?.kind !== 'abandoned');
  return began ? [] : [lastRetrain];
}

export function summaryOf(record: DecisionRecord): DecisionSummary {
  const { seq, action, trigger, reason, window, revision, at } = record;
  return { seq, action, trigger, reason, window, revision, at };
}
