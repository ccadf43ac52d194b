/** The loop's memory and its ears. */
import {
  ActivityFailure,
  ApplicationFailure,
  condition,
  defineQuery,
  defineSignal,
  isCancellation,
  setHandler,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import {
  type Answer,
  type FailureType,
  isName,
  loopHints,
  type LoopMessage,
  loopMessages,
  type LoopStatus,
  modelLoopId,
  statusQuery,
  toIso,
} from '../../contracts/index.js';
import {
  applyStanding,
  earlierAnswer,
  fromSeed,
  type LoopState,
  remember,
  statusOf,
} from '../../domain/reducers/loop-state.js';
import { receiveMessages } from '../messages.js';
import { hydrateLoop } from '../steps.js';
import { isFailure, textOfFailure } from '../run/outcomes.js';
import { createVisibility } from '../visible.js';
import { listenForBudget } from './budget-answers.js';
import { loopDetails, loopSummary } from './details.js';

/** A message that the loop carries out in turn; its sender waits for the answer. */
export interface Request {
  message: Extract<LoopMessage, { name: 'retrain' | 'rollback' }>;
  answer: Answer | null;
}

export interface Loop {
  readonly model: string;
  /** null until hydrated. */
  state: LoopState | null;
  requests: Request[];
  /** Somebody said "look again". */
  hinted: boolean;
  stop: { by: string; cancelRuns: boolean } | null;
  /** No request will be carried out any more. */
  ended: boolean;
  /** Why the last cycle could not be finished; null when it was. */
  problem: string | null;
  /** Windows monitored since this run of the workflow began, and when that was (wall clock). */
  windows: number;
  startedAtMs: number;
  /** When storage was last looked at (wall clock). */
  lookedAt: string | null;
  show: () => void;
}

/** What continue-as-new hands on. Undelivered requests have been carried out before. */
export interface CarriedLoop {
  state: LoopState;
}

/** Reads the input and registers the handlers; must run before the workflow's first await. */
export function beginLoop(input: unknown): Loop {
  const { model, carried } = readInput(input);
  const loop: Loop = {
    model,
    state: carried?.state ?? null,
    requests: [],
    hinted: false,
    stop: null,
    ended: false,
    problem: null,
    windows: 0,
    startedAtMs: Date.now(),
    lookedAt: null,
    show: () => undefined,
  };
  const show = createVisibility(() => loop.state?.searchAttributes ?? false);
  loop.show = () => {
    const status = currentStatus(loop);
    const decision = status.lastDecision?.action ?? null;
    const release = status.champion?.release ?? null;
    show({ model, state: status.state, decision, release, summary: loopSummary(status), details: loopDetails(status) });
  };
  listen(loop);
  return loop;
}

const AGAIN_MS = 60_000;

/** A loop that is born again reads what it knew from object storage. */
export async function hydrate(loop: Loop): Promise<void> {
  while (loop.state === null) {
    try {
      loop.state = fromSeed(await hydrateLoop({ model: loop.model }));
    } catch (error) {
      // Without a configuration there is nothing to watch: whoever started the loop should see that at once.
      if (!(error instanceof ActivityFailure) || isCancellation(error) || isFailure(error, 'NotFound')) throw error;
      loop.problem = textOfFailure(error);
      loop.show();
      await sleep(AGAIN_MS, { summary: loop.problem.slice(0, 200) });
    }
  }
  loop.problem = null;
  loop.show();
}

/** The state of a hydrated loop. */
export function stateOf(loop: Loop): LoopState {
  if (!loop.state) throw new Error('the loop is used before it is hydrated');
  return loop.state;
}

function listen(loop: Loop): void {
  setHandler(defineQuery<LoopStatus>(statusQuery), () => currentStatus(loop));
  for (const hint of loopHints) {
    setHandler(defineSignal<[unknown]>(hint), () => {
      loop.hinted = true;
    });
  }
  listenForBudget(loop);
  receiveMessages(loopMessages, {
    model: loop.model,
    workflowId: modelLoopId(loop.model),
    ready: () => condition(() => loop.state !== null || loop.ended),
    earlier: (messageId) => (loop.state ? earlierAnswer(loop.state, messageId) : undefined),
    remember: (messageId, answer) => {
      if (loop.state) loop.state = remember(loop.state, messageId, answer);
    },
    standing: () => loop.state?.standing ?? null,
    handle: (message) => handle(loop, message),
  });
}

async function handle(loop: Loop, message: LoopMessage): Promise<Answer> {
  if (loop.ended) return { accepted: false, text: 'the loop has ended: start it again' };
  switch (message.name) {
    case 'pause':
    case 'resume':
    case 'pin':
    case 'unpin': {
      const { state, answer } = applyStanding(stateOf(loop), message, toIso(Date.now()));
      loop.state = state;
      loop.hinted = true;
      loop.show();
      return answer;
    }
    case 'stop':
      loop.stop ??= { by: message.by, cancelRuns: message.cancelRuns };
      return { accepted: true, text: message.cancelRuns ? 'stopping, and cancelling the open run' : 'stopping' };
    case 'retrain':
    case 'rollback': {
      const request: Request = { message, answer: null };
      loop.requests.push(request);
      await condition(() => request.answer !== null);
      return request.answer ?? { accepted: false, text: 'not carried out' };
    }
  }
}

function currentStatus(loop: Loop): LoopStatus {
  const { problem, windows, lookedAt } = loop;
  return statusOf(loop.model, loop.state, { stopped: loop.stop !== null, problem, windows, lookedAt });
}

function readInput(input: unknown): { model: string; carried: CarriedLoop | undefined } {
  const { workflowId } = workflowInfo();
  const fields = (typeof input === 'object' && input !== null ? input : {}) as Record<string, unknown>;
  const { model, carried } = fields;
  if (!isName(model) || workflowId !== modelLoopId(model)) {
    const text = `start it with the id model/<name> and the input {"model": "<name>"}: the id is ${workflowId}, the model ${JSON.stringify(model)}`;
    throw ApplicationFailure.nonRetryable(text, 'BadInput' satisfies FailureType);
  }
  return { model, carried: carried as CarriedLoop | undefined };
}
