/** The JSON documents that Seawall keeps in object storage. Every one has `kind` and `schema`. */
import type { ModelConfig } from './config.js';

export type Sha256 = string;
export interface Window {
  /** Inclusive, ISO 8601 UTC. */
  from: string;
  /** Exclusive. */
  to: string;
}

/** At the prefix's root: prefix and Temporal namespace belong together. */
export interface RootRecord {
  kind: 'seawall';
  schema: 1;
  namespace: string;
  createdAt: string;
}

/** A record in a numbered folder. The same `causeId` twice is the same record. */
export interface Sequenced {
  seq: number;
  causeId: string;
}

export interface ConfigRevision extends Sequenced {
  kind: 'model-config';
  schema: 1;
  /** SHA-256 of the canonical JSON of `config`. */
  digest: Sha256;
  config: ModelConfig;
  by: string;
  at: string;
}

export interface ManifestFile {
  /** Relative, `/`-separated, sorted by UTF-16 code unit. */
  path: string;
  size: number;
  sha256: Sha256;
}
/** A dataset version; its id is the SHA-256 of its canonical JSON, so equal files are equal versions anywhere. */
export interface Manifest {
  kind: 'dataset-version';
  schema: 1;
  files: ManifestFile[];
}
export interface DatasetHead {
  kind: 'dataset-head';
  schema: 1;
  name: string;
  version: Sha256;
  previous: Sha256 | null;
  /** Counts the moves of the head. */
  seq: number;
  by: string;
  at: string;
}

export interface Watermark {
  kind: 'watermark';
  schema: 1;
  completeTo: string;
  at: string;
}

// ── Monitoring ──────────────────────────────────────────────────────────────────────────────────────────────────────

export interface NumericProfile {
  kind: 'numeric';
  name: string;
  rows: number;
  nulls: number;
  min: number | null;
  max: number | null;
  /** Ascending inner bin edges (quantiles of the reference); bin i holds edges[i-1] <= x < edges[i]. */
  edges: number[];
  /** edges.length + 1 counts. */
  counts: number[];
}
export interface CategoricalProfile {
  kind: 'categorical';
  name: string;
  rows: number;
  nulls: number;
  /** The most frequent categories; the rest is `other`. */
  categories: { value: string; count: number }[];
  other: number;
  /** Every category of the reference that is known, up to a limit; null above it. */
  known: string[] | null;
}
export type ColumnProfile = NumericProfile | CategoricalProfile;

export interface BinaryPerformance {
  rows: number;
  positives: number;
  auc: number | null;
  /** Standard error of the AUC (Hanley and McNeil 1982). */
  aucSe: number | null;
  /** Mean of -ln p(label), natural logarithm. */
  logLoss: number | null;
  /** Standard error of the mean log loss. */
  logLossSe: number | null;
  brier: number | null;
}

/** The profile of the rows that the champion was accepted on; a blob, named by the release. */
export interface ReferenceProfile {
  kind: 'reference-profile';
  schema: 1;
  rows: number;
  columns: ColumnProfile[];
  /** Profile of the champion's score on the reference rows. */
  prediction: NumericProfile;
  performance: BinaryPerformance;
}

export type CheckName = 'feed' | 'missingColumn' | 'type' | 'nulls' | 'unseenCategories' | 'outOfRange';
export interface DataCheck {
  check: CheckName;
  column: string | null;
  severity: 'warn' | 'block';
  value: number | string | null;
  limit: number | string | null;
  /** For people: what, where. */
  text: string;
}

export interface ColumnDrift {
  column: string;
  kind: 'numeric' | 'categorical';
  /** null: cannot be judged (too few rows, no reference). */
  psi: number | null;
}

export interface MonitorReport {
  kind: 'monitor-report';
  schema: 1;
  model: string;
  window: Window;
  revision: number;
  causeId: string;
  /** Final: the label maturity or the label deadline is reached; there is no later revision. */
  status: 'provisional' | 'final';
  /** In the model's clock. */
  at: string;
  configDigest: Sha256;
  /** Distinct predictions in the window. */
  rows: number;
  duplicates: number;
  /** Which releases answered, most rows first. */
  servedBy: { release: number; rows: number }[];
  /** The release whose reference was used; null before the first. */
  referenceRelease: number | null;
  referencePerformance: BinaryPerformance | null;
  checks: DataCheck[];
  drift: { columns: ColumnDrift[]; prediction: number | null };
  /** Predictions with a label / predictions, 0 to 1. */
  labelMaturity: number;
  /** null while no label is there. */
  performance: BinaryPerformance | null;
  /** How many label objects were read; unchanged means: nothing to revise. */
  labelObjects: number;
}

// ── Decisions ───────────────────────────────────────────────────────────────────────────────────────────────────────

export type Action = 'retrain' | 'wait' | 'block' | 'escalate';
export type Trigger = 'firstModel' | 'performance' | 'drift' | 'person' | 'none';

/** One rule of the gate and how it came out: also those that did not decide. */
export interface RuleOutcome {
  rule: string;
  fired: boolean;
  value: number | string | null;
  threshold: number | string | null;
  text: string;
}

/** What the gate knew besides the report. */
export interface GateContext {
  /** The model's clock. */
  now: string;
  championRelease: number | null;
  openRun: number | null;
  paused: boolean;
  pinned: boolean;
  /** When the gate last started a retrain, in the model's clock. */
  lastRetrainAt: string | null;
  /** A person asks; `force` overrides cooldown and thresholds, not an open run. */
  request: { by: string; reason: string | null; force: boolean } | null;
  datasetVersion: Sha256 | null;
  /** The run that has learnt from exactly this dataset version under this configuration, and ended by itself; null: none has. */
  learntIn: number | null;
}

export interface DecisionRecord extends Sequenced {
  kind: 'decision';
  schema: 1;
  model: string;
  action: Action;
  trigger: Trigger;
  /** One sentence for a person. */
  reason: string;
  rules: RuleOutcome[];
  window: Window | null;
  revision: number | null;
  /** The report that was judged: key and the numbers that counted are in `rules`. */
  report: string | null;
  context: GateContext;
  configDigest: Sha256;
  /** Released evaluators are never edited, only succeeded. */
  evaluator: 'gate/1';
  at: string;
}

/** The windows whose last decision up to number `seq` was `block`: a summary of decisions, which can be made again from them. */
export interface BlockedWindows {
  kind: 'blocked-windows';
  schema: 1;
  model: string;
  seq: number;
  windows: Window[];
}

// ── Training runs ───────────────────────────────────────────────────────────────────────────────────────────────────

export interface RunClaim {
  kind: 'run-claim';
  schema: 1;
  model: string;
  n: number;
  workflowId: string;
  causeId: string;
  at: string;
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

// ── Evaluation and release ──────────────────────────────────────────────────────────────────────────────────────────

export interface EvaluationSummary {
  rows: number;
  metric: 'logLoss' | 'auc';
  challenger: BinaryPerformance;
  champion: BinaryPerformance | null;
  /** Champion minus challenger for log loss, challenger minus champion for AUC: positive is better. */
  gain: number | null;
  /** Paired 95 % interval of the gain; null where there is no champion or the metric has none yet. */
  gainInterval: [number, number] | null;
  /** Why the champion that there is could not be compared; a person must then approve. Absent: it was compared, or there is none. */
  notCompared?: string;
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
  holdout: BlobRef & { rows: number; rule: string };
  summary: EvaluationSummary;
  promotion: { promote: boolean; text: string; rules: RuleOutcome[]; evaluator: 'promotion/1' };
  reference: Sha256;
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

export interface AuditRecord extends Sequenced {
  kind: 'audit';
  schema: 1;
  model: string;
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
