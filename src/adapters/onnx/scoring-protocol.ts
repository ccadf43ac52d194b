/** What the scoring process is told, and what it says at its end. The scores themselves lie in files: they may be many. */
import type { ScoreRequest } from '../../activities/evaluate.js';
import type { FailureType } from '../../contracts/index.js';

export type ScoringJob = Omit<ScoreRequest, 'signal'>;
export type ScoringReport =
  { kind: 'done'; rows: number } | { kind: 'failed'; type: FailureType | null; message: string; next: string };

/** In `workDir`: float32, in this machine's byte order. */
export const SCORES_FILE = 'scores.f32';
/** In `workDir`: one byte per row, 0 or 1. */
export const LABELS_FILE = 'labels.u8';
