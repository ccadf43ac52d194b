import { afterAll, beforeAll, expect, it } from 'vitest';
import { auditCause, createAuditActivities } from '../../src/activities/audit.js';
import { type AuditInput, type AuditRecord, keys } from '../../src/contracts/index.js';
import { act, crashing, MODEL, startSteps, type StepsServer } from '../support/steps.js';

let server: StepsServer;
beforeAll(async () => {
  server = await startSteps();
});
afterAll(() => server.stop());

const pause: AuditInput = {
  model: MODEL,
  to: 'model/flights',
  message: 'pause',
  messageId: 'm1',
  by: 'kim',
  reason: null,
  accepted: true,
  result: 'paused',
  standing: { paused: true, pinned: false },
  at: '2026-01-01T00:00:00.000Z',
};

it('writes an accepted message once, and every refusal', async () => {
  const { store } = await server.fresh();
  const { audit } = createAuditActivities(store);
  expect(await act(audit, pause)).toEqual({ seq: 1 });
  expect(await act(audit, pause)).toEqual({ seq: 1 });
  const refused = { ...pause, accepted: false, result: 'already received', standing: null };
  expect(await act(audit, { ...refused, at: '2026-01-01T00:00:01.000Z' })).toEqual({ seq: 2 });
  expect(await act(audit, { ...refused, at: '2026-01-01T00:00:02.000Z' })).toEqual({ seq: 3 });
  expect(await act(audit, { ...refused, at: '2026-01-01T00:00:01.000Z' })).toEqual({ seq: 2 });
  expect(await act(audit, { ...pause, to: 'train/flights/1' })).toEqual({ seq: 4 });
  const first = await store.records.read<AuditRecord>(keys.audit(MODEL), 1);
  expect(first).toEqual({ kind: 'audit', schema: 1, seq: 1, causeId: 'message/model/flights/m1', ...pause });
});

it('is one record after a crash', async () => {
  for (const when of ['before', 'after'] as const) {
    const { store } = await server.fresh();
    const broken = createAuditActivities(crashing({ records: store.records }, 1, when));
    await expect(act(broken.audit, pause)).rejects.toThrow(when);
    expect(await act(createAuditActivities(store).audit, pause)).toEqual({ seq: 1 });
    expect((await store.records.newest<AuditRecord>(keys.audit(MODEL)))?.seq).toBe(1);
  }
});

it('cannot be made to take one message for another', () => {
  const refused = auditCause({ ...pause, accepted: false });
  const tail = refused.slice('message/model/flights/'.length);
  expect(auditCause({ ...pause, messageId: tail })).not.toBe(refused);
});
