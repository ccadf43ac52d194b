/** The run record in storage is the truth, the signal of its end only a hint: open runs are looked at in every cycle. */
import {
  keys,
  type Observation,
  type OpenRun,
  type RunClaim,
  type RunOutcome,
  type RunPlan,
  type RunRecord,
  toIso,
} from '../../contracts/index.js';
import type { MonitorPorts } from './ports.js';

type Runs = Pick<Observation, 'endedRuns' | 'unstartedRuns'>;

export async function endedRuns(ports: MonitorPorts, model: string, openRuns: OpenRun[]): Promise<Runs> {
  const runs: Runs = { endedRuns: [], unstartedRuns: [] };
  for (const run of openRuns) {
    const state = await stateOf(ports, model, run);
    if (state === 'unstarted') runs.unstartedRuns.push(run);
    else if (state !== 'open') runs.endedRuns.push({ n: run.n, outcome: state });
  }
  return runs;
}

async function stateOf(ports: MonitorPorts, model: string, run: OpenRun): Promise<RunOutcome | 'open' | 'unstarted'> {
  const folder = keys.runRecords(model, run.n);
  const before = await ports.records.newest<RunRecord>(folder);
  if (before?.outcome) return before.outcome;
  const workflow = await ports.inspector.state(run.workflowId);
  if (workflow === 'running') return 'open';
  // It may have recorded its end between our two questions.
  const record = await ports.records.newest<RunRecord>(folder);
  if (record?.outcome) return record.outcome;
  if (workflow === 'missing' && !record) return 'unstarted';
  return closeForIt(ports, model, run, record);
}

/** A workflow that was terminated cleans up nothing; every challenger must end in a recorded outcome all the same. */
async function closeForIt(
  ports: MonitorPorts,
  model: string,
  run: OpenRun,
  last: RunRecord | undefined,
): Promise<RunOutcome> {
  const outcome = await outcomeOf(ports, model, run);
  const causeId = `closed/${run.workflowId}`;
  const record = await ports.records.append<RunRecord>(keys.runRecords(model, run.n), causeId, (seq) => ({
    ...(last ?? (emptyRecord(model, run) satisfies Omit<RunRecord, 'seq' | 'causeId' | 'outcome' | 'phase' | 'at'>)),
    seq,
    causeId,
    phase: 'ended',
    outcome,
    at: toIso(ports.wallNow()),
  }));
  return record.outcome ?? outcome;
}

/** The pointer knows whether the release happened: the run's move carries an id that was fixed in its plan. */
async function outcomeOf(ports: MonitorPorts, model: string, run: OpenRun): Promise<RunOutcome> {
  const plan = (await ports.json.read<RunPlan>(keys.runPlan(model, run.n)))?.value;
  const pointer = await ports.pointers.read(model);
  const move = plan && pointer?.moves.find(({ moveId }) => moveId === plan.moveId);
  if (move) {
    const text = `release ${move.release} went live; the workflow ${run.workflowId} was ended before it could record that`;
    return { kind: 'released', release: move.release, text };
  }
  const claim = (await ports.json.read<RunClaim>(keys.runClaim(model, run.n)))?.value;
  const since = claim ? ` (claimed ${claim.at})` : '';
  return {
    kind: 'failed',
    failure: 'Terminated',
    text: `terminated: the workflow ${run.workflowId}${since} was ended from outside before it had an outcome; nothing was released`,
  };
}

function emptyRecord(model: string, run: OpenRun) {
  return {
    kind: 'run' as const,
    schema: 1 as const,
    model,
    n: run.n,
    workflowId: run.workflowId,
    configDigest: null,
    dataset: null,
    champion: null,
    attempts: [],
    challenger: null,
    trainSeconds: null,
    device: null,
    evidence: null,
    evaluation: null,
    approval: null,
  };
}
