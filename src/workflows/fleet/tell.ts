/** What the fleet says to other workflows, after it is stored. */
import { getExternalWorkflowHandle, isCancellation, log } from '@temporalio/workflow';
import { reservationSignal, runOfReservation } from '../../contracts/index.js';
import { answerTo } from '../../domain/reducers/ledger-account.js';
import { type Fleet, tableOf } from './fleet.js';

/** Tells every loop whose answer has changed since it was told last. By workflow id: it may have continued as new. */
export async function tell(fleet: Fleet): Promise<void> {
  await cancelRunning(fleet);
  const table = tableOf(fleet);
  const nowMs = Date.now();
  const told: Record<string, string> = {};
  const letters: { to: string; answer: ReturnType<typeof answerTo> }[] = [];
  for (const { id, replyTo, state } of table.entries) {
    const answer = answerTo(table, id, nowMs);
    told[id] = textOf(answer.state, answer.position, answer.text);
    // Of an end nobody must be told who has not asked: the loop knows it from the record.
    const wanted = fleet.told[id] === undefined ? state !== 'expired' : state === 'waiting' || state === 'reserved';
    if (wanted && fleet.told[id] !== told[id]) letters.push({ to: replyTo, answer });
  }
  fleet.told = told;
  await Promise.all(letters.map(({ to, answer }) => send(to, reservationSignal, answer)));
}

/** A renewed lease is no news. */
const textOf = (state: string, position: number | null, text: string): string => `${state}/${position}/${text}`;

/** What was granted and has not ended; a run that is not there, or has ended, hears nothing. */
async function cancelRunning(fleet: Fleet): Promise<void> {
  const orders = fleet.cancelOrders.splice(0);
  for (const { messageId, by, reason } of orders) {
    const running = tableOf(fleet).entries.filter(({ state }) => state === 'reserved');
    for (const { id } of running) {
      const payload = {
        messageId: `${messageId}/${id}`.slice(-200),
        by,
        reason: reason ?? `the pool ${fleet.pool} is frozen`,
      };
      await send(runOfReservation(id), 'cancel', payload);
    }
  }
}

async function send(to: string, name: string, payload: object): Promise<void> {
  try {
    await getExternalWorkflowHandle(to).signal(name, payload);
  } catch (error) {
    if (isCancellation(error)) throw error;
    log.info('nobody there to be told', { to, name, error: String(error) });
  }
}
