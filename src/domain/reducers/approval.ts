/**
 * Waiting for a person, as a state machine: waiting → decided. The first valid decision wins and is never rewritten;
 * late, duplicate or wrong messages are answered and change nothing.
 */
import { type Answer, type Approval, type RunMessage, toIso } from '../../contracts/index.js';

export type ApprovalState =
  | { status: 'notAsked' }
  | { status: 'waiting'; challenger: string; evidence: string; deadlineMs: number; latestMs: number }
  | { status: 'decided'; approval: Approval };

export type VerdictMessage = Extract<RunMessage, { name: 'approve' | 'reject' | 'hold' }>;

/** All holds together may add so much to the first deadline: every run ends within a stated bound. */
const MAX_HELD_MS = 90 * 864e5;

/** Asks a person about exactly these bytes. `deadlineMs`: milliseconds since the epoch, wall clock. */
export function askPerson(challenger: string, evidence: string, deadlineMs: number): ApprovalState {
  return { status: 'waiting', challenger, evidence, deadlineMs, latestMs: deadlineMs + MAX_HELD_MS };
}

/** What the message does to the state at `nowMs` (wall clock), and what its sender is told. */
export function applyVerdict(
  state: ApprovalState,
  message: VerdictMessage,
  nowMs: number,
): { state: ApprovalState; answer: Answer } {
  const refuse = (text: string) => ({ state, answer: { accepted: false, text } });
  if (state.status === 'notAsked') return refuse('nothing waits for a verdict yet: the challenger is not evaluated');
  if (state.status === 'decided') return refuse(`too late: already ${describe(state.approval)}`);
  if (message.name === 'hold') {
    const deadlineMs = Math.max(state.deadlineMs, nowMs) + message.forMs;
    if (deadlineMs > state.latestMs)
      return refuse(`it can be held until ${toIso(state.latestMs)} at the most: approve or reject`);
    return { state: { ...state, deadlineMs }, answer: { accepted: true, text: `held until ${toIso(deadlineMs)}` } };
  }
  if (message.challenger !== state.challenger) {
    return refuse(`the challenger that waits is ${state.challenger}, not ${message.challenger}`);
  }
  if (message.evidence !== state.evidence) {
    return refuse(`the evidence of this challenger is ${state.evidence}, not ${message.evidence}: look at it again`);
  }
  const approval: Approval = {
    verdict: message.name === 'approve' ? 'approved' : 'rejected',
    by: message.by,
    reason: message.reason,
    at: toIso(nowMs),
    challenger: state.challenger,
    evidence: state.evidence,
  };
  return { state: { status: 'decided', approval }, answer: { accepted: true, text: describe(approval) } };
}

/** Nobody answered in time: that is a refusal of its own kind, not a rejection by a person. */
export function expire(state: ApprovalState, nowMs: number): ApprovalState {
  if (state.status !== 'waiting' || nowMs < state.deadlineMs) return state;
  const { challenger, evidence } = state;
  const at = toIso(nowMs);
  return {
    status: 'decided',
    approval: { verdict: 'expired', by: 'deadline', reason: null, at, challenger, evidence },
  };
}

function describe(approval: Approval): string {
  const reason = approval.reason ? ` (${approval.reason})` : '';
  return `${approval.verdict} by ${approval.by} at ${approval.at}${reason}`;
}
