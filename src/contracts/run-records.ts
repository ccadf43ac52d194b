/** What training runs store: claims, plans, records, evidence; and what comes of them: releases, the live pointer, the audit log. */
import type { Metric, ModelConfig } from './config.js';
import type { RuleOutcome } from './decision-records.js';
import type { ModelPerformance } from './performance.js';
import type { Sequenced, Sha256 } from './records.js';

export interface RunClaim {
  kind: 'run-claim';
  schema: 1;
  model: string;
  n: number;
  workflowId: string;
  causeId: string;
  at: string;
}

/** Names the holdout from fetching on: the run's own records do so only once it is evaluated. */
export interface RunHoldout {
  kind: 'run-holdout';
  schema: 1;
  model: string;
  n: number;
  holdout: BlobRef & { rows: number };
}

export interface ChampionRef {
  release: number;
  sha256: Sha256;
}

/** What a run works on: pinned once, before anything is fetched. */
export interface RunPlan {
  kind: 'run-plan';
  schema: 1;
  model: string;
  n: number;
  configDigest: Sha256;
  config: ModelConfig;
  dataset: {
    name: string;
    version: Sha256;
    /** Paths; windows that the gate blocked are left out. */ include: string[];
    excluded: string[];
    /** Of the version's files only those count whose time reaches beyond this one; absent: all do. */ since?: string;
  };
  champion: ChampionRef | null;
  expectedEpoch: number;
  moveId: string;
  at: string;
}

export type RunPhase = 'opened' | 'fetching' | 'training' | 'evaluating' | 'awaitingApproval' | 'deploying' | 'ended';

export type RunOutcome =
  | { kind: 'released'; release: number; text: string }
  /** Evaluation, a person or the deadline said no; or the champion changed meanwhile. */
  | { kind: 'refused'; by: 'evaluation' | 'person' | 'deadline' | 'superseded'; text: string }
  | { kind: 'failed'; failure: string; text: string }
  | { kind: 'cancelled'; text: string }
  /** Claimed, never started. */
  | { kind: 'abandoned'; text: string };

export interface BlobRef {
  sha256: Sha256;
  size: number;
}

export interface TrainAttempt {
  attempt: number;
  /** null when the host died before it could say. */
  workerId: string | null;
  result: 'done' | 'lost' | 'failed' | 'cancelled';
  text: string;
}

export interface Approval {
  verdict: 'approved' | 'rejected' | 'expired' | 'automatic';
  by: string;
  reason: string | null;
  at: string;
  challenger: Sha256;
  evidence: Sha256;
}

/** Everything about a run, as far as it has come; a new revision at every phase. The newest is the truth. */
export interface RunRecord {
  kind: 'run';
  schema: 1;
  model: string;
  n: number;
  seq: number;
  causeId: string;
  workflowId: string;
  phase: RunPhase;
  outcome: RunOutcome | null;
  configDigest: Sha256 | null;
  dataset: { name: string; version: Sha256 } | null;
  champion: ChampionRef | null;
  attempts: TrainAttempt[];
  challenger: BlobRef | null;
  trainSeconds: number | null;
  device: string | null;
  evidence: Sha256 | null;
  evaluation: EvaluationSummary | null;
  approval: Approval | null;
  at: string;
}

/** A run of which nothing is known but who it is; `seq` 0 is no record yet. */
export function blankRun(
  who: Pick<RunRecord, 'model' | 'n' | 'workflowId' | 'causeId' | 'at'>,
): Omit<RunRecord, 'kind' | 'schema'> {
  return {
    ...who,
    seq: 0,
    phase: 'opened',
    outcome: null,
    configDigest: null,
    dataset: null,
    champion: null,
    attempts: [],
    challenger: null,
    trainSeconds: null,
    device: null,
    evidence: null,
    evaluation: null,
    approval: null,
  };
}

export interface EvaluationSummary {
  rows: number;
  metric: Metric;
  challenger: ModelPerformance;
  champion: ModelPerformance | null;
  /** Champion minus challenger for errors (log loss, Brier, RMSE, MAE), challenger minus champion for the others: positive is better. */
  gain: number | null;
  /** Paired 95 % interval of the gain; null where there is no champion or the metric has none yet. */
  gainInterval: [number, number] | null;
  /** How the interval was made. Absent: by an older version. */
  method?: 'bootstrap' | 'delong' | 'mcnemar';
  /** Of McNemar's test, two-sided. */
  pValue?: number;
  /** Every answer is the champion's. */
  identical?: true;
  /** Why the champion that there is could not be compared; a person must then approve. Absent: it was compared, or there is none. */
  notCompared?: string;
}

export interface SliceOutcome {
  /** As `origin = ORD`. */
  slice: string;
  rows: number;
  /** In the policy's metric. */
  champion: number | null;
  challenger: number | null;
  gain: number | null;
  error: number | null;
  /** Chance of so low a gain if the true one were just -margin. null: these rows give no number. */
  pValue: number | null;
  /** Surely worse than the margin, after Holm's correction. */
  worse: boolean;
}

export interface BehaviourOutcome {
  name: string;
  kind: 'invariance' | 'direction' | 'minimum';
  passed: boolean;
  /** Share of rows that kept it; of a `minimum` the answer. */
  value: number;
  text: string;
}

/** How a model does as a thing that serves, measured where it was evaluated: milliseconds compare within one evaluation only. */
export interface Servable {
  bytes: number;
  loadMs: number;
  /** Median time of a request of one row. */
  rowMs: number;
  /** Against the trainer's own answers. null: it left none. */
  parity: { rows: number; largestDifference: number } | null;
}

/** What approval binds to; a blob. */
export interface Evidence {
  kind: 'evidence';
  schema: 1;
  model: string;
  n: number;
  challenger: BlobRef;
  champion: ChampionRef | null;
  dataset: { name: string; version: Sha256 };
  /** `uses`: evaluations of this model on these very rows, and on rows by any rule; this one is counted. */
  holdout: BlobRef & { rows: number; rule: string; uses?: { rows: number; all: number } };
  /** The trainer's own answers, by which the challenger was checked. Absent: it left none. */
  parity?: BlobRef;
  /** Absent in evidence of an older version. */
  servable?: { challenger: Servable; champion: Servable | null };
  /** Expected calibration error. */
  calibrationError?: { challenger: number | null; champion: number | null };
  slices?: SliceOutcome[];
  behaviour?: BehaviourOutcome[];
  summary: EvaluationSummary;
  promotion: { promote: boolean; text: string; rules: RuleOutcome[]; evaluator: 'promotion/1' | 'promotion/2' };
  reference: Sha256;
  /** The same as HTML, with plots. */
  page?: BlobRef;
  at: string;
}

export interface ReleaseRecord extends Sequenced {
  kind: 'release';
  schema: 1;
  model: string;
  /** The release's number: the same integer in `_release`, `SeawallRelease` and `--json`. */
  release: number;
  artifact: BlobRef;
  dataset: { name: string; version: Sha256 };
  run: number;
  reference: Sha256;
  holdout: Sha256;
  evidence: Sha256;
  approval: Approval;
  at: string;
}

export interface PointerMove {
  moveId: string;
  epoch: number;
  release: number;
  by: string;
  reason: string;
  at: string;
}
/** `live.json`: names the champion. The epoch rises by one with every move. */
export interface LivePointer {
  kind: 'live';
  schema: 1;
  model: string;
  epoch: number;
  champion: ChampionRef;
  /** The last 32, oldest first. */
  moves: PointerMove[];
}

/** `moves/<epoch>.json`: the pointer as it was after that move, kept before the next one. */
export interface MoveRecord extends PointerMove {
  kind: 'pointer-move';
  schema: 1;
  model: string;
  sha256: Sha256;
}

export interface AuditRecord extends Sequenced {
  kind: 'audit';
  schema: 1;
  /** Empty in the log of a pool. */
  model: string;
  pool?: string;
  /** Workflow that the message went to. */
  to: string;
  /** Message name, as `approve`. */
  message: string;
  messageId: string;
  by: string;
  reason: string | null;
  accepted: boolean;
  /** What came of it, or why it was refused. */
  result: string;
  /** The loop's standing orders after the message. */
  standing: { paused: boolean; pinned: boolean } | null;
  at: string;
}
