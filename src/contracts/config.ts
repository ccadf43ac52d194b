/** A model's configuration after validation, with every default filled in. Durations are milliseconds. */

export type FeatureType = 'float32' | 'int64' | 'string';
export interface Feature {
  name: string;
  type: FeatureType;
}

export interface ModelConfig {
  name: string;
  task: 'binary';
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

export interface TrainerConfig {
  /** A ready trainer of Seawall, or any command (argv, never a shell string). */
  run: { use: 'xgboost' } | { command: string[] };
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
  /** From which share of new bytes on a changed dataset warrants a retrain; absent: it never does by itself. */
  dataset?: { minNewShare: number };
  /** Between a retrain and the next one the gate may start. */
  cooldownMs: number;
}

export interface PromotionPolicy {
  metric: 'logLoss' | 'auc';
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
