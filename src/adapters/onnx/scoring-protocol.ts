/** What the scoring process is told, and what it says at its end. The answers themselves lie in files: they may be many. */
import type { ScoreRequest } from '../../activities/scoring.js';
import type { FailureType, Servable } from '../../contracts/index.js';

export type ScoringJob = Omit<ScoreRequest, 'signal'> & { threads: number };
export type ScoringReport =
  /** The model loads, and answers as it must. */
  | { kind: 'tried' }
  | { kind: 'done'; servable: Servable }
  | { kind: 'failed'; type: FailureType | null; message: string; next: string };

/** In `workDir`, in this machine's byte order: labels as float64, predictions and scores as float32. */
export const ANSWER_FILES = ['labels.f64', 'predictions.f32', 'scores.f32'] as const;
