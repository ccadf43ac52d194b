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

export async function endedRuns(
  ports: MonitorPorts,
  model: string,
  openRuns: OpenRun[],
): Promise<Observation['endedRuns']> {
  const ended: Observation['endedRuns'] = [];
  for (const run of openRuns) {
    const outcome = await outcomeSoFar(ports, model, run);
    if (outcome !== 'open') ended.push({ n: run.n, outcome });
  }
  return ended;
}

async function outcomeSoFar(ports: MonitorPorts, model: string, run: OpenRun): Promise<RunOutcome | 'open'> {
  const folder = keys.runRecords(model, run.n);
  const before = await ports.records.newest<RunRecord>(folder);
  if (before?.outcome) return before.outcome;
  const workflow = await ports.inspector.state(run.workflowId);
  if (workflow === 'running') return 'open';
  // It may have recorded its end between our two questions.
  const record = await ports.records.newest<RunRecord>(folder);
  if (record?.outcome) return record.outcome;
  const outcome = workflow === 'missing' && !record ? abandoned(run) : await outcomeOf(ports, model, run);
  return closeForIt(ports, model, run, record, outcome);
}

/** A workflow that was terminated cleans up nothing; every challenger must end in a recorded outcome all the same. */
async function closeForIt(
  ports: MonitorPorts,
  model: string,
  run: OpenRun,
  last: RunRecord | undefined,
  outcome: RunOutcome,
): Promise<RunOutcome> {
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

/** The loop that claimed it died before it could start it; nobody will. */
function abandoned({ workflowId, causeId }: OpenRun): RunOutcome {
  return { kind: 'abandoned', text: `claimed for "${causeId}", but the workflow ${workflowId} was never started` };
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
