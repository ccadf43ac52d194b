/** Registers the messages of a workflow: each as a signal and as an update of the same name, answered and audited. */
import {
  CancellationScope,
  defineSignal,
  defineUpdate,
  log,
  setDefaultSignalHandler,
  setHandler,
} from '@temporalio/workflow';
import {
  type Answer,
  type AuditRecord,
  type Message,
  type MessageName,
  parseMessage,
  toIso,
} from '../contracts/index.js';
import { audit } from './steps.js';

export interface Receiver<N extends MessageName> {
  model: string;
  workflowId: string;
  /** Resolves when the workflow can take messages. */
  ready: () => Promise<unknown>;
  /** The answer that a message with this id got before. */
  earlier: (messageId: string) => Answer | undefined;
  /** Carries the message out, or refuses it. */
  handle: (message: Extract<Message, { name: N }>) => Answer | Promise<Answer>;
  remember: (messageId: string, answer: Answer) => void;
  /** The loop's standing orders, for the audit log; null in a training run. */
  standing: () => AuditRecord['standing'];
}

/** Must be called before the workflow's first await: an earlier signal would meet no handler. */
export function receiveMessages<N extends MessageName>(names: readonly N[], receiver: Receiver<N>): void {
  for (const name of names) {
    setHandler(defineUpdate<Answer, [unknown]>(name), (payload) => receive(name, payload, receiver));
    setHandler(defineSignal<[unknown]>(name), async (payload) => void (await receive(name, payload, receiver)));
  }
  setDefaultSignalHandler(async (signalName, payload) => {
    const text = `unknown message "${signalName}": this workflow takes ${names.join(', ')}`;
    const fields = (typeof payload === 'object' && payload !== null ? payload : {}) as Record<string, unknown>;
    const sender = { messageId: String(fields['messageId'] ?? 'none'), by: String(fields['by'] ?? 'unknown') };
    await receiver.ready();
    await writeAudit(signalName, { ...sender, reason: null }, { accepted: false, text }, receiver);
  });
}

/** Never throws: an error in a handler would fail the workflow or its task. */
async function receive<N extends MessageName>(name: N, payload: unknown, receiver: Receiver<N>): Promise<Answer> {
  await receiver.ready();
  const parsed = parseMessage(name, payload);
  if (!parsed.ok) {
    const answer = { accepted: false, text: parsed.problem };
    await writeAudit(name, { messageId: parsed.messageId, by: parsed.by, reason: null }, answer, receiver);
    return answer;
  }
  const { message } = parsed;
  const earlier = receiver.earlier(message.messageId);
  if (earlier) return earlier;
  receiver.remember(message.messageId, { accepted: true, text: 'received; being carried out' });
  const answer = await receiver.handle(message);
  receiver.remember(message.messageId, answer);
  await writeAudit(name, message, answer, receiver);
  return answer;
}

/** Also when the workflow is being cancelled: what a person did is not lost. */
async function writeAudit<N extends MessageName>(
  name: string,
  from: { messageId: string; by: string; reason: string | null },
  answer: Answer,
  receiver: Receiver<N>,
): Promise<void> {
  const entry = {
    model: receiver.model,
    to: receiver.workflowId,
    message: name.slice(0, 100),
    messageId: from.messageId.slice(0, 200),
    by: from.by.slice(0, 200),
    reason: from.reason,
    accepted: answer.accepted,
    result: answer.text,
    standing: receiver.standing(),
    at: toIso(Date.now()),
  };
  try {
    await CancellationScope.nonCancellable(() => audit(entry));
  } catch (error) {
    log.error('the audit log could not be written', { entry, error: String(error) });
  }
}
