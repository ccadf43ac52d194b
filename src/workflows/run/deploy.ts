/** The release: from here a cancel comes too late. */
import { CancellationScope } from '@temporalio/workflow';
import type { Approval, Evaluated, OpenedRun, RunOutcome, TrainedModel } from '../../contracts/index.js';
import { deploy } from '../steps.js';
import { enter, type Run } from './run.js';

/** Releases the challenger. The move's id and the expected epoch were fixed before evaluation, so a retry cannot move twice. */
export function deployChallenger(
  run: Run,
  plan: OpenedRun,
  trained: TrainedModel,
  evaluated: Evaluated,
  approval: Approval,
): Promise<RunOutcome> {
  return CancellationScope.nonCancellable(async () => {
    await enter(run, 'deploying', { approval });
    const { moveId, expectedEpoch } = plan;
    const { model, n } = run;
    const challenger = trained.model;
    const moved = await deploy({ model, n, challenger, evidence: evaluated.evidence, approval, moveId, expectedEpoch });
    return { kind: 'released', release: moved.release, text: `release ${moved.release}, epoch ${moved.epoch}` };
  });
}
