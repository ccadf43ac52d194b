/** A model's configuration after validation, with every default filled in. Durations are milliseconds. */

export type FeatureType = 'float32' | 'int64' | 'string';
export interface Feature {
  name: string;
  type: FeatureType;
}

/**
 * What is predicted: one of two classes (label 0 or 1), one of several named classes, or a number. Everything that depends on it
 * switches over this union.
 */
export type Task = 'binary' | 'multiclass' | 'regression';

/** What models are compared by; which of them a task has: `metricsOf`. */
export type Metric = 'logLoss' | 'auc' | 'brier' | 'accuracy' | 'f1' | 'rmse' | 'mae';

/** What a model answers with. */
export interface Answering {
  task: Task;
  /** With `multiclass` only: the labels as texts, in the order of the model's scores. */
  classes?: string[];
}

export interface ModelConfig extends Answering {
  name: string;
  /** `feed`: time is the feed's watermark (replays, batch feeds). `wall`: time is the clock. */
  clock: 'wall' | 'feed';
  windows: { everyMs: number; anchor: string; allowedLatenessMs: number };
  features: Feature[];
  label: {
    /** The label's column in the dataset; in the label log it is always `label`. */
    column: string;
    /** Share of labelled predictions, 0 to 1, from which a window's verdict is final. */
    maturity: number;
    /** After the window's end; then the verdict is final with the labels that are there. */
    deadlineMs: number;
  };
  dataset: DatasetPolicy;
  /** What neither champion nor challenger learns from. */
  holdout: { hashFraction: number };
  trainer: TrainerConfig;
  monitor: MonitorPolicy;
  gate: GatePolicy;
  promotion: PromotionPolicy;
  approval: ApprovalPolicy;
}

export interface DatasetPolicy {
  name: string;
  /** The column that tells rows apart. */
  rowId: string;
  /** Which version is learnt from; absent: the head. A pinned one is named by its digest or the first 12 digits of it. */
  follow?: { tag: string } | { pinned: string };
  /** Which of its files, by the time that their paths say; absent: all. `lastMs` is counted back from the model's clock. */
  use?: { lastMs: number } | { since: string };
  /** `logs`: the loop adds the windows of the logs whose labels are there; absent: only people commit. */
  from?: 'logs';
}

/** Trainers that come with Seawall. */
export const readyTrainers = ['xgboost', 'lightgbm', 'sklearn'] as const;
export type ReadyTrainer = (typeof readyTrainers)[number];

export interface TrainerConfig {
  /** A ready trainer of Seawall, or any command (argv, never a shell string). */
  run: { use: ReadyTrainer } | { command: string[] };
  params: Record<string, unknown>;
  seed: number;
  pool: string;
  device: 'cuda' | 'cpu' | 'cudaOrCpu';
  timeoutMs: number;
  /** Between SIGTERM and SIGKILL. */
  graceMs: number;
  /** Hosts that died under the run before it is given up. */
  maxAttempts: number;
  /** For the pool's ledger, where there is one; absent: the defaults of docs/configuration.md. */
  budget?: BudgetHints;
}

export interface BudgetHints {
  /** Device time that a run is expected to take as long as none has been measured. */
  firstRunMs?: number;
  /** How much this model's trouble weighs against that of the other models of the pool. */
  value?: number;
}

export interface Limits {
  warn: number;
  block: number;
}

/** Limits of the data checks; a share is 0 to 1. A check above `block` is an incident: nothing is learnt from the window. */
export interface MonitorPolicy {
  minRows: number;
  nullShare: Limits;
  /** Share of rows whose category the reference never saw. */
  unseenShare: Limits;
  /** Share of rows outside the reference's range, widened by its own width on both sides. */
  outOfRangeShare: Limits;
  /** Columns by whose values quality is reported apart. */
  slices: string[];
  feed: FeedPolicy;
  schema: TableSchema;
}

/** Shares, 0 to 1; what a window has is held against comparable windows before it. */
export interface FeedPolicy {
  /** Share of the expected rows that is missing, beyond what is usual. */
  drop: Limits;
  /** Rows beyond the expected ones, as a share of them, from which on a person is told. */
  rise: number;
  /** Share of the expected rows that silent parts of the window should have had. */
  gap: Limits;
  duplicates: Limits;
  /** Share of predictions that came after the first report. */
  late: Limits;
}

/** `off`: not checked; `warn`: said, never an incident; `block`: one row that breaks the rule is an incident. */
export type Severity = 'off' | 'warn' | 'block';
export type SchemaRule = 'missing' | 'type' | 'nulls' | 'range' | 'categories' | 'constant' | 'unique';

/** What people know of the data, beside what the reference says: a rule here is kept row by row, not by share. */
export interface ColumnSchema {
  type?: FeatureType;
  nullable?: boolean;
  /** Inclusive. */
  min?: number;
  max?: number;
  categories?: string[];
  /** Every value occurs once. */
  unique?: boolean;
  /** Of all rules of the column; without it the shares of `monitor` count. */
  severity?: Severity;
  /** Of single rules; it goes before `severity`. */
  rules?: Partial<Record<SchemaRule, Severity>>;
}
export interface TableSchema {
  columns: Record<string, ColumnSchema>;
  /** Columns that nobody expects. */
  extra: Severity;
}

export interface GatePolicy {
  performance: PerformancePolicy;
  /** Effect sizes from which on a column counts as drifted. */
  drift: {
    warnPsi: number;
    featurePsi: number;
    predictionPsi: number;
    /** Largest share of windows of unchanged data in which any column may be called drifted, by chance. */
    falseAlarms: number;
  };
  /** From which share of new bytes on a changed dataset warrants a retrain; absent: it never does by itself. */
  dataset?: { minNewShare: number };
  /** Between a retrain and the next one the gate may start. */
  cooldownMs: number;
}

/** Changes against the champion's reference that warrant a retrain, each for the tasks that have the metric. */
export interface PerformancePolicy {
  aucDrop: number;
  logLossRise: number;
  accuracyDrop: number;
  /** As a share of the reference's RMSE. */
  rmseRise: number;
  minLabelled: number;
  /** Share of labelled predictions below which nothing is concluded, at the deadline neither. */
  minMaturity: number;
}

export interface PromotionPolicy {
  metric: Metric;
  /** In the metric's own unit; the paired 95 % interval must also exclude zero. */
  minGain: number;
  /** `notWorse`: a model from fresh data may replace one that is as good. Absent: `better`. */
  mode?: 'better' | 'notWorse';
  /** With `notWorse`: the loss, in the metric's unit, that the 95 % interval must exclude. */
  margin?: number;
  /** On fewer common rows nobody replaces a champion. Absent: 200. */
  minRows?: number;
  slices?: SlicePolicy;
  guardrails?: Guardrails;
  tests?: BehaviourTest[];
}

/** In no slice may the challenger be surely worse than `margin`, in the metric's unit. */
export interface SlicePolicy {
  /** Columns of the holdout: each category, or each quarter of a number with many values, is a slice. */
  by: string[];
  margin: number;
  /** Smaller slices are not judged. */
  minRows: number;
}

/** Each in comparison with the champion; absent: not guarded. */
export interface Guardrails {
  logLossRise?: number;
  /** Expected calibration error, 0 to 1. */
  calibrationRise?: number;
  /** As a multiple: time of a request of one row, bytes of the model. */
  slower?: number;
  larger?: number;
}

export interface BehaviourTest {
  name: string;
  /** invariance: a change of the row must not change the answer. direction: it must move it one way. minimum: one row, one limit. */
  kind: 'invariance' | 'direction' | 'minimum';
  /** Features set to a value; with `minimum` all of them. */
  set?: Record<string, string | number>;
  /** Numbers that are added. */
  add?: Record<string, number>;
  /** With `direction`. */
  expect?: 'up' | 'down';
  /** With `minimum`: limits of the answer. */
  atLeast?: number;
  atMost?: number;
  /** With several classes: whose score is the answer. */
  class?: string;
  /** In the answer's unit. */
  tolerance: number;
  /** Of the changed rows that must keep it, 0 to 1. */
  share: number;
}

export interface ApprovalPolicy {
  /** `autoAbove`: released without a person when the gain is at least `minGain`, else a person decides. */
  mode: 'auto' | 'person' | 'autoAbove';
  minGain: number;
  /** Wall time a person has; then the challenger is refused. */
  deadlineMs: number;
}
