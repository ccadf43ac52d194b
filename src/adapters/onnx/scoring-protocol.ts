/** What the scoring process is told, and what it says at its end. The scores themselves lie in files: they may be many. */
import type { Feature, FailureType } from '../../contracts/index.js';

export interface ScoringJob {
  subject: string;
  modelFile: string;
  rowsFile: string;
  features: Feature[];
  labelColumn: string;
  workDir: string;
  withRows: { file: string; scoreColumn: string } | null;
}
export type ScoringReport =
  { kind: 'done'; rows: number } | { kind: 'failed'; type: FailureType | null; message: string; next: string };

/** In `workDir`: float32, in this machine's byte order. */
export const SCORES_FILE = 'scores.f32';
/** In `workDir`: one byte per row, 0 or 1. */
export const LABELS_FILE = 'labels.u8';
