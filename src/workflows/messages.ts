/** Registers the messages of a workflow: each as a signal and as an update of the same name, answered and audited. */
import {
  CancellationScope,
  defineSignal,
  defineUpdate,
  log,
  setDefaultSignalHandler,
  setHandler,
  sleep,
} from '@temporalio/workflow';
import {
  type Answer,
  type AuditInput,
  type AuditRecord,
  type Message,
  type MessageName,
  parseMessage,
  shortText,
  toIso,
} from '../contracts/index.js';
import { audit } from './steps.js';

export interface Receiver<N extends MessageName> {
  /** Whose audit log it is; empty with a pool's. */
  model: string;
  pool?: string;
  workflowId: string;
  /** Resolves when the workflow can take messages, or never will. */
  ready: () => Promise<unknown>;
  /** The answer that a message with this id got before. */
  earlier: (messageId: string) => Answer | undefined;
  /** Carries the message out, or refuses it. */
  handle: (message: Extract<Message, { name: N }>) => Answer | Promise<Answer>;
  remember: (messageId: string, answer: Answer) => void;
  /** The loop's standing orders, for the audit log; null in a training run. */
  standing: () => AuditRecord['standing'];
}

type Sender = Pick<AuditRecord, 'messageId' | 'by' | 'reason'>;

/** Must be called before the workflow's first await: an earlier signal would meet no handler. */
export function receiveMessages<N extends MessageName>(names: readonly N[], receiver: Receiver<N>): void {
  const audited = createAuditTrail(receiver);
  // Also when the workflow is being cancelled: a handler that is cut off would leave its sender and the audit log without a word.
  const receive = (name: N, payload: unknown) =>
    CancellationScope.nonCancellable(() => answerTo(name, payload, receiver, audited));
  for (const name of names) {
    setHandler(defineUpdate<Answer, [unknown]>(name), (payload) => receive(name, payload));
    setHandler(defineSignal<[unknown]>(name), async (payload) => void (await receive(name, payload)));
  }
  setDefaultSignalHandler(async (signalName, payload) => {
    const text = `unknown message "${signalName.slice(0, 100)}": this workflow takes ${names.join(', ')}`;
    await CancellationScope.nonCancellable(async () => {
      await receiver.ready();
      await audited(signalName, senderOf(payload), { accepted: false, text });
    });
  });
}

/** Never throws: an error in a handler would fail the workflow or its task. */
async function answerTo<N extends MessageName>(
  name: N,
  payload: unknown,
  receiver: Receiver<N>,
  audited: AuditTrail,
): Promise<Answer> {
  await receiver.ready();
  const parsed = parseMessage(name, payload);
  if (!parsed.ok) return audited(name, { ...parsed, reason: null }, { accepted: false, text: parsed.problem });
  const { message } = parsed;
  const earlier = receiver.earlier(message.messageId);
  if (earlier) return earlier;
  receiver.remember(message.messageId, { accepted: true, text: 'received; being carried out' });
  let answer: Answer;
  try {
    answer = await receiver.handle(message);
  } catch (error) {
    answer = { accepted: false, text: `it could not be carried out: ${String(error)}` };
  }
  receiver.remember(message.messageId, answer);
  return audited(name, message, answer);
}

function senderOf(payload: unknown): Sender {
  const fields = (typeof payload === 'object' && payload !== null ? payload : {}) as Record<string, unknown>;
  return {
    messageId: shortText(fields['messageId']) ?? 'none',
    by: shortText(fields['by']) ?? 'unknown',
    reason: null,
  };
}

/** Even a final refusal of the store (a key that has expired) passes when somebody mends it; an act must not be forgotten. */
const AUDIT_AGAIN_MS = 60_000;

async function tryAudit(entry: AuditInput): Promise<boolean> {
  try {
    await audit(entry);
    return true;
  } catch (error) {
    log.error('the audit log could not be written', { entry, error: String(error) });
    return false;
  }
}

/** Writes one act to the audit log and gives its answer back. */
type AuditTrail = (name: string, from: Sender, answer: Answer) => Promise<Answer>;

/** One after the other, in the order of the acts: the newest entry is what a loop that is born again goes by. Never throws. */
function createAuditTrail<N extends MessageName>(receiver: Receiver<N>): AuditTrail {
  let written: Promise<void> = Promise.resolve();
  return async (name, from, answer) => {
    const entry = {
      model: receiver.model,
      ...(receiver.pool === undefined ? {} : { pool: receiver.pool }),
      to: receiver.workflowId,
      message: name.slice(0, 100),
      messageId: from.messageId,
      by: from.by,
      reason: from.reason,
      accepted: answer.accepted,
      result: answer.text,
      standing: receiver.standing(),
      at: toIso(Date.now()),
    };
    written = written.then(async () => {
      while (!(await tryAudit(entry))) await sleep(AUDIT_AGAIN_MS, { summary: 'the audit log again' });
    });
    await written;
    return answer;
  };
}
