import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectTemporal, createSeawallClient, type SeawallClient } from '../../src/client/index.js';
import { type LoopStatus, modelLoopId, SeawallError } from '../../src/contracts/index.js';
import { CHALLENGER, createWorld, EVIDENCE } from '../support/scripted-activities.js';
import { startDevServer, withWorkers } from '../support/workflow-env.js';

let server: TestWorkflowEnvironment;
let client: SeawallClient;
beforeAll(async () => {
  server = await startDevServer();
  client = clientOf({});
}, 60_000);
afterAll(() => server?.teardown());

function clientOf(options: { namespace?: string; answerWithinMs?: number }): SeawallClient {
  const namespace = server.namespace ?? 'default';
  return createSeawallClient({ connection: server.connection, namespace, address: 'the test server', ...options });
}

const freshModel = (): string => `m-${randomUUID().slice(0, 8)}`;
const envelope = (messageId: string = randomUUID()) => ({ messageId, by: 'ann' });

/** The error that the call ends with. */
async function failure(call: Promise<unknown>): Promise<SeawallError> {
  const error = await call.then(
    (value) => expect.fail(`it did not fail: ${JSON.stringify(value)}`),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(SeawallError);
  return error as SeawallError;
}

const watching = (status: LoopStatus) => (status.state === 'watching' ? status : undefined);

async function until<T>(look: () => Promise<T | undefined | null>): Promise<T> {
  const deadline = Date.now() + 20_000;
  for (;;) {
    const seen = await look();
    if (seen !== undefined && seen !== null) return seen;
    if (Date.now() > deadline) throw new Error('it did not come about');
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

describe('errors say what is missing and what to do', () => {
  it('a server that is not there', async () => {
    const listener = createServer().listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const address = `127.0.0.1:${(listener.address() as AddressInfo).port}`;
    listener.close();
    await once(listener, 'close');
    const error = await failure(connectTemporal({ connectionOptions: { address }, timeoutMs: 1500 }));
    expect(error.type).toBe('Unavailable');
    expect(error.message).toContain(address);
    expect(error.next).toContain('seawall up');
  });

  it('a namespace that is not there', async () => {
    const error = await failure(clientOf({ namespace: 'nowhere' }).loopStatus('m'));
    expect(error.type).toBe('NotFound');
    expect(error.message).toContain('nowhere');
    expect(error.next).toContain('TEMPORAL_NAMESPACE');
  });

  it('a loop that was never started', async () => {
    const model = freshModel();
    for (const call of [() => client.loopStatus(model), () => client.send({ model }, 'pause', envelope())]) {
      const error = await failure(call());
      expect(error).toMatchObject({ type: 'NotFound', message: `no loop runs for model ${model}` });
      expect(error.next).toBe(`Start it: seawall start ${model}`);
    }
  });

  it('a run that never was', async () => {
    const model = freshModel();
    const error = await failure(client.send({ model, run: 7 }, 'cancel', envelope()));
    expect(error.message).toBe(`training run 7 of ${model} is not open: it has ended, or never was`);
    expect(error.next).toContain(`seawall status ${model}`);
  });

  it('a worker that is not there', async () => {
    const model = freshModel();
    const impatient = clientOf({ answerWithinMs: 1000 });
    await impatient.startLoop(model);
    try {
      for (const call of [() => impatient.loopStatus(model), () => impatient.send({ model }, 'pause', envelope())]) {
        const error = await failure(call());
        expect(error.type).toBe('Unavailable');
        expect(error.message).toMatch(/no worker .*queue loop/);
        expect(error.next).toContain('seawall worker loop');
      }
    } finally {
      await server.client.workflow.getHandle(modelLoopId(model)).terminate();
    }
  });

  it('a loop that was terminated: its last words must not look like a running loop', async () => {
    const model = freshModel();
    await withWorkers(server, createWorld(model), async () => {
      await client.startLoop(model);
      await until(async () => watching(await client.loopStatus(model)));
      await server.client.workflow.getHandle(modelLoopId(model)).terminate();
      const error = await failure(client.loopStatus(model));
      expect(error.type).toBe('NotFound');
      expect(error.message).toMatch(new RegExp(`^no loop runs for model ${model}: the last one is terminated at 20`));
      expect((await client.startLoop(model)).started).toBe(true);
      await server.client.workflow.getHandle(modelLoopId(model)).terminate();
    });
  });

  it('messages that no workflow would take are not sent', async () => {
    const bad = { messageId: 'a', by: 'ann', challenger: 'abc', evidence: EVIDENCE };
    const error = await failure(client.send({ model: 'm', run: 1 }, 'approve', bad));
    expect(error).toMatchObject({ type: 'BadInput' });
    expect(error.message).toContain('challenger must be the SHA-256');
    expect((await failure(client.startLoop('Not A Name'))).type).toBe('BadInput');
    expect((await failure(client.startRun('m', 0))).type).toBe('BadInput');
  });
});

describe('a loop', () => {
  it('is started once, tells its status, and takes messages once', async () => {
    const model = freshModel();
    const world = createWorld(model);
    await withWorkers(server, world, async () => {
      expect(await client.startLoop(model)).toEqual({ workflowId: `model/${model}`, started: true });
      expect(await client.startLoop(model)).toEqual({ workflowId: `model/${model}`, started: false });
      const status = await until(async () => watching(await client.loopStatus(model)));
      expect(status).toMatchObject({ model, champion: { release: 1 } });

      const message = envelope();
      const first = await client.send({ model }, 'pause', message);
      expect(first).toEqual({ accepted: true, text: 'paused, not pinned' });
      expect(await client.send({ model }, 'pause', message)).toEqual(first);
      expect(world.audits.filter(({ messageId }) => messageId === message.messageId)).toHaveLength(1);
      expect((await client.loopStatus(model)).state).toBe('paused');

      const rolledBack = await client.send({ model }, 'rollback', { ...envelope(), toRelease: 1 });
      expect(rolledBack).toMatchObject({ accepted: true });
      expect(await client.send({ model }, 'retrain', { ...envelope(), force: false })).toMatchObject({
        accepted: false,
      });
      expect(await client.send({ model }, 'stop', { ...envelope(), cancelRuns: false })).toMatchObject({
        accepted: true,
      });
      await server.client.workflow.getHandle(modelLoopId(model)).result();
      expect((await failure(client.loopStatus(model))).message).toContain('the last one is completed');
    });
  });
});

describe('a run', () => {
  it('is started by hand, and takes a verdict on exactly what waits', async () => {
    const model = freshModel();
    const world = createWorld(model);
    world.approval = 'person';
    await withWorkers(server, world, async () => {
      expect(await client.startRun(model, 4)).toEqual({ workflowId: `train/${model}/4`, n: 4 });
      const again = await failure(client.startRun(model, 4));
      expect(again.type).toBe('RunNumberTaken');
      const waiting = await until(async () => (await client.runStatus(model, 4)).waitingFor);
      expect(waiting).toMatchObject({ challenger: CHALLENGER, evidence: EVIDENCE });

      const target = { model, run: 4 };
      const wrong = { ...envelope(), challenger: 'f'.repeat(64), evidence: EVIDENCE };
      expect(await client.send(target, 'approve', wrong)).toMatchObject({ accepted: false });
      expect(await client.send(target, 'hold', { ...envelope(), for: '2d' })).toMatchObject({ accepted: true });
      const right = { ...envelope(), challenger: CHALLENGER, evidence: EVIDENCE, reason: 'good' };
      expect(await client.send(target, 'approve', right)).toMatchObject({ accepted: true });
      await server.client.workflow.getHandle(`train/${model}/4`).result();
      expect(world.deploys).toHaveLength(1);

      expect((await client.runStatus(model, 4)).outcome).toMatchObject({ kind: 'released' });
      expect((await failure(client.send(target, 'cancel', envelope()))).type).toBe('NotFound');
    });
  });
});
