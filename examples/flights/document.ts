/** The whole story as one JSON document: what `--json` prints and the report draws. */
import type { Action, Approval, MonitorReport } from '../../src/contracts/index.js';

/** What the example injects into the data, and says wherever it shows. */
export interface Incident {
  id: 'codes' | 'capacity';
  /** `data`: a broken feed, which ends. `world`: the world has changed for good. */
  kind: 'data' | 'world';
  /** Inclusive. */
  from: string;
  /** Exclusive; null: for good. */
  to: string | null;
  /** A few words. */
  title: string;
  /** What is done to the data. */
  text: string;
  /** The real event or mechanism that it imitates. */
  imitates: string;
}

export interface WeekResult {
  /** Counts from 1. */
  k: number;
  from: string;
  to: string;
  /** Whether an injected incident touches the week. */
  injected: boolean;
  incident: Incident['id'] | null;
  /** Distinct predictions that serving logged. */
  rows: number;
  /** The decision that bound most of those about this week. */
  decision: Action | null;
  reason: string | null;
  /** Of what served: the champion that the gate chose. */
  auc: number | null;
  logLoss: number | null;
  /** Of the January model, had it been kept. null: not measured (yet). */
  aucFrozen: number | null;
  logLossFrozen: number | null;
  /** Of a model that is retrained every week on everything whose labels are in. */
  aucWeekly: number | null;
  logLossWeekly: number | null;
  /** Seconds of training that the baseline spent for this week's model. */
  trainSecondsWeekly: number | null;
  /** Share of late flights, as the labels say. */
  lateShare: number | null;
  /** The release that answered most of the week. */
  release: number | null;
  /** The feature that moved most, and how far the scores moved. */
  drift: { column: string | null; psi: number | null; prediction: number | null };
  /** Of every feature; null: not judged. */
  driftColumns: { column: string; psi: number | null }[];
  /** What was wrong with the data. */
  checks: { severity: 'warn' | 'block'; column: string | null; text: string }[];
  status: MonitorReport['status'] | null;
  labelMaturity: number | null;
  /** Every report on the week: labels arrive late, and each time more is known. */
  revisions: { revision: number; at: string; labelMaturity: number; status: MonitorReport['status'] }[];
  decisions: { seq: number; revision: number | null; action: Action; trigger: string; reason: string }[];
}

export interface ReleaseResult {
  release: number;
  /** Wall clock. */
  at: string;
  /** In the policy's metric, on the holdout; null for the first champion. */
  gain: number | null;
  approval: Pick<Approval, 'verdict' | 'by' | 'reason' | 'at'>;
  run: number;
  trainedOn: { version: string; files: string[] };
}

export interface RunResult {
  run: number;
  /** `from` of the week whose decision bought it, or after which a person asked for it; null: the first model. */
  boughtBy: string | null;
  trigger: string | null;
  outcome: string | null;
  text: string | null;
  trainSeconds: number | null;
  device: string | null;
}

export interface FlightsDocument {
  model: string;
  weeks: WeekResult[];
  releases: ReleaseResult[];
  runs: RunResult[];
  /** Decisions to retrain; the first champion is not one. */
  retrains: number;
  /** Of all runs, the first champion's included; and of the model that is retrained every week, its first one included. */
  trainSeconds: { seawall: number; weekly: number | null };
  incidents: Incident[];
  /** What people did, as the audit log says. */
  acts: { at: string; by: string; message: string; accepted: boolean; text: string }[];
  comparison: Comparison | null;
}

/** What the decisions were worth, beside other ways to decide. Means over weeks, each week counts the same. */
export interface Comparison {
  /** Seawall beside the January model and weekly retraining. */
  spans: {
    name: 'all' | 'tuning' | 'reported';
    /** `May and June`. */
    label: string;
    weeks: number;
    auc: Triple;
    logLoss: Triple;
    /** (frozen - seawall) / (frozen - weekly) in log loss: the share of weekly retraining's gain that was kept. */
    gainKept: number | null;
  }[];
  /**
   * Seconds of Seawall's retrains / those of weekly retraining, over all weeks, the first model of both left out; both as the
   * baselines' process needed for these weeks' models, so that neither pays for what else the machine did at the time.
   */
  costShare: number | null;
  /** Over all weeks; the same first model for everybody, which costs nobody anything. */
  policies: {
    kind: 'frozen' | 'weekly' | 'periodic' | 'hindsight' | 'seawall';
    /** `every 3rd week`. */
    name: string;
    retrains: number;
    /** Of training. */
    seconds: number;
    logLoss: number;
    auc: number;
    gainKept: number | null;
    costShare: number | null;
    /**
     * Of a timer: lowest and highest over the weeks in which it may begin, because its figures depend on that; what stands above is
     * the mean over them.
     */
    range?: { gainKept: [number, number]; costShare: [number, number] };
  }[];
}
export interface Triple {
  seawall: number;
  frozen: number;
  weekly: number;
}
