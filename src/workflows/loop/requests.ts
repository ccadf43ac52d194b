/** What people ask of the loop and what takes an activity: carried out in the order of arrival. */
import { ActivityFailure, getExternalWorkflowHandle, isCancellation, log } from '@temporalio/workflow';
import type { Answer } from '../../contracts/index.js';
import { isFailure, textOfFailure } from '../run/outcomes.js';
import { rollback } from '../steps.js';
import { type Loop, type Request, stateOf } from './loop.js';
import { startPendingRuns } from './runs.js';
import { asked, look } from './steps.js';

type RequestName = Request['message']['name'];
type MessageOf<N extends RequestName> = Extract<Request['message'], { name: N }>;

export async function carryOut(loop: Loop, name: RequestName): Promise<void> {
  for (const request of loop.requests.filter(({ message }) => message.name === name)) {
    request.answer = await answerTo(loop, request.message);
    loop.requests = loop.requests.filter((other) => other !== request);
  }
}

async function answerTo(loop: Loop, message: Request['message']): Promise<Answer> {
  try {
    return message.name === 'retrain' ? await retrain(loop, message) : await goBack(loop, message);
  } catch (error) {
    if (isCancellation(error) || !(error instanceof ActivityFailure)) throw error;
    return { accepted: false, text: textOfFailure(error) };
  }
}

/** A person's retrain is a decision like any other, and stands in the records as one. */
async function retrain(loop: Loop, message: MessageOf<'retrain'>): Promise<Answer> {
  const { messageId, by, reason, force } = message;
  const [decision] = await asked(loop, { reports: [], first: false, request: { messageId, by, reason, force } });
  if (!decision) return { accepted: false, text: 'the gate gave no decision' };
  const text = `decision ${decision.seq}: ${decision.reason}`;
  if (decision.action !== 'retrain') return { accepted: false, text };
  const n = await startPendingRuns(loop);
  const waits = stateOf(loop).waiting?.find(({ run }) => run.n === n);
  return {
    accepted: true,
    text: `${text}; run ${n}${waits ? ` waits for budget of the pool ${waits.price.pool}` : ''}`,
  };
}

/**
 * Moves the pointer back. When it has moved under our eyes and the person named no release, nothing is guessed: what they saw is
 * no longer live. A named release is tried once more; the same move id moves at most once.
 */
async function goBack(loop: Loop, message: MessageOf<'rollback'>): Promise<Answer> {
  if (stateOf(loop).champion === null) await look(loop);
  const before = stateOf(loop).champion;
  if (!before) return { accepted: false, text: 'there is no release yet: nothing to roll back' };
  try {
    return await moveBack(loop, message, before.epoch);
  } catch (error) {
    if (!isFailure(error, 'PointerMoved')) throw error;
    await look(loop);
    const now = stateOf(loop).champion;
    if (now && message.toRelease !== null) return moveBack(loop, message, now.epoch);
    const text = `the champion has changed meanwhile: release ${now?.release} is live (was ${before.release})`;
    return { accepted: false, text: `${text}; send a new rollback if you mean that one, or name a release` };
  }
}

async function moveBack(loop: Loop, message: MessageOf<'rollback'>, expectedEpoch: number): Promise<Answer> {
  const { messageId, toRelease, by, reason } = message;
  const was = stateOf(loop).champion?.release;
  const moved = await rollback({
    model: loop.model,
    moveId: `message/${messageId}`,
    expectedEpoch,
    toRelease,
    by,
    reason,
  });
  loop.state = { ...stateOf(loop), champion: moved };
  loop.show();
  await cancelOvertakenRuns(loop, message, moved.release);
  return { accepted: true, text: `release ${moved.release} is live again (epoch ${moved.epoch}), was ${was}` };
}

/** Open runs expect the epoch from before: they can only end superseded, and should not ask a person for days until then. */
async function cancelOvertakenRuns(
  loop: Loop,
  { messageId, by }: MessageOf<'rollback'>,
  release: number,
): Promise<void> {
  for (const run of stateOf(loop).openRuns) {
    const payload = { messageId: `${messageId}/${run.n}`.slice(-200), by, reason: `rolled back to release ${release}` };
    try {
      await getExternalWorkflowHandle(run.workflowId).signal('cancel', payload);
    } catch (error) {
      log.info('an open run could not be told of the rollback: it has ended', { run: run.n, error: String(error) });
    }
  }
}
