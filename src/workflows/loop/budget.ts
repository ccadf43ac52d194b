/** Between a decision to retrain and the start of its run, where the pool has a ledger: reserve, wait, start, tell of the end. */
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  ChildWorkflowCancellationType,
  getExternalWorkflowHandle,
  isCancellation,
  log,
  ParentClosePolicy,
  startChild,
} from '@temporalio/workflow';
import {
  blankRun,
  fleetId,
  fleetSignals,
  modelLoopId,
  reservationIdOf,
  type ReserveRequest,
  type RunOutcome,
  toIso,
  workflowTypes,
} from '../../contracts/index.js';
import { afterAsking, orphans, toSettle, type WaitingRun, withoutWaiting } from '../../domain/reducers/loop-budget.js';
import { recordRun } from '../steps.js';
import { type Loop, stateOf } from './loop.js';

/** Starting takes a moment: a grant that ends within it is asked for again. */
const START_MARGIN_MS = 60_000;

/** Takes up what a loop before this one has left waiting. */
export function adoptOrphans(loop: Loop): void {
  const found = orphans(stateOf(loop));
  if (found.length === 0) return;
  loop.state = { ...stateOf(loop), pendingRetrains: [...stateOf(loop).pendingRetrains, ...found] };
}

/** Asks, starts and gives up, run by run; then tells the ledger of those that have ended. No command where nothing waits. */
export async function pursueBudget(loop: Loop, start: (waiting: WaitingRun) => Promise<void>): Promise<void> {
  for (const { run } of [...(stateOf(loop).waiting ?? [])]) {
    const waiting = stateOf(loop).waiting?.find((each) => each.run.n === run.n);
    if (waiting) await pursue(loop, waiting, start);
  }
  for (const { n, pool } of toSettle(stateOf(loop))) {
    await tellFleet(pool, fleetSignals.settle, { reservationId: reservationIdOf(loop.model, n) });
    loop.state = { ...stateOf(loop), reserved: (stateOf(loop).reserved ?? []).filter((each) => each.n !== n) };
  }
}

async function pursue(loop: Loop, waiting: WaitingRun, start: (waiting: WaitingRun) => Promise<void>): Promise<void> {
  const { openRuns, standing } = stateOf(loop);
  const seen = openRuns.find(({ n }) => n === waiting.run.n);
  if (!seen || (seen.progress && seen.progress.phase !== 'awaitingBudget')) {
    loop.state = withoutWaiting(stateOf(loop), waiting, seen ? 'started' : 'up');
    return;
  }
  if (standing.paused || standing.pinned) {
    const order = standing.paused ? 'paused' : 'pinned';
    return giveUp(loop, waiting, { kind: 'cancelled', text: `the loop was ${order} while the run waited for budget` });
  }
  const { answer } = waiting;
  if (answer?.state === 'settled') {
    return giveUp(loop, waiting, { kind: 'abandoned', text: `its reservation has ended: ${answer.text}` });
  }
  const inTime = answer?.startUntil && Date.parse(answer.startUntil) - START_MARGIN_MS > Date.now();
  if (answer?.state === 'granted' && inTime) {
    await start(waiting);
    loop.state = withoutWaiting(stateOf(loop), waiting, 'started');
    loop.show();
    return;
  }
  if (answer?.state === 'granted' || Date.now() >= waiting.askAgainAtMs) await ask(loop, waiting);
}

async function ask(loop: Loop, { run, price }: WaitingRun): Promise<void> {
  const { pool, gpuMs, benefit, clock } = price;
  const request: ReserveRequest = {
    ...{ gpuMs, benefit, clock },
    reservationId: reservationIdOf(loop.model, run.n),
    now: stateOf(loop).now ?? toIso(Date.now()),
    replyTo: modelLoopId(loop.model),
  };
  // Before it is sent: the answer may be here first.
  loop.state = afterAsking(stateOf(loop), run.n, Date.now());
  await tellFleet(pool, fleetSignals.reserve, request);
}

/** What waits when the loop is stopped for good. */
export async function giveUpWaiting(loop: Loop, text: string): Promise<void> {
  for (const waiting of [...(loop.state?.waiting ?? [])]) await giveUp(loop, waiting, { kind: 'cancelled', text });
}

/** The run ends without having begun; a run that has begun after all keeps its own end. */
async function giveUp(loop: Loop, waiting: WaitingRun, outcome: RunOutcome): Promise<void> {
  const { n, workflowId, causeId } = waiting.run;
  const blank = blankRun({ model: loop.model, n, workflowId, causeId, at: toIso(Date.now()) });
  await recordRun({ ...blank, seq: 1, phase: 'ended', outcome });
  if (outcome.kind !== 'abandoned') {
    const lastRun = { n, outcome };
    loop.state = { ...withoutWaiting(stateOf(loop), waiting, 'up'), lastRun };
    await tellFleet(waiting.price.pool, fleetSignals.settle, { reservationId: reservationIdOf(loop.model, n) });
  } else {
    loop.state = withoutWaiting(stateOf(loop), waiting, 'started'); // the next look sees how it ended, and starts its decision again
    loop.hinted = true;
  }
  loop.show();
}

/** A fleet that is not there is started: it reads its ledger from storage. What is lost all the same is sent again by a timer. */
async function tellFleet(pool: string, name: string, payload: object): Promise<void> {
  const send = () => getExternalWorkflowHandle(fleetId(pool)).signal(name, payload);
  try {
    await send();
  } catch (error) {
    if (isCancellation(error)) throw error;
    await startFleet(pool);
    await send().catch((again: unknown) => {
      if (isCancellation(again)) throw again;
      log.warn('the ledger could not be told', { pool, name, error: String(again) });
    });
  }
}

async function startFleet(pool: string): Promise<void> {
  try {
    await startChild(workflowTypes.fleet, {
      workflowId: fleetId(pool),
      args: [{ pool }],
      parentClosePolicy: ParentClosePolicy.ABANDON,
      cancellationType: ChildWorkflowCancellationType.ABANDON,
      staticSummary: `pool ${pool}: its budget, and who goes first`,
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
}
