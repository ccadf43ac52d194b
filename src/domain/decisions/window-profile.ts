/** What one window's prediction log says, counted: the input of the data checks and of the drift statistics. */
import type { ColumnProfile, FeatureType, NumericProfile } from '../../contracts/index.js';

/** A column that a window is profiled for: the reference says which bins or categories. */
export interface ExpectedColumn {
  name: string;
  type: FeatureType;
  reference: ColumnProfile;
}

/** The kind of a value that is not of its column's type. */
export type WrongType = 'text' | 'number' | 'boolean' | 'other';

export interface WindowColumn {
  name: string;
  expected: FeatureType;
  /** In the reference's bins or categories. Its `nulls` are all rows without a usable value. */
  profile: ColumnProfile;
  /** Rows of log objects that lack the column altogether. */
  missing: number;
  /** Rows whose value is of another type, by the type found. */
  wrong: { type: WrongType; rows: number }[];
  /** Rows whose category the reference never saw; null where that cannot be known. */
  unseen: number | null;
  /** Rows outside the reference's range, widened by its own width on both sides; null where there is no range. */
  outOfRange: number | null;
}

export interface WindowProfile {
  /** Distinct predictions in the window. */
  rows: number;
  /** Further rows with the id of a prediction that is counted already. */
  duplicates: number;
  /** Rows in the window without `_prediction_id`: they count nowhere else. */
  withoutId: number;
  /** Rows of the window's objects whose `_event_time` is missing or no time: they belong to no window. */
  withoutTime: number;
  servedBy: { release: number; rows: number }[];
  columns: WindowColumn[];
  /** The score, in the bins of the reference's score. */
  score: WindowColumn & { profile: NumericProfile };
  /** Log objects, or lines of JSON-lines objects, that cannot be read. */
  unreadable: { file: string; lines: number | null; problem: string }[];
}
