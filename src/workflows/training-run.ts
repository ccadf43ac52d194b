/** One pass of fetch, train, evaluate, approve and release. Also started alone: its id must be `train/<model>/<n>`. */
import type { RunOutcome } from '../contracts/index.js';
import { approveChallenger } from './run/approve.js';
import { concluded } from './run/conclude.js';
import { deployChallenger } from './run/deploy.js';
import { refused } from './run/outcomes.js';
import { beginRun } from './run/run.js';
import { evaluateChallenger, fetchData, openPlan } from './run/steps.js';
import { trainChallenger } from './run/train.js';

export async function trainingRun(input: unknown): Promise<RunOutcome> {
  const run = beginRun(input); // its handlers stand before the first await
  return concluded(run, async () => {
    const plan = await openPlan(run);
    const data = await fetchData(run, plan);
    const trained = await trainChallenger(run, plan);
    const evaluated = await evaluateChallenger(run, trained, data);
    if (!evaluated.promotion.promote) return refused('evaluation', evaluated.promotion.text);
    const approval = await approveChallenger(run, plan, trained, evaluated);
    if (approval.verdict === 'rejected')
      return refused('person', `rejected by ${approval.by}: ${approval.reason ?? 'no reason given'}`);
    if (approval.verdict === 'expired') return refused('deadline', `nobody approved it until ${approval.at}`);
    return deployChallenger(run, plan, trained, evaluated, approval);
  });
}
