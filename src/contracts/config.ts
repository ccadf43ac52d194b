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
  dataset: { name: string; rowId: string };
  /** What neither champion nor challenger learns from. */
  holdout: { hashFraction: number };
  trainer: TrainerConfig;
  monitor: MonitorPolicy;
  gate: GatePolicy;
  promotion: PromotionPolicy;
  approval: ApprovalPolicy;
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
}

/** Limits of the data checks; a share is 0 to 1. A check above `block` is an incident: nothing is learnt from the window. */
export interface MonitorPolicy {
  minRows: number;
  nullShare: { warn: number; block: number };
  /** Share of rows whose category the reference never saw. */
  unseenShare: { warn: number; block: number };
  /** Share of rows outside the reference's range, widened by its own width on both sides. */
  outOfRangeShare: { warn: number; block: number };
}

export interface GatePolicy {
  /** Drop in AUC, or rise in log loss, against the champion's reference. */
  performance: { aucDrop: number; logLossRise: number; minLabelled: number };
  /** Population stability index. */
  drift: { warnPsi: number; featurePsi: number; predictionPsi: number };
  /** Between a retrain and the next one the gate may start. */
  cooldownMs: number;
}

export interface PromotionPolicy {
  metric: Metric;
  /** In the metric's own unit; the paired 95 % interval must also exclude zero (log loss). */
  minGain: number;
}

export interface ApprovalPolicy {
  /** `autoAbove`: released without a person when the gain is at least `minGain`, else a person decides. */
  mode: 'auto' | 'person' | 'autoAbove';
  minGain: number;
  /** Wall time a person has; then the challenger is refused. */
  deadlineMs: number;
}
