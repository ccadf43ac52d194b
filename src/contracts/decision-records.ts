/** What the gate stores: decisions, with everything that they were taken on. */
import type { Sequenced, Sha256, Window } from './records.js';

export type Action = 'retrain' | 'wait' | 'block' | 'escalate';
export type Trigger = 'firstModel' | 'performance' | 'drift' | 'dataset' | 'person' | 'none';

/** One rule of the gate and how it came out: also those that did not decide. */
export interface RuleOutcome {
  rule: string;
  fired: boolean;
  value: number | string | null;
  threshold: number | string | null;
  text: string;
}
/** A rule of the gate, in the order in which they are tried. */
export interface GateRuleOutcome extends RuleOutcome {
  /** What it would have decided had no rule before it fired; null: nothing. */
  action: Action | null;
}

/** What the gate knew besides the report. */
export interface GateContext {
  /** The model's clock. */
  now: string;
  championRelease: number | null;
  openRun: number | null;
  paused: boolean;
  pinned: boolean;
  /** When the gate last started a retrain, in the model's clock. */
  lastRetrainAt: string | null;
  /** A person asks; `force` overrides cooldown and thresholds, not an open run. */
  request: { by: string; reason: string | null; force: boolean } | null;
  datasetVersion: Sha256 | null;
  /** The run that has learnt from exactly this dataset version under this configuration, and ended by itself; null: none has. */
  learntIn: number | null;
  /** What the champion has not learnt from yet; absent: nobody has asked, or there is no champion. */
  newData?: NewData;
}

/** The files that the next run would learn from, beside those that the champion has learnt from. */
export interface NewData {
  /** Of `files` and `bytes` those whose content the champion has not learnt from. */
  newFiles: number;
  newBytes: number;
  files: number;
  bytes: number;
  /** Why the numbers are 0: nobody can say what is new. */
  problem?: string;
}

export interface DecisionRecord extends Sequenced {
  kind: 'decision';
  schema: 1;
  model: string;
  action: Action;
  trigger: Trigger;
  /** One sentence for a person. */
  reason: string;
  /** The name of the rule that decided; null: none fired. */
  decidedBy: string | null;
  rules: GateRuleOutcome[];
  window: Window | null;
  revision: number | null;
  /** The report that was judged: key and the numbers that counted are in `rules`. */
  report: string | null;
  context: GateContext;
  configDigest: Sha256;
  /** Released evaluators are never edited, only succeeded. */
  evaluator: 'gate/2';
  at: string;
}

/** The windows whose last decision up to number `seq` was `block`: a summary of decisions, which can be made again from them. */
export interface BlockedWindows {
  kind: 'blocked-windows';
  schema: 1;
  model: string;
  seq: number;
  windows: Window[];
}
