/** What the query `status` answers: how a loop and a run stand, and the commands to paste. */
import type { Sha256 } from './records.js';
import type { EvaluationSummary, RunOutcome, RunPhase } from './run-records.js';
import type { Champion, DecisionSummary, Incident, OpenRun, Orders, ReportSummary, Standing } from './steps.js';

export interface RunStatus {
  model: string;
  n: number;
  phase: RunPhase;
  outcome: RunOutcome | null;
  attempt: number;
  evaluation: EvaluationSummary | null;
  /** Set while a person is asked. */
  waitingFor: { challenger: Sha256; evidence: Sha256; deadlineAt: string; command: string } | null;
}
/** What a person pastes to approve; `reject` likewise. */
export const approveCommand = (model: string, n: number): string => `npx seawall approve ${model} --run ${n}`;
export const rejectCommand = (model: string, n: number): string =>
  `npx seawall reject ${model} --run ${n} --reason "why"`;

export interface LoopStatus {
  model: string;
  /** The first that holds of: stopped, blocked (a step fails for good, as `problem` says), incident, paused, training, awaitingBudget, watching. */
  state: 'starting' | 'watching' | 'awaitingBudget' | 'training' | 'paused' | 'incident' | 'blocked' | 'stopped';
  problem: string | null;
  /** The model's clock. */
  now: string | null;
  /** When storage was last looked at; wall clock. */
  lookedAt: string | null;
  champion: Champion | null;
  configSeq: number;
  standing: Standing;
  orders: Orders;
  incident: Incident | null;
  openRuns: number[];
  /** The same runs, and how far each had come at the last look. */
  runs: OpenRun[];
  /** Of the open runs those that its pool's ledger has not let start yet, and why. */
  waitsForBudget: BudgetWait[];
  /** The last run that this loop saw end. */
  lastRun: { n: number; outcome: RunOutcome } | null;
  monitoredTo: string | null;
  lastReport: ReportSummary | null;
  lastDecision: DecisionSummary | null;
  windowsSinceStart: number;
}
export interface BudgetWait {
  n: number;
  pool: string;
  gpuMs: number;
  /** Among those that wait, from 1; null: not known yet. */
  position: number | null;
  text: string;
}
