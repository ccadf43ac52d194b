/** The run record in storage is the truth, the signal of its end only a hint: open runs are looked at in every cycle. */
import {
  blankRun,
  keys,
  type Observation,
  type OpenRun,
  type RunClaim,
  type RunOutcome,
  type RunPlan,
  type RunProgress,
  type RunRecord,
  type RunReservation,
  toIso,
} from '../../contracts/index.js';
import { closingCause, listRuns, readRun } from '../run-index.js';
import { mapSome } from '../sequences.js';
import type { MonitorPorts } from './ports.js';

/** A run that nobody told us of has just been claimed when it has no workflow yet; its workflow is started within seconds. */
const START_GRACE_MS = 10 * 60_000;

/** Runs that are known to have ended, by `<model>/<n>`: an outcome is final, so it need not be read twice. */
export type EndedMemory = Set<string>;

/**
 * How the open runs are now: those that the loop knows, and those that were started without it. One listing, and of each run that
 * is not known to have ended its newest record; Temporal is asked about those that are open.
 */
export async function lookAtRuns(
  ports: MonitorPorts,
  { model, openRuns: told }: { model: string; openRuns: OpenRun[] },
  memory: EndedMemory,
): Promise<Pick<Observation, 'endedRuns' | 'openRuns'>> {
  const strangers = await openStrangers(ports, model, new Set(told.map(({ n }) => n)), memory);
  const looks = [
    ...told.map((run) => ({ run, graceMs: 0 })),
    ...strangers.map((run) => ({ run, graceMs: START_GRACE_MS })),
  ];
  const ended: Observation['endedRuns'] = [];
  const open: OpenRun[] = [];
  const outcomes = await mapSome(looks, ({ run, graceMs }) => lookAt(ports, model, run, graceMs));
  for (const [i, outcome] of outcomes.entries()) {
    const { run } = looks[i] as { run: OpenRun };
    if ('progress' in outcome) open.push({ ...run, ...outcome });
    else {
      ended.push({ n: run.n, outcome });
      memory.add(`${model}/${run.n}`);
    }
  }
  return { endedRuns: ended, openRuns: open };
}

/** Runs without an outcome that we were not told of: somebody started them by hand, or for another loop. */
async function openStrangers(
  ports: MonitorPorts,
  model: string,
  told: ReadonlySet<number>,
  memory: EndedMemory,
): Promise<OpenRun[]> {
  const unknown = (await listRuns(ports.json, model)).filter(({ n }) => !told.has(n) && !memory.has(`${model}/${n}`));
  const runs = await mapSome(unknown, async (each) => {
    const run = await readRun(ports.json, model, each);
    if (run?.record?.outcome) memory.add(`${model}/${run.n}`);
    return run && !run.record?.outcome ? [{ n: run.n, workflowId: run.workflowId, causeId: run.causeId }] : [];
  });
  return runs.flat();
}

/** How the run ended, or how far it has come; without progress it has recorded nothing yet. */
async function lookAt(
  ports: MonitorPorts,
  model: string,
  run: OpenRun,
  graceMs: number,
): Promise<RunOutcome | { progress: RunProgress | undefined }> {
  const folder = keys.runRecords(model, run.n);
  const before = await ports.records.newest<RunRecord>(folder);
  if (before?.outcome) return before.outcome;
  const workflow = await ports.inspector.state(run.workflowId);
  if (workflow === 'running') return { progress: await progressOf(ports, before) };
  // It may have recorded its end between our two questions.
  const record = await ports.records.newest<RunRecord>(folder);
  if (record?.outcome) return record.outcome;
  const plan = (await ports.json.read<RunPlan>(keys.runPlan(model, run.n)))?.value;
  if (record || plan) return closeForIt(ports, model, run, record, await outcomeOf(ports, model, run, plan));
  const reserved = workflow === 'missing' && (await ports.json.read<RunReservation>(keys.runReservation(model, run.n)));
  // Its loop starts it when the pool's ledger says so; a loop that knows nothing of it takes it up.
  if (reserved) return { progress: { phase: 'awaitingBudget', since: reserved.value.at, deadlineAt: null } };
  if (workflow === 'missing' && graceMs > 0 && (await claimedSince(ports, model, run)) < graceMs)
    return { progress: undefined };
  return closeForIt(ports, model, run, record, abandoned(run, workflow));
}

/** The deadline is asked of the run itself: a person may have put it off, and the record says nothing of that. */
async function progressOf(
  { inspector }: MonitorPorts,
  record: RunRecord | undefined,
): Promise<RunProgress | undefined> {
  if (!record) return undefined;
  const { phase, at, workflowId } = record;
  const deadlineAt = phase === 'awaitingApproval' ? await inspector.deadlineOf(workflowId) : null;
  return { phase, since: at, deadlineAt };
}

async function claimedSince(ports: MonitorPorts, model: string, { n }: OpenRun): Promise<number> {
  const claim = (await ports.json.read<RunClaim>(keys.runClaim(model, n)))?.value;
  return claim ? ports.wallNow() - Date.parse(claim.at) : Infinity;
}

/** A workflow that was terminated cleans up nothing; every challenger must end in a recorded outcome all the same. */
async function closeForIt(
  ports: MonitorPorts,
  model: string,
  run: OpenRun,
  last: RunRecord | undefined,
  outcome: RunOutcome,
): Promise<RunOutcome> {
  const causeId = closingCause(run.workflowId);
  const at = toIso(ports.wallNow());
  const make = (seq: number): RunRecord => ({
    ...(last ?? { kind: 'run', schema: 1, ...blankRun({ ...run, model, at }) }),
    ...{ seq, causeId, phase: 'ended', outcome, at },
  });
  // The closing record has an outcome, and the last one had none: what closes the run lies above it.
  const record = await ports.records.append<RunRecord>(keys.runRecords(model, run.n), causeId, make, last?.seq ?? 0);
  return record.outcome ?? outcome;
}

/** Nothing was done for it and nothing will be: whoever claimed it may start it anew, under another number. */
function abandoned({ workflowId, causeId }: OpenRun, workflow: 'closed' | 'missing'): RunOutcome {
  const why =
    workflow === 'missing'
      ? `the workflow ${workflowId} was never started`
      : `the workflow ${workflowId} was there before and never opened it: somebody started it by hand with a wrong input, or ended it at once`;
  return { kind: 'abandoned', text: `claimed for "${causeId}", but ${why}` };
}

/** The pointer knows whether the release happened: the run's move carries an id that was fixed in its plan. */
async function outcomeOf(
  ports: MonitorPorts,
  model: string,
  run: OpenRun,
  plan: RunPlan | undefined,
): Promise<RunOutcome> {
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
