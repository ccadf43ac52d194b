/** What monitoring stores: profiles, and a report per window and revision. */
import type { Sha256, Window } from './records.js';

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
  /** Share of rows whose `prediction` is the label. Absent where only scores were measured. */
  accuracy?: number | null;
  /** Of the positive class, from `prediction`. */
  f1?: number | null;
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

export interface WindowDrift {
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
  drift: { columns: WindowDrift[]; prediction: number | null };
  /** Predictions with a label / predictions, 0 to 1. */
  labelMaturity: number;
  /** null while no label is there. */
  performance: BinaryPerformance | null;
  /** How many label objects were read; unchanged means: nothing to revise. */
  labelObjects: number;
}
