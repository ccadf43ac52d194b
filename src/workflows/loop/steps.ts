/** Looking and deciding. */
import { ActivityFailure, isCancellation, log, patched } from '@temporalio/workflow';
import { type GateDecision, type Incident, type Observation, toIso } from '../../contracts/index.js';
import {
  afterDecisions,
  afterObservation,
  datasetQuestion,
  type LoopState,
  wantsDatasetDecision,
  wantsFirstModel,
} from '../../domain/reducers/loop-state.js';
import { commitLogs, gate, observe } from '../steps.js';
import { type Loop, stateOf } from './loop.js';

/** One look at storage: what ended, what is due, what is new; monitors the due windows. */
export async function look(loop: Loop): Promise<Observation> {
  loop.hinted = false; // what is hinted from here on is for the next look
  const { monitoredTo, openWindows, openRuns } = stateOf(loop);
  const seen = await observe({ model: loop.model, monitoredTo, openWindows, openRuns });
  loop.state = afterObservation(stateOf(loop), seen);
  loop.windows += seen.reports.length;
  loop.lookedAt = toIso(Date.now());
  loop.show();
  return seen;
}

/** A loop that comes back after long decides in bites that fit the step's time. */
const REPORTS_AT_ONCE = 20;

/** The gate's decision on each report that has none; its results are in history, so changed thresholds alter no replay. */
export async function decidePending(loop: Loop): Promise<void> {
  const reports = stateOf(loop).pendingReports.slice(0, REPORTS_AT_ONCE);
  if (reports.length === 0) return;
  const known = reports.map(({ decidedUpTo }) => decidedUpTo ?? 0);
  await asked(loop, { reports: reports.map(({ key }) => ({ key })), first: false, decidedUpTo: Math.min(...known) });
}

/**
 * Where a model learns from its logs, windows that have become final are added to its dataset: before a run is started, so that it
 * learns from them. What the gate has not judged yet may be broken and waits. Returns the failure of the commit: it is shown after
 * the cycle, and stops neither a start nor what people ask.
 */
export async function learnFromLogs(loop: Loop): Promise<ActivityFailure | null> {
  const { logsDue, pendingReports } = stateOf(loop);
  if (!logsDue || pendingReports.length > 0) return null;
  const committed = await commitLogs({ model: loop.model }).catch((error: unknown) => {
    if (isCancellation(error) || !(error instanceof ActivityFailure) || !patched('logs-stop-nothing')) throw error;
    return error;
  });
  if (committed instanceof ActivityFailure) return committed;
  const { version } = committed;
  loop.state = { ...stateOf(loop), logsDue: false };
  if (version === null) return null;
  // The dataset has changed, and nobody else will say so: what is new in it is asked about when it has been looked at.
  loop.hinted = true;
  loop.state = { ...stateOf(loop), datasetVersion: version, unlearntVersion: null };
  return null;
}

/** Where there is no champion, the first model is asked for once per dataset version. */
export async function decideFirstModel(loop: Loop): Promise<void> {
  const state = stateOf(loop);
  if (!wantsFirstModel(state)) return;
  await asked(loop, { reports: [], first: true });
  loop.state = { ...stateOf(loop), firstAskedFor: state.datasetVersion };
}

/** Where the owner has named a price for new data, a changed dataset is decided on without waiting for a window. */
export async function decideDataset(loop: Loop): Promise<void> {
  const state = stateOf(loop);
  if (!wantsDatasetDecision(state)) return;
  await asked(loop, { reports: [], first: false, dataset: true });
  loop.state = { ...stateOf(loop), datasetAskedFor: datasetQuestion(state) };
}

/** Asks the gate with what the loop knows. */
export async function asked(
  loop: Loop,
  about: {
    reports: { key: string }[];
    first: boolean;
    dataset?: boolean;
    decidedUpTo?: number;
    request?: { messageId: string; by: string; reason: string | null; force: boolean };
  },
): Promise<GateDecision[]> {
  const { incident } = stateOf(loop);
  const decisions = await gate({ model: loop.model, request: null, ...about, ...contextOf(stateOf(loop)) });
  loop.state = afterDecisions(stateOf(loop), decisions, about.reports);
  loop.show();
  tellOfIncidents(incident ?? null, decisions);
  return decisions;
}

/** Once when an incident begins, once when it ends; the log is not written in a replay. */
function tellOfIncidents(before: Incident | null, decisions: GateDecision[]): void {
  let open = before;
  for (const { incident } of decisions) {
    if (incident === undefined) continue;
    if (incident && !open) log.warn('a data incident begins', { ...incident });
    if (!incident && open) log.info('the data incident has ended', { ...open });
    open = incident;
  }
}

function contextOf(state: LoopState) {
  return {
    now: state.now ?? '',
    openRun: state.openRuns[0]?.n ?? null,
    standing: state.standing,
    lastRetrainAt: state.lastRetrainAt,
    incident: state.incident,
  };
}
