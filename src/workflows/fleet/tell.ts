/** What the fleet says to other workflows, after it is stored. */
import { getExternalWorkflowHandle, isCancellation, log } from '@temporalio/workflow';
import {
  modelLoopId,
  parseReservationId,
  type ReservationAnswer,
  reservationSignal,
  runOfReservation,
} from '../../contracts/index.js';
import { answersOf } from '../../domain/reducers/ledger-account.js';
import { type Fleet, tableOf } from './fleet.js';

/** Tells every loop whose answer has changed since it was told last. By workflow id: it may have continued as new. */
export async function tell(fleet: Fleet): Promise<void> {
  await cancelRunning(fleet);
  const letters = lettersOf(fleet);
  await Promise.all(letters.map(({ to, answer }) => send(to, reservationSignal, answer)));
}

/** To those who have asked, whatever the answer; to others when theirs has changed. Of an end nobody is told who has not asked. */
function lettersOf(fleet: Fleet): { to: string; answer: ReservationAnswer }[] {
  const table = tableOf(fleet);
  const replies = new Map(table.entries.map(({ id, replyTo }) => [id, replyTo]));
  // Who asked just now is not in the table yet: answered after the next step. Who asks for what is forgotten is answered too.
  const unread = new Set(
    fleet.inbox.flatMap((input) => (input.kind === 'reserve' ? [input.request.reservationId] : [])),
  );
  const asked = new Set([...fleet.asked].filter((id) => !unread.has(id)));
  for (const id of asked) if (!replies.has(id)) replies.set(id, modelLoopId(parseReservationId(id)?.model ?? ''));
  const told: Record<string, string> = {};
  const answerTo = answersOf(table, Date.now());
  const letters: { to: string; answer: ReservationAnswer }[] = [];
  for (const [id, to] of replies) {
    const answer = answerTo(id);
    told[id] = `${answer.state}/${answer.position}/${answer.text}`; // a renewed lease is no news
    if (asked.has(id) || (answer.state !== 'settled' && fleet.told[id] !== told[id])) letters.push({ to, answer });
  }
  fleet.told = told;
  for (const id of asked) fleet.asked.delete(id);
  return letters;
}

/** What was granted and has not ended; a run that is not there, or has ended, hears nothing. */
async function cancelRunning(fleet: Fleet): Promise<void> {
  // An order that came while the step was stored waits for the next one: what is granted until then must be in the table.
  const orders = fleet.cancelOrders.filter(({ number }) => number <= fleet.stored);
  fleet.cancelOrders = fleet.cancelOrders.filter(({ number }) => number > fleet.stored);
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
