/** Which run is meant when none is named: the one that is open, or the one that waits for a person. */
import type { SeawallClient } from '../client/index.js';
import { type BudgetWait, type RunStatus, SeawallError } from '../contracts/index.js';

/** @throws SeawallError `NotFound` when there is none, `BadInput` when there are several */
export async function findRun(client: SeawallClient, model: string, wanted: 'open' | 'waiting'): Promise<RunStatus> {
  const { openRuns: all, waitsForBudget } = await client.loopStatus(model);
  const openRuns = all.filter((n) => !waitsForBudget.some((wait) => wait.n === n));
  const runs = await Promise.all(openRuns.map((n) => client.runStatus(model, n)));
  const fitting = runs.filter(({ outcome, waitingFor }) =>
    wanted === 'open' ? outcome === null : waitingFor !== null,
  );
  const [run, ...others] = fitting;
  const name = `Name the run: --run N (\`seawall status ${model}\` shows the open ones; a run started alone must be named).`;
  if (run === undefined) {
    const text = wanted === 'open' ? 'has no open training run' : 'has no training run that waits for a person';
    throw new SeawallError(
      'NotFound',
      `the loop of ${model} ${text}${phases(runs)}${budgetWaits(model, waitsForBudget)}`,
      name,
    );
  }
  if (others.length > 0)
    throw new SeawallError('BadInput', `${model} has several: runs ${fitting.map(({ n }) => n).join(', ')}`, name);
  return run;
}

function phases(runs: readonly RunStatus[]): string {
  return runs.length === 0 ? '' : ` (${runs.map(({ n, phase }) => `run ${n}: ${phase}`).join(', ')})`;
}

/** Such a run has no workflow yet: there is nothing to cancel, and a pause takes it back. */
function budgetWaits(model: string, waits: readonly BudgetWait[]): string {
  return waits.map(({ n }) => `; run ${n} waits for budget (seawall pause ${model} takes it back)`).join('');
}
