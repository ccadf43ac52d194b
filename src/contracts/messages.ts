/**
 * Messages from people and from children to workflows. Each is a signal and an update of the same name with one payload.
 * Parsing never throws: what cannot be understood is refused in words. No schema library here: this is in the workflow bundle.
 */
import { DURATION_RULE, parseDurationMs } from './time.js';

export const runMessages = ['approve', 'reject', 'hold', 'cancel'] as const;
export const loopMessages = ['retrain', 'pause', 'resume', 'rollback', 'pin', 'unpin', 'stop'] as const;
export const fleetMessages = ['freeze', 'unfreeze'] as const;
/** "Look again": nothing is trusted but what lies in storage. Signals only. */
export const loopHints = ['feed', 'dataset', 'runEnded'] as const;

export type LoopHint = (typeof loopHints)[number];
export type RunMessageName = (typeof runMessages)[number];
export type LoopMessageName = (typeof loopMessages)[number];
export type FleetMessageName = (typeof fleetMessages)[number];
export type MessageName = RunMessageName | LoopMessageName | FleetMessageName;

/** `status` is a query of all workflows. */
export const statusQuery = 'status';

interface Envelope {
  /** Chosen by the sender, unique; the same id twice is one message. */
  messageId: string;
  /** Who: handlers do not see the client's identity. */
  by: string;
  reason: string | null;
}
/** A verdict binds to the bytes that the sender saw. */
interface Verdict extends Envelope {
  challenger: string;
  evidence: string;
}

export type Message =
  | ({ name: 'approve' | 'reject' } & Verdict)
  | ({ name: 'hold'; /** Added to the deadline. */ forMs: number } & Envelope)
  | ({ name: 'cancel' } & Envelope)
  | ({ name: 'retrain'; force: boolean } & Envelope)
  | ({ name: 'rollback'; /** null: the release before the champion. */ toRelease: number | null } & Envelope)
  | ({ name: 'stop'; cancelRuns: boolean } & Envelope)
  | ({ name: 'freeze'; /** Also cancel what runs. */ cancelRunning: boolean } & Envelope)
  | ({ name: 'unfreeze' } & Envelope)
  | ({ name: 'pause' | 'resume' | 'pin' | 'unpin' } & Envelope);
export type RunMessage = Extract<Message, { name: RunMessageName }>;
export type FleetMessage = Extract<Message, { name: FleetMessageName }>;
export type LoopMessage = Extract<Message, { name: LoopMessageName }>;

/** What the sender of an update is told, and what the audit log says. */
export interface Answer {
  accepted: boolean;
  text: string;
}

export type Parsed<T> = { ok: true; message: T } | { ok: false; problem: string; messageId: string; by: string };

const SHA256 = /^[0-9a-f]{64}$/;

/** Reads a payload of unknown origin as the message `name`; says what is wrong with it otherwise. */
export function parseMessage<N extends MessageName>(name: N, payload: unknown): Parsed<Extract<Message, { name: N }>> {
  const fields = (typeof payload === 'object' && payload !== null ? payload : {}) as Record<string, unknown>;
  const problem = problemOf(name, payload, fields);
  const messageId = shortText(fields['messageId']) ?? 'none';
  const by = shortText(fields['by']) ?? 'unknown';
  if (problem) return { ok: false, problem: `${name}: ${problem}`, messageId, by };
  const envelope = { name, messageId, by, reason: shortText(fields['reason'], 2000) ?? null };
  return { ok: true, message: { ...envelope, ...ownFields(name, fields) } as Extract<Message, { name: N }> };
}

function problemOf(name: MessageName, payload: unknown, fields: Record<string, unknown>): string | undefined {
  if (typeof payload !== 'object' || payload === null || Array.isArray(payload))
    return 'the payload must be one JSON object';
  if (typeof fields['undecodable'] === 'string') return `the payload cannot be decoded: ${fields['undecodable']}`;
  if (!shortText(fields['messageId']))
    return 'messageId is missing (a text of 1 to 200 characters that you choose, once per message)';
  if (!shortText(fields['by'])) return 'by is missing (who sends this, 1 to 200 characters)';
  if (fields['reason'] != null && !shortText(fields['reason'], 2000))
    return 'reason must be a text of at most 2,000 characters';
  return problemOfOwnFields(name, fields);
}

function problemOfOwnFields(name: MessageName, fields: Record<string, unknown>): string | undefined {
  switch (name) {
    case 'approve':
    case 'reject':
      for (const field of ['challenger', 'evidence']) {
        if (!isSha256(fields[field]))
          return `${field} must be the SHA-256 that the query "status" shows (64 hex digits)`;
      }
      return undefined;
    case 'hold':
      return holdMs(fields['for']) === undefined ? `for is missing or wrong: ${DURATION_RULE}; at most 30d` : undefined;
    case 'rollback':
      return fields['toRelease'] != null && !isCount(fields['toRelease'])
        ? 'toRelease must be a release number'
        : undefined;
    case 'retrain':
      return isFlag(fields['force']) ? undefined : 'force must be true or false';
    case 'stop':
      return isFlag(fields['cancelRuns']) ? undefined : 'cancelRuns must be true or false';
    case 'freeze':
      return isFlag(fields['cancelRunning']) ? undefined : 'cancelRunning must be true or false';
    default:
      return undefined;
  }
}

function ownFields(name: MessageName, fields: Record<string, unknown>): object {
  switch (name) {
    case 'approve':
    case 'reject':
      return { challenger: fields['challenger'], evidence: fields['evidence'] };
    case 'hold':
      return { forMs: holdMs(fields['for']) };
    case 'rollback':
      return { toRelease: fields['toRelease'] ?? null };
    case 'retrain':
      return { force: fields['force'] === true };
    case 'stop':
      return { cancelRuns: fields['cancelRuns'] === true };
    case 'freeze':
      return { cancelRunning: fields['cancelRunning'] === true };
    default:
      return {};
  }
}

/** The payload is anybody's: nothing may be called on a field before its type is known (`String` of an object can throw). */
const isSha256 = (value: unknown): boolean => typeof value === 'string' && SHA256.test(value);

/** A verdict that is put off for longer than a month is a rejection that nobody dares to make. */
const MAX_HOLD_MS = 30 * 864e5;
function holdMs(value: unknown): number | undefined {
  const ms = typeof value === 'string' ? parseDurationMs(value) : undefined;
  return ms !== undefined && ms <= MAX_HOLD_MS ? ms : undefined;
}

const isFlag = (value: unknown): boolean => value == null || typeof value === 'boolean';
const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 1;
/** The text, when it is one of 1 to `max` characters. */
export function shortText(value: unknown, max = 200): string | undefined {
  return typeof value === 'string' && value.length >= 1 && value.length <= max ? value : undefined;
}
