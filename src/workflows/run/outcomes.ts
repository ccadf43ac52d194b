/** How a run ends, in the record's words. */
import { ActivityFailure, ApplicationFailure, isCancellation, TimeoutFailure } from '@temporalio/workflow';
import type { FailureType, RunOutcome } from '../../contracts/index.js';

/** Outcomes travel in payloads and in the loop's memory: a trainer's endless last line must not. */
const MAX_TEXT = 4_000;

export function refused(by: Extract<RunOutcome, { kind: 'refused' }>['by'], text: string): RunOutcome {
  return { kind: 'refused', by, text };
}

/** The outcome that an error of a step means. `cancelledBy`: who cancelled by message; null: through Temporal. */
export function outcomeOfError(error: unknown, cancelledBy: string | null): RunOutcome {
  if (isCancellation(error))
    return { kind: 'cancelled', text: `cancelled by ${cancelledBy ?? 'a request to Temporal'}` };
  const cause = error instanceof ActivityFailure ? error.cause : error;
  if (cause instanceof ApplicationFailure) {
    const text = withNext(cause).slice(0, MAX_TEXT);
    if (cause.type === 'PointerMoved') return refused('superseded', `the champion changed meanwhile: ${text}`);
    if (cause.type === 'InvalidModel') return refused('evaluation', text);
    return { kind: 'failed', failure: cause.type ?? 'Unexpected', text };
  }
  if (cause instanceof TimeoutFailure) return { kind: 'failed', failure: 'TimedOut', text: cause.message };
  return { kind: 'failed', failure: 'Unexpected', text: error instanceof Error ? error.message : String(error) };
}

/** Whether an activity failed with this type. */
export function isFailure(error: unknown, type: FailureType): boolean {
  return error instanceof ActivityFailure && error.cause instanceof ApplicationFailure && error.cause.type === type;
}

/** A failed activity in words for a person. */
export function textOfFailure(error: ActivityFailure): string {
  const { cause } = error;
  return cause instanceof ApplicationFailure ? withNext(cause).slice(0, MAX_TEXT) : (cause?.message ?? error.message);
}

/** What happened, and what to do next, which travels in the failure's details. */
export function withNext(failure: ApplicationFailure): string {
  const next = (failure.details?.[0] as { next?: string } | undefined)?.next;
  return next ? `${failure.message.replace(/[.\s]+$/, '')}. Next: ${next}` : failure.message;
}
