/** What monitoring stores: references, and a report per window and revision. */
import type { ColumnDrift, Measured, Performance } from './drift.js';
import type { TableProfile } from './profiles.js';
import type { Sha256, Window } from './records.js';

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
  /** Share of rows whose `prediction` is the label. Absent where only scores were measured. */
  accuracy?: number | null;
  /** Of the positive class, from `prediction`. */
  f1?: number | null;
}

/** The profile of the rows that the champion was accepted on; a blob, named by the release. */
export interface ReferenceProfile {
  kind: 'reference-profile';
  schema: 2;
  /** The label's column in `profile`. */
  labelColumn: string;
  /** Columns: the features, what the model answered under the log's names, the label. With `quality`. */
  profile: TableProfile;
}

// ── A report ────────────────────────────────────────────────────────────────────────────────────────────────────────

export type FeedCheck =
  /** No predictions at all. */
  | 'silent'
  /** Fewer than drift can be judged on. */
  | 'fewRows'
  /** Much less, or much more, than the same time of comparable windows had. */
  | 'volume'
  | 'surplus'
  /** Parts of the window are silent. */
  | 'partial'
  /** Predictions that came after the window's first report. */
  | 'late'
  | 'duplicates'
  /** Rows whose event time is not of the day that they were stored under. */
  | 'misdated'
  | 'unreadable';
export type ColumnCheck =
  'missingColumn' | 'extraColumn' | 'type' | 'nulls' | 'unseenCategories' | 'outOfRange' | 'constant' | 'notUnique';
export type CheckName = FeedCheck | ColumnCheck;

export interface DataCheck {
  check: CheckName;
  column: string | null;
  severity: 'warn' | 'block';
  value: number | string | null;
  limit: number | string | null;
  /** For people: what, where. */
  text: string;
}

/** Rows per equal part of the window, in order. */
export interface Volume {
  partMs: number;
  rows: number[];
}

/** What came, beside the values: the traffic of a window. */
export interface WindowFeed {
  /** All rows of the window's objects, which are those of whole days; without a shadow's. */
  objectRows: number;
  /** Further rows with the id of a prediction that is counted already. */
  duplicates: number;
  /** Rows in the window without `_prediction_id`: they count nowhere else. */
  withoutId: number;
  /** Rows of the window's objects whose `_event_time` is missing or no time: they belong to no window. */
  withoutTime: number;
  /** Rows of the window's objects whose event time lies before, or after, the days of these objects: they are counted in no window. */
  misdated: { before: number; after: number };
  volume: Volume;
  /** Columns that nobody expected, with the rows of the objects that have them. */
  extraColumns: { name: string; rows: number }[];
  /** Columns that must be unique, with their rows beyond the first of each value. */
  repeats: { name: string; rows: number }[];
  /** Log objects, or lines of JSON-lines objects, that cannot be read. */
  unreadable: { file: string; lines: number | null; problem: string }[];
}

/** What a window's traffic is held against: comparable windows before it. */
export interface ExpectedVolume {
  /** Median of their rows. */
  rows: number;
  /** Median per part; empty where parts of different windows are not comparable. */
  parts: number[];
  /** Robust relative spread of their rows: 1.4826 × median absolute deviation / median. */
  spread: number;
  windows: number;
  /** Which windows these are. */
  of: 'weekday' | 'hour' | 'preceding';
  /** Whether they lie at the same time of a week or day: a Sunday beside working days proves nothing. */
  alike: boolean;
}

/** A part of the rows, beside the same part of the reference. */
export interface SliceReport {
  column: string;
  value: string;
  performance: Performance;
  reference: Performance | null;
}

export interface ArmReport {
  arm: 'canary';
  rows: number;
  labelled: number;
  performance: Performance | null;
}

/** What the quality would be if the scores are as well calibrated as on the reference. */
export interface Estimate {
  rows: number;
  metrics: Record<string, Measured>;
  /** Why there is none. */
  because: string | null;
}

export interface MonitorReport {
  kind: 'monitor-report';
  schema: 2;
  model: string;
  window: Window;
  /** From 1 on; each is kept. */
  revision: number;
  causeId: string;
  /** Final: the label maturity or the label deadline is reached. Labels that come later still revise it. */
  status: 'provisional' | 'final';
  /** There is no later revision: the label deadline has passed. */
  closed: boolean;
  /** In the model's clock. */
  at: string;
  configDigest: Sha256;
  /** Distinct predictions in the window, all arms. */
  rows: number;
  /** Of them those that were not there at the first report. */
  lateRows: number;
  feed: WindowFeed;
  expected: ExpectedVolume | null;
  /** Which releases answered, most rows first. */
  servedBy: { release: number; rows: number }[];
  /** The release whose reference was used; null before the first. */
  referenceRelease: number | null;
  referencePerformance: Performance | null;
  checks: DataCheck[];
  drift: {
    /** An earlier revision has shown the gate drift that it could judge: the same drift is not paid for twice. */
    judgedBefore: boolean;
    /** Features. */
    columns: ColumnDrift[];
    /** What the champion answered: `score`, `score_<class>` or `prediction`. */
    outputs: ColumnDrift[];
    /** Of the labels that are there; null without any. */
    label: ColumnDrift | null;
  };
  /** Predictions with a label / predictions, 0 to 1. */
  labelMaturity: number;
  /** Of the champion's answers; null while no label is there. */
  performance: Performance | null;
  /** Mean of the labels of its answers (binary: the share of 1); null without labels, or where labels are no numbers. */
  labelMean: number | null;
  /** Before labels; null where the task or the reference allows none. */
  estimate: Estimate | null;
  /** Arms beside the champion's. */
  arms: ArmReport[];
  /** Worst first, at most a few per column. */
  slices: SliceReport[];
  /** Label objects that were read. */
  labelObjects: number;
  /** What of the logs this report has seen, as one digest: the same means that there is nothing to revise. */
  seen: string;
  /** What the report was made of, by digest. */
  stored: StoredWindow;
}

export interface StoredWindow {
  /** The reference that it was held against. */
  reference: Sha256;
  /** `TableProfile` of the predictions. */
  profile: Sha256;
  /** Parquet, a row per prediction: what later labels are joined with. null without predictions. */
  index: Sha256 | null;
  /** `TableProfile` of the labelled predictions: the label's column, quality, slices. */
  labelled: Sha256 | null;
  /** Parquet: the label that counts of each prediction, so far. */
  labels: Sha256 | null;
  /** `SeenObjects`. */
  objects: Sha256;
}

/** The log objects that a report was made from, each as key, size and ETag. */
export interface SeenObjects {
  kind: 'seen-objects';
  schema: 1;
  predictions: string[];
  labels: string[];
}
