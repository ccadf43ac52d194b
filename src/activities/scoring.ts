/** What scoring a file of rows with a model takes and gives. */
import type { Answering, Feature, Servable } from '../contracts/index.js';
import type { Answers } from '../domain/evaluation/answers.js';

export type { Answers };

export interface ScoreRequest {
  /** For messages: whose model this is. */
  subject: string;
  modelFile: string;
  /** Parquet. */
  rowsFile: string;
  /** In the order of the configuration. */
  features: Feature[];
  /** What the model must answer with. */
  answering: Answering;
  /** null: the rows have no labels. */
  labelColumn: string | null;
  /** An empty folder for what the scoring leaves behind. */
  workDir: string;
  /** Parquet: rows with the trainer's own answers, named as the outputs. null: it left none. */
  parityFile: string | null;
  /** Also write the rows with the answers beside them, as Parquet; the outputs' names get the prefix. */
  withRows: { file: string; prefix: string } | null;
  signal: AbortSignal;
}
export interface Scored {
  /** In the order of the rows. */
  answers: Answers;
  servable: Servable;
}
export interface Scorer {
  /**
   * Tries the model as serving would use it, compares it with its trainer's own answers, and scores all rows: in a process of its
   * own, within limits of time and memory. @throws SeawallError `InvalidModel`, `BadData`
   */
  score(request: ScoreRequest): Promise<Scored>;
}
