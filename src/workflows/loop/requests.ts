/** What people ask of the loop and what takes an activity: carried out in the order of arrival. */
import { ActivityFailure, ApplicationFailure, isCancellation } from '@temporalio/workflow';
import type { Answer } from '../../contracts/index.js';
import { rollback } from '../steps.js';
import { isFailure, withNext } from '../run/outcomes.js';
import { type Loop, type Request, stateOf } from './loop.js';
import { startRunFor } from './runs.js';
import { asked, look } from './steps.js';

export async function carryOutRequests(loop: Loop): Promise<void> {
  for (let request = loop.requests[0]; request && !loop.stop; request = loop.requests[0]) {
    request.answer = await answerTo(loop, request);
    loop.requests.shift();
  }
}

async function answerTo(loop: Loop, request: Request): Promise<Answer> {
  try {
    return request.message.name === 'retrain'
      ? await retrain(loop, request.message)
      : await goBack(loop, request.message);
  } catch (error) {
    if (isCancellation(error)) throw error;
    return { accepted: false, text: textOf(error) };
  }
}

/** A person's retrain is a decision like any other, and stands in the records as one. */
async function retrain(loop: Loop, message: Extract<Request['message'], { name: 'retrain' }>): Promise<Answer> {
  const { messageId, by, reason, force } = message;
  const decisions = await asked(loop, { reports: [], first: false, request: { messageId, by, reason, force } });
  const decision = decisions[0];
  if (!decision) return { accepted: false, text: 'the gate gave no decision' };
  const started = await startRunFor(loop, decision);
  const text = `decision ${decision.seq}: ${decision.reason}`;
  return started === null ? { accepted: false, text } : { accepted: true, text: `${text}; run ${started}` };
}

/** Moves the pointer back. When it moved under our eyes, looks again and tries once more: the same move id moves at most once. */
async function goBack(loop: Loop, message: Extract<Request['message'], { name: 'rollback' }>): Promise<Answer> {
  const moveId = `message/${message.messageId}`;
  for (let attempt = 1; ; attempt++) {
    const { champion } = stateOf(loop);
    if (!champion) return { accepted: false, text: 'there is no release yet: nothing to roll back' };
    try {
      const { toRelease, by, reason } = message;
      const moved = await rollback({ model: loop.model, moveId, expectedEpoch: champion.epoch, toRelease, by, reason });
      loop.state = { ...stateOf(loop), champion: moved };
      loop.show();
      return {
        accepted: true,
        text: `release ${moved.release} is live again (epoch ${moved.epoch}), was ${champion.release}`,
      };
    } catch (error) {
      if (attempt === 2 || !isFailure(error, 'PointerMoved')) throw error;
      await look(loop);
    }
  }
}

function textOf(error: unknown): string {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  if (cause instanceof ApplicationFailure) return withNext(cause);
  return cause instanceof Error ? cause.message : String(cause);
}
