/** The model loop's memory: what it carries across continue-as-new and rebuilds from object storage when it is born again. */
import type {
  Answer,
  Champion,
  DecisionSummary,
  GateDecision,
  Incident,
  LoopMessage,
  LoopSeed,
  LoopStatus,
  Observation,
  OpenRun,
  OpenWindow,
  Orders,
  ReportSummary,
  RunOutcome,
  Standing,
} from '../../contracts/index.js';
import type { ReservedRun, WaitingRun } from './loop-budget.js';

/** `decidedUpTo`: the newest decision when the report was made; unknown for what another loop has left. */
export interface PendingReport {
  key: string;
  decidedUpTo?: number;
}

/** A decision that bought a run. */
export type PendingRetrain = Pick<DecisionSummary, 'seq' | 'reason'>;

export interface LoopState {
  now: string | null;
  configSeq: number;
  configDigest: string;
  standing: Standing;
  /** Absent in the memory of a loop from before there was such a thing; so is `incident`, until the gate tells of one. */
  orders?: Orders;
  incident?: Incident | null;
  champion: Champion | null;
  datasetVersion: string | null;
  openRuns: OpenRun[];
  lastRun: { n: number; outcome: RunOutcome } | null;
  monitoredTo: string | null;
  openWindows: OpenWindow[];
  /** Reports that the gate has not judged yet; only its decision removes them. */
  pendingReports: PendingReport[];
  /** Retrain decisions whose run is not started yet. */
  pendingRetrains: PendingRetrain[];
  /** Runs that a ledger has a say in; absent where none ever had. */
  waiting?: WaitingRun[];
  reserved?: ReservedRun[];
  /** Decisions whose run was abandoned before it began and was started again: once is enough. */
  restarted: number[];
  lastRetrainAt: string | null;
  lastReport: ReportSummary | null;
  lastDecision: DecisionSummary | null;
  /** The dataset version for which a first model was already asked for: once per version is enough. */
  firstAskedFor: string | null;
  /** See `Observation`; absent in the memory of a loop from before there was such a thing. */
  unlearntVersion?: string | null;
  /** The dataset version, and the champion, of which the gate was asked whether it warrants a retrain. */
  datasetAskedFor?: string;
  /** Whether windows have become final whose rows may not be in the dataset yet; undefined: the model does not learn from its logs. */
  logsDue?: boolean | undefined;
  seen: { messageId: string; answer: Answer }[];
  searchAttributes: boolean;
}

const NO_ORDERS: Orders = { paused: null, pinned: null };

/** Message ids that are remembered; a sender's retry comes within minutes, not after 200 other messages. */
const SEEN_LIMIT = 200;

export function fromSeed(seed: LoopSeed): LoopState {
  const { seenMessageIds, ...rest } = seed;
  const answer: Answer = { accepted: true, text: 'already received; the audit log says what came of it' };
  return {
    ...rest,
    now: null,
    datasetVersion: null,
    lastReport: seed.lastReport ?? null, // a seed in a history of 0.1.0 has none
    lastRun: null,
    restarted: [],
    firstAskedFor: null,
    seen: seenMessageIds.map((messageId) => ({ messageId, answer })),
  };
}

export function afterObservation(state: LoopState, seen: Observation): LoopState {
  const again = abandonedDecisions(state, seen);
  return {
    ...state,
    pendingRetrains: [...state.pendingRetrains, ...again],
    restarted: [...state.restarted, ...again.map(({ seq }) => seq)].slice(-SEEN_LIMIT),
    now: seen.now,
    configSeq: seen.configSeq,
    configDigest: seen.configDigest,
    champion: seen.champion,
    datasetVersion: seen.datasetVersion,
    unlearntVersion: seen.unlearntVersion ?? null,
    logsDue: seen.learnsFromLogs ? logsDue(state, seen) : undefined,
    openRuns: seen.openRuns,
    lastRun: seen.endedRuns.at(-1) ?? state.lastRun,
    monitoredTo: seen.monitoredTo,
    openWindows: seen.openWindows,
    pendingReports: [
      ...state.pendingReports,
      ...seen.reports.map(({ key }) => ({ key, decidedUpTo: state.lastDecision?.seq ?? 0 })),
    ],
    lastReport: seen.reports.at(-1) ?? state.lastReport,
  };
}

/**
 * A loop that has just begun to learn from its logs does not know which windows are in the dataset; somebody else's version may have
 * left some out.
 */
const logsDue = (state: LoopState, seen: Observation): boolean =>
  state.logsDue !== false ||
  seen.datasetVersion !== state.datasetVersion ||
  seen.reports.some(({ status }) => status === 'final');

/** A run that never began leaves its decision to be carried out: under another number, and once. */
function abandonedDecisions(state: LoopState, seen: Observation): PendingRetrain[] {
  return seen.endedRuns.flatMap(({ n, outcome }) => {
    const cause = state.openRuns.find((run) => run.n === n)?.causeId ?? '';
    const seq = Number(/^decision\/(\d+)$/.exec(cause)?.[1] ?? 0);
    if (outcome.kind !== 'abandoned' || seq === 0 || state.restarted.includes(seq)) return [];
    return [{ seq, reason: `run ${n} was abandoned: ${outcome.text}` }];
  });
}

/** `judged`: the reports that were asked about. */
export function afterDecisions(state: LoopState, answers: GateDecision[], judged: { key: string }[]): LoopState {
  const decisions = answers.map(({ incident: _, ...decision }): DecisionSummary => decision);
  const incident = answers.findLast((answer) => answer.incident !== undefined)?.incident;
  // The first champion is not a retrain: no cooldown begins with it.
  const retrain = decisions.find(({ action, trigger }) => action === 'retrain' && trigger !== 'firstModel');
  const keys = new Set(judged.map(({ key }) => key));
  return {
    ...state,
    pendingReports: state.pendingReports.filter(({ key }) => !keys.has(key)),
    pendingRetrains: [...state.pendingRetrains, ...decisions.filter(({ action }) => action === 'retrain')],
    lastDecision: decisions.at(-1) ?? state.lastDecision,
    lastRetrainAt: retrain ? retrain.at : state.lastRetrainAt,
    // What an old gate answered says nothing of incidents: a replay of it must show what was shown then.
    ...(incident === undefined ? {} : { incident }),
  };
}

/** The decision's run is started. */
export function withOpenRun(state: LoopState, run: OpenRun, decision: PendingRetrain): LoopState {
  const pendingRetrains = state.pendingRetrains.filter(({ seq }) => seq !== decision.seq);
  return { ...state, pendingRetrains, openRuns: [...state.openRuns.filter((open) => open.n !== run.n), run] };
}

/** Standing orders take effect when they arrive; the others are carried out by the loop in turn. `at`: wall clock. */
export function applyStanding(
  state: LoopState,
  message: Extract<LoopMessage, { name: 'pause' | 'resume' | 'pin' | 'unpin' }>,
  at: string,
): { state: LoopState; answer: Answer } {
  const was = state.standing;
  const standing = { ...was };
  const orders = { ...(state.orders ?? NO_ORDERS) };
  const given = message.name === 'pause' || message.name === 'pin';
  const what = message.name === 'pause' || message.name === 'resume' ? 'paused' : 'pinned';
  standing[what] = given;
  orders[what] = given ? { by: message.by, reason: message.reason, at } : null;
  const changed = standing.paused !== was.paused || standing.pinned !== was.pinned;
  // A run that is open still releases: the gate, which heeds a pin, has already said yes to it.
  const open =
    standing.pinned && state.openRuns[0]
      ? `; run ${state.openRuns[0].n} is open and may still release: cancel it if it should not`
      : '';
  const now = `${standing.paused ? 'paused' : 'running'}, ${standing.pinned ? 'champion pinned' : 'not pinned'}${open}`;
  return {
    state: { ...state, standing, orders },
    answer: { accepted: true, text: changed ? now : `nothing to change: ${now}` },
  };
}

/** The answer that a message with this id already got; undefined when it is new. */
export function earlierAnswer(state: LoopState, messageId: string): Answer | undefined {
  return state.seen.find((entry) => entry.messageId === messageId)?.answer;
}

export function remember(state: LoopState, messageId: string, answer: Answer): LoopState {
  const others = state.seen.filter((entry) => entry.messageId !== messageId);
  return { ...state, seen: [...others, { messageId, answer }].slice(-SEEN_LIMIT) };
}

/** Whether the gate should be asked for a first model: data are there, a champion is not, and nobody asked for this version. */
export function wantsFirstModel(state: LoopState): boolean {
  return (
    state.champion === null &&
    state.datasetVersion !== null &&
    state.openRuns.length === 0 &&
    !state.standing.paused &&
    !state.standing.pinned &&
    state.firstAskedFor !== state.datasetVersion
  );
}

/**
 * Whether the gate should be asked what a changed dataset warrants: once per version and champion, and not while something stands in
 * the way that passes. What the cooldown holds back comes up again with the next window.
 */
export function wantsDatasetDecision(state: LoopState): boolean {
  return (
    state.champion !== null &&
    (state.unlearntVersion ?? null) !== null &&
    state.openRuns.length === 0 &&
    state.pendingRetrains.length === 0 &&
    !state.standing.paused &&
    !state.standing.pinned &&
    state.datasetAskedFor !== datasetQuestion(state)
  );
}

export const datasetQuestion = ({ unlearntVersion, champion }: LoopState): string =>
  `${unlearntVersion}/${champion?.release}`;

/** What is wrong comes before what somebody ordered: a pause must not hide broken data from who looks at the list. */
function stateOf(state: LoopState): LoopStatus['state'] {
  if (state.incident) return 'incident';
  if (state.standing.paused) return 'paused';
  const waiting = state.waiting?.length ?? 0;
  if (state.openRuns.length > waiting) return 'training';
  return waiting > 0 ? 'awaitingBudget' : 'watching';
}

/** How the loop stands besides its memory. */
export interface LoopSituation {
  stopped: boolean;
  problem: string | null;
  windows: number;
  lookedAt: string | null;
}

export function statusOf(
  model: string,
  state: LoopState | null,
  { stopped, problem, windows, lookedAt }: LoopSituation,
): LoopStatus {
  return {
    model,
    state: stopped ? 'stopped' : problem !== null ? 'blocked' : state ? stateOf(state) : 'starting',
    problem,
    now: state?.now ?? null,
    lookedAt,
    champion: state?.champion ?? null,
    configSeq: state?.configSeq ?? 0,
    standing: state?.standing ?? { paused: false, pinned: false },
    orders: state?.orders ?? NO_ORDERS,
    incident: state?.incident ?? null,
    openRuns: state?.openRuns.map((run) => run.n) ?? [],
    runs: state?.openRuns ?? [],
    waitsForBudget: (state?.waiting ?? []).map(({ run, price, answer }) => ({
      n: run.n,
      pool: price.pool,
      gpuMs: price.gpuMs,
      position: answer?.position ?? null,
      text: answer?.text ?? 'the ledger has not answered yet',
    })),
    lastRun: state?.lastRun ?? null,
    monitoredTo: state?.monitoredTo ?? null,
    lastReport: state?.lastReport ?? null,
    lastDecision: state?.lastDecision ?? null,
    windowsSinceStart: windows,
  };
}
