/** Everything that one asks of Seawall's workflows, typed, with errors that say what to do. */
import { Client, type ConnectionLike, type WorkflowHandle, WorkflowUpdateFailedError } from '@temporalio/client';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  type Answer,
  fleetId,
  type FleetMessageName,
  fleetSignals,
  type FleetStatus,
  isName,
  type LoopHint,
  type LoopMessageName,
  type LoopStatus,
  type MessageName,
  modelLoopId,
  NAME_RULE,
  parseMessage,
  type RunMessageName,
  type RunStatus,
  SeawallError,
  statusQuery,
  taskQueues,
  trainingRunId,
  type TrainingRunInput,
  workflowTypes,
} from '../contracts/index.js';
import { isMissing, isSilence, lookCommand, missing, silent, type Target, temporalError } from './errors.js';

export interface SeawallClientOptions {
  connection: ConnectionLike;
  namespace: string;
  /** For messages: where Temporal is. */
  address?: string;
  /** How long a worker may take to take a message or a query. Default: 15 s. */
  answerWithinMs?: number;
  /** How long it may take to carry a message out. Default: 2 minutes. */
  carryOutWithinMs?: number;
}

export interface Envelope {
  /** Unique; the same id twice is one message. */
  messageId: string;
  by: string;
  reason?: string | null;
}
/** What each message carries besides the envelope. */
export interface MessageFields {
  approve: { challenger: string; evidence: string };
  reject: { challenger: string; evidence: string };
  /** As `2d`; added to the deadline. */
  hold: { for: string };
  cancel: object;
  retrain: { force?: boolean };
  rollback: { toRelease?: number | null };
  stop: { cancelRuns?: boolean };
  pause: object;
  resume: object;
  pin: object;
  unpin: object;
  freeze: { cancelRunning?: boolean };
  unfreeze: object;
}
export type Payload<N extends MessageName> = Envelope & MessageFields[N];
export type TargetOf<N extends MessageName> = N extends RunMessageName
  ? { model: string; run: number }
  : N extends LoopMessageName
    ? { model: string }
    : N extends FleetMessageName
      ? { pool: string }
      : never;

/** Every function throws `SeawallError`: `NotFound`, `Unavailable`, `AccessDenied`, `BadInput`. */
export interface SeawallClient {
  /** Starts the model's loop; `started` is false when it ran already. */
  startLoop(model: string): Promise<{ workflowId: string; started: boolean }>;
  loopStatus(model: string): Promise<LoopStatus>;
  /** Also of a run that has ended, as long as Temporal keeps its history. */
  runStatus(model: string, n: number): Promise<RunStatus>;
  /** Starts the pool's fleet workflow, its ledger; `started` is false when it ran already. */
  startFleet(pool: string): Promise<{ workflowId: string; started: boolean }>;
  fleetStatus(pool: string): Promise<FleetStatus>;
  /** Tells the pool's ledger, started if need be, to read its budget again. */
  hintBudget(pool: string): Promise<void>;
  /** Sends a message as an update and waits for what came of it. The same message id again gets the same answer. */
  send<N extends MessageName>(target: TargetOf<N>, name: N, payload: Payload<N>): Promise<Answer>;
  /** Says "look again"; false: no loop runs. Only storage is believed, so a hint that is lost costs time and nothing else. */
  hint(model: string, hint: LoopHint): Promise<boolean>;
  /** Starts a training run without a loop. `n` must be free: the run fails when another one has claimed it. */
  startRun(model: string, n: number): Promise<{ workflowId: string; n: number }>;
}

/** Over a connection of yours; close that yourself. */
export function createSeawallClient(options: SeawallClientOptions): SeawallClient {
  const { connection, namespace } = options;
  const talk: Talk = {
    client: new Client({ connection, namespace }),
    namespace,
    where: options.address ?? `namespace ${namespace}`,
    answerWithinMs: options.answerWithinMs ?? 15_000,
    carryOutWithinMs: options.carryOutWithinMs ?? 120_000,
  };
  return {
    startLoop: (model) => startLoop(talk, model),
    loopStatus: (model) => loopStatus(talk, model),
    runStatus: (model, n) => query<RunStatus>(talk, { model, run: n }),
    startFleet: (pool) => startFleet(talk, pool),
    fleetStatus: (pool) => query<FleetStatus>(talk, { pool }),
    hintBudget: (pool) => hintBudget(talk, pool),
    send: (target, name, payload) => send(talk, target, name, payload),
    hint: (model, hint) => sendHint(talk, model, hint),
    startRun: (model, n) => startRun(talk, model, n),
  };
}

interface Talk {
  client: Client;
  namespace: string;
  where: string;
  answerWithinMs: number;
  carryOutWithinMs: number;
}

async function startLoop(talk: Talk, model: string): Promise<{ workflowId: string; started: boolean }> {
  const workflowId = modelLoopId(checkName(model));
  const started = await start(talk, workflowTypes.modelLoop, {
    workflowId,
    args: [{ model }],
    staticSummary: `model ${model}: monitors, decides, retrains, releases`,
    staticDetails: `\`npx seawall status ${model}\` shows what is live, what was decided and why, and what waits for whom.`,
  });
  return { workflowId, started };
}

async function startRun(talk: Talk, model: string, n: number): Promise<{ workflowId: string; n: number }> {
  if (!Number.isSafeInteger(n) || n < 1)
    throw new SeawallError('BadInput', `${n} is not the number of a run`, 'Give a whole number, 1 or more.');
  const workflowId = trainingRunId(checkName(model), n);
  const input: TrainingRunInput = { model };
  const started = await start(talk, workflowTypes.trainingRun, {
    workflowId,
    args: [input],
    // A run's number is used once, for ever.
    workflowIdReusePolicy: 'REJECT_DUPLICATE',
    staticSummary: `training run ${n} of ${model}, started by hand`,
  });
  if (started) return { workflowId, n };
  throw new SeawallError('RunNumberTaken', `there is a workflow ${workflowId} already`, 'Choose a higher number.');
}

async function startFleet(talk: Talk, pool: string): Promise<{ workflowId: string; started: boolean }> {
  const workflowId = fleetId(checkName(pool));
  const started = await start(talk, workflowTypes.fleet, {
    workflowId,
    args: [{ pool }],
    staticSummary: `pool ${pool}: its budget, and who goes first`,
    staticDetails: `\`npx seawall budget show ${pool}\` shows what is left, who runs, and who waits for what.`,
  });
  return { workflowId, started };
}

async function hintBudget(talk: Talk, pool: string): Promise<void> {
  await startFleet(talk, pool);
  await reach(talk, { pool }, () => handleOf(talk, { pool }).signal(fleetSignals.budget, {}));
}

/** False when a workflow of that id is there already. */
async function start(
  talk: Talk,
  type: string,
  options: Omit<Parameters<Client['workflow']['start']>[1], 'taskQueue'> & { workflowId: string; args: unknown[] },
): Promise<boolean> {
  try {
    await withDeadline(talk, talk.answerWithinMs, () =>
      talk.client.workflow.start(type, { ...options, taskQueue: taskQueues.loop }),
    );
    return true;
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return false;
    throw temporalError(error, talk.where);
  }
}

/** A closed workflow still answers queries, with what was true then: that must not look like a running loop. */
async function loopStatus(talk: Talk, model: string): Promise<LoopStatus> {
  const handle = handleOf(talk, { model });
  const description = await reach(talk, { model }, () => handle.describe());
  if (description.status.name !== 'RUNNING') {
    const when = description.closeTime ? ` at ${description.closeTime.toISOString()}` : '';
    throw missing({ model }, `the last one is ${description.status.name.toLowerCase()}${when}`);
  }
  return query<LoopStatus>(talk, { model });
}

function query<T>(talk: Talk, target: Target): Promise<T> {
  return reach(talk, target, () => handleOf(talk, target).query<T>(statusQuery));
}

async function send<N extends MessageName>(
  talk: Talk,
  target: TargetOf<N>,
  name: N,
  payload: Payload<N>,
): Promise<Answer> {
  const parsed = parseMessage(name, payload);
  if (!parsed.ok) throw new SeawallError('BadInput', parsed.problem, 'Correct the message and send it again.');
  const update = { args: [payload] as [unknown], updateId: payload.messageId, waitForStage: 'ACCEPTED' as const };
  const taken = await reach(talk, target, () => handleOf(talk, target).startUpdate<Answer, [unknown]>(name, update));
  try {
    return await withDeadline(talk, talk.carryOutWithinMs, () => taken.result());
  } catch (error) {
    if (error instanceof WorkflowUpdateFailedError) {
      const text = error.cause?.message ?? error.message;
      return { accepted: false, text: `${name} was not carried out: ${text}` };
    }
    if (isMissing(error)) throw missing(target, 'it ended before it answered');
    if (!isSilence(error)) throw temporalError(error, talk.where);
    throw new SeawallError(
      'Unavailable',
      `${name} was taken by ${idOf(target)}, but not carried out within ${Math.round(talk.carryOutWithinMs / 1000)} s`,
      `It is not lost: see \`${lookCommand(target)}\`, or send it again with the same message id (${payload.messageId}).`,
      { cause: error },
    );
  }
}

async function sendHint(talk: Talk, model: string, hint: LoopHint): Promise<boolean> {
  checkName(model);
  try {
    await withDeadline(talk, talk.answerWithinMs, () => handleOf(talk, { model }).signal(hint, {}));
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw temporalError(error, talk.where);
  }
}

/** Asks a workflow something that needs its worker. */
async function reach<T>(talk: Talk, target: Target, ask: () => Promise<T>): Promise<T> {
  checkName('pool' in target ? target.pool : target.model);
  try {
    return await withDeadline(talk, talk.answerWithinMs, ask);
  } catch (error) {
    if (isMissing(error)) throw missing(target);
    if (!isSilence(error)) throw temporalError(error, talk.where);
    throw silent(taskQueues.loop, talk.answerWithinMs, await pollers(talk));
  }
}

/** Workers that poll the loop's queue for workflow tasks. @throws SeawallError when not even the server answers */
async function pollers(talk: Talk): Promise<number> {
  try {
    const { pollers: found } = await withDeadline(talk, 3000, () =>
      talk.client.workflowService.describeTaskQueue({
        namespace: talk.namespace,
        taskQueue: { name: taskQueues.loop },
        taskQueueType: 1,
      }),
    );
    // The server remembers pollers for minutes; one that polls comes back at least every minute.
    const alive = (found ?? []).filter(({ lastAccessTime }) => secondsSince(lastAccessTime?.seconds) < 75);
    return alive.length;
  } catch (error) {
    throw temporalError(error, talk.where);
  }
}

const secondsSince = (seconds: unknown): number => Date.now() / 1000 - Number(seconds ?? 0);

function withDeadline<T>(talk: Talk, ms: number, call: () => Promise<T>): Promise<T> {
  return talk.client.withDeadline(Date.now() + ms, call);
}

function handleOf(talk: Talk, target: Target): WorkflowHandle {
  return talk.client.workflow.getHandle(idOf(target));
}

function idOf(target: Target): string {
  if ('pool' in target) return fleetId(target.pool);
  return target.run === undefined ? modelLoopId(target.model) : trainingRunId(target.model, target.run);
}

function checkName(model: string): string {
  if (isName(model)) return model;
  throw new SeawallError('BadInput', `"${model}" cannot be the name of a model or pool`, `Check it: ${NAME_RULE}.`);
}
