/** The story's document, from the stored records and what was measured of the baselines. */
import type { Action, DecisionRecord, MonitorReport, RunRecord } from '../../src/contracts/index.js';
import { mostDrifted } from '../../src/domain/decisions/report-text.js';
import { type BaselineModel, modelFor } from './baselines.js';
import type { Week } from './calendar.js';
import { compare } from './comparison.js';
import type { FlightsDocument, ReleaseResult, RunResult, WeekResult } from './document.js';
import { incidentOf, INCIDENTS } from './incidents.js';
import type { ModelRecords } from './records.js';

/** The weeks in the order given; a week that was never monitored has nulls, and so has what was not measured. */
export function assembleDocument(
  model: string,
  records: ModelRecords,
  weeks: readonly Week[],
  models: readonly BaselineModel[],
): FlightsDocument {
  const { decisions, runs, audit } = records;
  const results = weeks.map((week) => weekResult(records, week, models));
  const retrains = decisions.filter(({ action, trigger }) => action === 'retrain' && trigger !== 'firstModel').length;
  const last = weeks.at(-1)?.to ?? '';
  return {
    model,
    weeks: results,
    releases: releaseResults(records),
    runs: runs.map((run) => runResult(run, decisions, weeks)),
    retrains,
    trainSeconds: {
      seawall: rounded(runs.reduce((sum, run) => sum + (run.trainSeconds ?? 0), 0)),
      weekly: models.length === 0 ? null : rounded(models.reduce((sum, one) => sum + one.seconds, 0)),
    },
    incidents: INCIDENTS.filter(({ from }) => from < last),
    acts: audit.map(({ at, by, message, accepted, result }) => ({ at, by, message, accepted, text: result })),
    comparison: compare(results, models, { retrains, trainedFor: trainedFor(runs, decisions, weeks) }),
  };
}

/** The weeks for which Seawall trained a model, the first one left out: each is the one after the clock of its decision. */
function trainedFor(
  runs: readonly RunRecord[],
  decisions: readonly DecisionRecord[],
  weeks: readonly Week[],
): number[] {
  return runs.flatMap((run) => {
    const decision = decisionOf(run, decisions);
    if (!decision || decision.trigger === 'firstModel' || run.trainSeconds === null) return [];
    return [weeks.filter(({ to }) => to <= decision.at).length + 1];
  });
}

const rounded = (seconds: number): number => Math.round(seconds * 1000) / 1000;

/** What is known about one week: its newest report, the decisions about all of them, and the baselines on its flights. */
export function weekResult(records: ModelRecords, week: Week, models: readonly BaselineModel[] = []): WeekResult {
  const report = newestReport(records, week);
  const decisions = records.decisions.filter(({ window }) => window?.from === week.from);
  const binding = mostBinding(decisions);
  const performance = report?.performance;
  const incident = incidentOf(week);
  return {
    k: week.k,
    from: week.from,
    to: week.to,
    injected: incident !== undefined,
    incident: incident?.id ?? null,
    rows: report?.rows ?? 0,
    decision: binding?.action ?? null,
    reason: binding?.reason ?? null,
    auc: performance?.metrics['auc']?.value ?? null,
    logLoss: performance?.metrics['logLoss']?.value ?? null,
    ...baselinesOf(week, models),
    lateShare: report?.labelMean ?? null,
    release: report?.servedBy[0]?.release ?? null,
    drift: worstDrift(report),
    driftColumns: (report?.drift.columns ?? []).map(({ name, psi }) => ({ column: name, psi })),
    checks: (report?.checks ?? []).map(({ severity, column, text }) => ({ severity, column, text })),
    status: report?.status ?? null,
    labelMaturity: report?.labelMaturity ?? null,
    revisions: reportsOn(records, week).map(({ revision, at, labelMaturity, status }) => ({
      revision,
      at,
      labelMaturity,
      status,
    })),
    decisions: decisions.map(({ seq, revision, action, trigger, reason }) => ({
      seq,
      revision,
      action,
      trigger,
      reason,
    })),
  };
}

type Measured = Pick<WeekResult, 'aucFrozen' | 'logLossFrozen' | 'aucWeekly' | 'logLossWeekly' | 'trainSecondsWeekly'>;

function baselinesOf({ k }: Week, models: readonly BaselineModel[]): Measured {
  const weekly = models.find(({ week }) => week === modelFor(k));
  const scoreBy = (model: BaselineModel | undefined) => model?.scores.find(({ week }) => week === k);
  const [frozen, retrained] = [scoreBy(models.find(({ week }) => week === 1)), scoreBy(weekly)];
  return {
    aucFrozen: frozen?.auc ?? null,
    logLossFrozen: frozen?.logLoss ?? null,
    aucWeekly: retrained?.auc ?? null,
    logLossWeekly: retrained?.logLoss ?? null,
    trainSecondsWeekly: weekly ? (weekly.week === k ? rounded(weekly.seconds) : 0) : null,
  };
}

const reportsOn = ({ reports }: ModelRecords, week: Week): MonitorReport[] =>
  reports.filter(({ window }) => window.from === week.from).sort((a, b) => a.revision - b.revision);

export const newestReport = (records: ModelRecords, week: Week): MonitorReport | undefined =>
  reportsOn(records, week).at(-1);

/** What binds more comes first. */
const ORDER: readonly Action[] = ['retrain', 'escalate', 'block', 'wait'];

/** Of several that bind equally the newest: it knew the most labels. */
function mostBinding(decisions: readonly DecisionRecord[]): DecisionRecord | undefined {
  return [...decisions].sort((a, b) => ORDER.indexOf(a.action) - ORDER.indexOf(b.action) || b.seq - a.seq)[0];
}

function worstDrift(report: MonitorReport | undefined): WeekResult['drift'] {
  const worst = mostDrifted(report?.drift.columns ?? []);
  return { column: worst?.name ?? null, psi: worst?.psi ?? null, prediction: report?.drift.outputs[0]?.psi ?? null };
}

function releaseResults({ releases, runs, plans }: ModelRecords): ReleaseResult[] {
  return releases.map(({ release, at, run, dataset, approval: { verdict, by, reason, at: approvedAt } }) => ({
    release,
    at,
    gain: runs.find(({ n }) => n === run)?.evaluation?.gain ?? null,
    approval: { verdict, by, reason, at: approvedAt },
    run,
    trainedOn: { version: dataset.version, files: plans.get(run)?.dataset.include ?? [] },
  }));
}

function runResult(run: RunRecord, decisions: readonly DecisionRecord[], weeks: readonly Week[]): RunResult {
  const { n, outcome, trainSeconds, device } = run;
  const decision = decisionOf(run, decisions);
  const trigger = decision?.trigger ?? null;
  // A person's request is about no week; it was carried out when this one was over.
  const asked = trigger === 'person' ? weeks.findLast(({ to }) => to <= (decision?.at ?? ''))?.from : undefined;
  const boughtBy = decision?.window?.from ?? asked ?? null;
  return {
    run: n,
    boughtBy,
    trigger,
    outcome: outcome?.kind ?? null,
    text: outcome?.text ?? null,
    trainSeconds,
    device,
  };
}

const decisionOf = ({ causeId }: RunRecord, decisions: readonly DecisionRecord[]): DecisionRecord | undefined =>
  decisions.find(({ seq }) => causeId === `decision/${seq}`);
