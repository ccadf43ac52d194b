/** The steps that are one activity each. */
import type { Evaluated, FetchedData, OpenedRun, TrainedModel } from '../../contracts/index.js';
import { evaluate, fetchDataset, openRun } from '../steps.js';
import { isFailure } from './outcomes.js';
import { enter, type Run } from './run.js';

/** Claims the number (a run that was started alone) and pins configuration, dataset version, champion and epoch. */
export async function openPlan(run: Run): Promise<OpenedRun> {
  const { model, n } = run;
  const { workflowId, causeId } = run.record;
  run.opened = true; // also when it fails now: the claim stands, and a claim without an outcome would be open for ever
  const plan = await openRun({ model, n, workflowId, causeId }).catch((error: unknown) => {
    run.opened = !isFailure(error, 'RunNumberTaken');
    throw error;
  });
  run.searchAttributes = plan.searchAttributes;
  await enter(run, 'opened', {
    configDigest: plan.configDigest,
    dataset: { name: plan.dataset.name, version: plan.dataset.version },
    champion: plan.champion,
  });
  return plan;
}

export async function fetchData(run: Run, plan: OpenedRun): Promise<FetchedData> {
  run.pool = plan.pool;
  await enter(run, 'fetching');
  return fetchDataset(plan.pool)({ model: run.model, n: run.n });
}

export async function evaluateChallenger(run: Run, trained: TrainedModel, data: FetchedData): Promise<Evaluated> {
  await enter(run, 'evaluating');
  const { model: challenger, parity } = trained;
  const of = { model: run.model, n: run.n, challenger, holdout: data.holdout };
  const evaluated = await evaluate({ ...of, ...(parity && { parity }) });
  run.record = { ...run.record, evidence: evaluated.evidence, evaluation: evaluated.summary };
  return evaluated;
}
