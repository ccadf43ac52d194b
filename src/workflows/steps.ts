/** The activities as the workflows see them: types only, each with its profile. */
import { proxyActivities } from '@temporalio/workflow';
import type { AuditActivities } from '../activities/audit.js';
import type { DeployActivities } from '../activities/deploy.js';
import type { EvaluateActivities } from '../activities/evaluate.js';
import type { FleetActivities } from '../activities/fleet/fleet.js';
import type { FetchActivities } from '../activities/fetch.js';
import type { GateActivities } from '../activities/gate.js';
import type { HydrateActivities } from '../activities/hydrate.js';
import type { LogsDatasetActivities } from '../activities/logs-dataset.js';
import type { MonitorActivities } from '../activities/monitor.js';
import type { RunActivities } from '../activities/run.js';
import type { TrainActivities } from '../activities/train.js';
import { BRIEF, DEPLOY, EVALUATE, fetchOn, LOOP, MONITOR, OPEN, trainOn } from './activity-profiles.js';

export const { hydrateLoop } = proxyActivities<HydrateActivities>({ ...LOOP, summary: 'Read the state from storage' });
export const { observe } = proxyActivities<MonitorActivities>({ ...MONITOR, summary: 'Look, and monitor due windows' });
export const { gate } = proxyActivities<GateActivities>({ ...LOOP, summary: 'Decide' });
export const { commitLogs } = proxyActivities<LogsDatasetActivities>({
  ...MONITOR,
  summary: 'Windows of the logs into the dataset',
});
export const { claimRun } = proxyActivities<RunActivities>({ ...LOOP, summary: 'Claim a run number' });
export const { audit } = proxyActivities<AuditActivities>({ ...BRIEF, summary: 'Write the audit log' });
export const { hydrateFleet } = proxyActivities<FleetActivities>({ ...LOOP, summary: 'Read the ledger from storage' });
export const { readBudget } = proxyActivities<FleetActivities>({ ...LOOP, summary: 'Read the budget' });
export const { saveLedger } = proxyActivities<FleetActivities>({ ...LOOP, summary: 'Store the ledger' });
export const { lookAtReservations } = proxyActivities<FleetActivities>({
  ...LOOP,
  summary: 'How the runs stand, and what they have used',
});
export const { openRun } = proxyActivities<RunActivities>({
  ...OPEN,
  summary: 'Pin data, champion and configuration',
});
export const { recordRun } = proxyActivities<RunActivities>({ ...BRIEF, summary: 'Record the run' });
export const { evaluate } = proxyActivities<EvaluateActivities>({
  ...EVALUATE,
  summary: 'Challenger against champion',
});
export const { deploy } = proxyActivities<DeployActivities>({
  ...DEPLOY,
  summary: 'Release and move the live pointer',
});
export const { rollback } = proxyActivities<DeployActivities>({
  ...DEPLOY,
  scheduleToCloseTimeout: LOOP.scheduleToCloseTimeout,
  summary: 'Move the live pointer back',
});

export const fetchDataset = (pool: string): FetchActivities['fetchDataset'] =>
  proxyActivities<FetchActivities>({ ...fetchOn(pool), summary: 'Fetch the dataset version' }).fetchDataset;

export const trainModel = (pool: string, timeoutMs: number, graceMs: number, attempt: number) =>
  proxyActivities<TrainActivities>({ ...trainOn(pool, timeoutMs, graceMs), summary: `Train, attempt ${attempt}` })
    .trainModel;
