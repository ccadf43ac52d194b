/** What workflows hand to activities and get back: references and small summaries, never data. */
import type { Price } from './budget.js';
import type { ModelConfig } from './config.js';
import type { Action, Trigger } from './decision-records.js';
import type { Sha256, Window } from './records.js';
import type {
  Approval,
  AuditRecord,
  BlobRef,
  ChampionRef,
  EvaluationSummary,
  RunOutcome,
  RunPhase,
  RunRecord,
} from './run-records.js';

// ── The loop ────────────────────────────────────────────────────────────────────────────────────────────────────────

/** A window whose verdict is not final yet. */
export interface OpenWindow extends Window {
  revision: number;
  labelObjects: number;
  /** What of the logs was seen, as one digest (see `MonitorReport.seen`); absent: not known, so they are looked through. */
  seen?: string;
}
export interface OpenRun {
  n: number;
  workflowId: string;
  /** Why it was claimed; a claim that was never started is started with the same cause. */
  causeId: string;
  /** How far it had come at the last look; absent: nobody has looked yet. */
  progress?: RunProgress;
}
/** Claimed for a decision of the gate. */
export interface ClaimedRun extends OpenRun {
  /** What must be reserved before it is started; absent: its pool has no ledger. */
  price?: Price;
}
export interface RunProgress {
  /** `awaitingBudget`: claimed, and not started before its pool's ledger says so. */
  phase: RunPhase | 'awaitingBudget';
  /** When it entered the phase; wall clock. */
  since: string;
  /** Until when a person is asked, holds included; null: nobody is, or the run did not answer just now. */
  deadlineAt: string | null;
}
export interface Standing {
  paused: boolean;
  pinned: boolean;
}
/** Who gave a standing order, and when (wall clock). */
export interface Order {
  by: string;
  reason: string | null;
  at: string;
}
/** Of the orders that stand; null: it does not, or nobody knows who gave it. */
export interface Orders {
  paused: Order | null;
  pinned: Order | null;
}

/** The champion, and since when it is live and by whom, where that is known. */
export interface Champion extends ChampionRef {
  epoch: number;
  since?: string;
  by?: string;
}

/**
 * Broken data: the newest windows were blocked by the gate. It begins with the first of them and ends when a newer window is decided
 * otherwise. Derived from the decisions, and nowhere stored.
 */
export interface Incident {
  /** Begin of the first of its windows and end of the last, in the model's clock. */
  since: string;
  to: string;
  /** How many windows. */
  windows: number;
  /** What is broken, and what to do: the reason of the newest decision. */
  text: string;
}

/** What a loop without memory reads from object storage. */
export interface LoopSeed {
  configSeq: number;
  configDigest: Sha256;
  standing: Standing;
  orders: Orders;
  seenMessageIds: string[];
  /** Runs whose record has no outcome. */
  openRuns: OpenRun[];
  /** End of the newest monitored window; null: none yet. */
  monitoredTo: string | null;
  openWindows: OpenWindow[];
  lastRetrainAt: string | null;
  /** Reports that nobody has decided on: the loop before this one ended between looking and deciding. In order of time. */
  pendingReports: { key: string }[];
  /** The newest retrain decision, when no run of it was ever started; at most one. */
  pendingRetrains: DecisionSummary[];
  champion: Champion | null;
  /** Newest decision and monitored window, for the status. */
  lastDecision: DecisionSummary | null;
  lastReport: ReportSummary | null;
  incident: Incident | null;
  /** Whether the namespace has Seawall's search attributes. */
  searchAttributes: boolean;
}

export interface ObserveInput {
  model: string;
  monitoredTo: string | null;
  openWindows: OpenWindow[];
  openRuns: OpenRun[];
}
/** One look at everything that lies in storage; monitors the windows that are due (at most a few per call). */
export interface Observation {
  /** The model's clock: the feed's watermark (before the first one: the windows' anchor), or the wall. */
  now: string;
  /** The newest configuration; adopted at the next window. */
  configSeq: number;
  configDigest: Sha256;
  champion: Champion | null;
  /** Of the dataset that the model follows: its head, or what is pinned or tagged. */
  datasetVersion: Sha256 | null;
  /**
   * Set when the gate must hear of this version: a changed dataset can warrant a retrain, and the champion has not learnt from it.
   * Absent in looks from before there was such a policy.
   */
  unlearntVersion?: Sha256 | null;
  /** Windows whose labels are there become training data. */
  learnsFromLogs?: boolean;
  reports: ReportSummary[];
  /** More windows are due than one call does. */
  more: boolean;
  monitoredTo: string | null;
  openWindows: OpenWindow[];
  /** Runs that have ended meanwhile, as their records say: of the input, and others that this look had to close. */
  endedRuns: { n: number; outcome: RunOutcome }[];
  /** All runs that are open now: those of the input, and those that somebody started without the loop. */
  openRuns: OpenRun[];
  /** With the wall clock: when the next window is due, in milliseconds from now; null with the feed's clock. */
  nextDueInMs: number | null;
}
export interface ReportSummary {
  key: string;
  window: Window;
  revision: number;
  status: 'provisional' | 'final';
  rows: number;
  labelMaturity: number;
  /** One line for a person. */
  text: string;
}

export interface GateInput {
  model: string;
  now: string;
  /** Reports to judge, in order; empty with a request or when there is no champion. */
  reports: { key: string }[];
  /** No decision on one of `reports` has this number or a lower one. It spares a cold worker the reading of older decisions. */
  decidedUpTo?: number;
  /** A person's `retrain`. */
  request: { messageId: string; by: string; reason: string | null; force: boolean } | null;
  /** Asks for the first model where there is no champion. */
  first: boolean;
  /** Asks about the dataset version that the champion has not learnt from. */
  dataset?: boolean;
  openRun: number | null;
  standing: Standing;
  lastRetrainAt: string | null;
  /** The data incident that the loop knows of; absent: it does not know, and the decisions are read. */
  incident?: Incident | null;
}
export interface DecisionSummary {
  seq: number;
  action: Action;
  trigger: Trigger;
  reason: string;
  window: Window | null;
  revision: number | null;
  at: string;
}
/** What the gate answers. */
export interface GateDecision extends DecisionSummary {
  /** The data incident after this decision; absent in answers that were given before there were incidents. */
  incident?: Incident | null;
}

/** What a step has added to the model's dataset; version null: nothing was missing. */
export interface CommittedLogs {
  version: Sha256 | null;
  windows: number;
  rows: number;
}

export interface ClaimInput {
  model: string;
  /** `decision/<seq>`: the same cause gets the same run number. */
  causeId: string;
}

export interface RollbackInput {
  model: string;
  moveId: string;
  expectedEpoch: number;
  toRelease: number | null;
  by: string;
  reason: string | null;
}
export interface PointerResult extends ChampionRef {
  epoch: number;
}

export type AuditInput = Omit<AuditRecord, 'kind' | 'schema' | 'seq' | 'causeId'>;

// ── The training run ────────────────────────────────────────────────────────────────────────────────────────────────

/** Input of the workflow `trainingRun`, whose id must be `train/<model>/<n>`. */
export interface TrainingRunInput {
  model: string;
  /** Why; a run that a person starts by hand may leave it out. */
  causeId?: string;
  /** The same in words. */
  why?: string;
}

export interface OpenRunInput {
  model: string;
  n: number;
  workflowId: string;
  causeId: string;
}
/** The run's plan in short; the whole lies at `runs/<n>/plan.json`. */
export interface OpenedRun {
  pool: string;
  maxAttempts: number;
  timeoutMs: number;
  graceMs: number;
  approvalDeadlineMs: number;
  configDigest: Sha256;
  dataset: { name: string; version: Sha256; files: number };
  champion: ChampionRef | null;
  expectedEpoch: number;
  moveId: string;
  searchAttributes: boolean;
}

export interface RunRef {
  model: string;
  n: number;
}
export interface FetchedData {
  workerId: string;
  files: number;
  bytes: number;
  /** Rows the trainer may learn from, and rows held out. */
  trainRows: number;
  holdout: BlobRef & { rows: number };
}
export interface TrainInput extends RunRef {
  attempt: number;
}
export interface TrainedModel {
  workerId: string;
  model: BlobRef;
  /** Rows with the trainer's own answers; absent: it left none. */
  parity?: BlobRef;
  trainSeconds: number;
  device: string;
}
/** Heartbeat details of `train`. */
export interface TrainProgress {
  progress: number | null;
  step: number | null;
  loss: number | null;
  workerId: string;
}

export interface EvaluateInput extends RunRef {
  challenger: BlobRef;
  parity?: BlobRef;
  holdout: BlobRef & { rows: number };
}
export interface Evaluated {
  evidence: Sha256;
  summary: EvaluationSummary;
  promotion: { promote: boolean; text: string; /** When promoted: who must agree. */ approval: 'automatic' | 'person' };
}

export interface DeployInput extends RunRef {
  challenger: BlobRef;
  evidence: Sha256;
  approval: Approval;
  moveId: string;
  expectedEpoch: number;
}

/** The record's content, as the workflow knows it; the activity adds kind and schema. */
export type RecordRunInput = Omit<RunRecord, 'kind' | 'schema'>;

export type { ModelConfig };
