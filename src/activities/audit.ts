/** The audit log: every act of a person, and what came of it. */
import { createHash } from 'node:crypto';
import { type AuditInput, type AuditRecord, canonicalJson, keys } from '../contracts/index.js';
import type { RecordStore } from './ports.js';

export interface AuditPorts {
  records: RecordStore;
}

export type AuditActivities = ReturnType<typeof createAuditActivities>;

export function createAuditActivities({ records }: AuditPorts) {
  return {
    /** Appends one act. Retried with the same input, it is the same record. */
    async audit(input: AuditInput): Promise<{ seq: number }> {
      const folder = input.pool === undefined ? keys.audit(input.model) : keys.fleetAudit(input.pool);
      const record = await records.append<AuditRecord>(folder, auditCause(input), (seq) => ({
        kind: 'audit',
        schema: 1,
        ...input,
        seq,
        causeId: auditCause(input),
      }));
      return { seq: record.seq };
    },
  };
}

/**
 * One cause per act. A message takes effect once, whatever its sender repeats; a refusal is told apart by its content, time
 * included, so that the tenth refusal is recorded as well as the first.
 */
export function auditCause(input: AuditInput): string {
  const message = `message/${input.to}/${encodeURIComponent(input.messageId)}`;
  if (input.accepted) return message;
  const content = createHash('sha256').update(canonicalJson(input)).digest('hex').slice(0, 16);
  return `${message}/refused/${content}`;
}
