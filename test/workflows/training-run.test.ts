import { randomUUID } from 'node:crypto';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { Context } from '@temporalio/activity';
import type { WorkflowHandle } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Answer, RunOutcome, RunStatus } from '../../src/contracts/index.js';
import { CHALLENGER, createWorld, EVIDENCE, trained, type World } from '../support/scripted-activities.js';
import { recordHistory } from '../support/histories.js';
import { startTimeSkipping, withWorkers } from '../support/workflow-env.js';

let env: TestWorkflowEnvironment;
beforeAll(async () => {
  env = await startTimeSkipping();
}, 60_000);
afterAll(() => env?.teardown());

let runs = 0;
async function run<T>(world: World, body: (handle: WorkflowHandle) => Promise<T>, workflowId?: string): Promise<T> {
  runs += 1;
  return withWorkers(env, world, async () => {
    const handle = await env.client.workflow.start('trainingRun', {
      workflowId: workflowId ?? `train/m/${runs}`,
      taskQueue: 'loop',
      args: [{ model: 'm' }],
    });
    const value = await body(handle);
    await recordHistory(handle);
    return value;
  });
}
const result = (handle: WorkflowHandle) => handle.result() as Promise<RunOutcome>;
const message = (more: object = {}) => ({ messageId: randomUUID(), by: 'ada', ...more });
const bound = { challenger: CHALLENGER, evidence: EVIDENCE };
const status = (handle: WorkflowHandle) => handle.query<RunStatus, []>('status');

async function untilPhase(world: World, phase: string): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (world.records.at(-1)?.phase !== phase) {
    if (Date.now() > deadline) throw new Error(`no phase ${phase}: ${world.phases().join(', ')}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe('a run without a person', () => {
  it('goes through every phase and records each once', async () => {
    const world = createWorld();
    expect(await run(world, result)).toEqual({ kind: 'released', release: 2, text: 'release 2, epoch 2' });
    expect(world.phases()).toEqual(['opened', 'fetching', 'training', 'evaluating', 'deploying', 'ended']);
    expect(world.records.map((record) => record.seq)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(world.deploys).toEqual([expect.objectContaining({ moveId: 'm/1', expectedEpoch: 1, evidence: EVIDENCE })]);
    expect(world.deploys[0]?.approval).toMatchObject({ verdict: 'automatic', ...bound });
  });

  it('ends refused when evaluation says no, and deploys nothing', async () => {
    const world = createWorld();
    world.promote = false;
    expect(await run(world, result)).toMatchObject({
      kind: 'refused',
      by: 'evaluation',
      text: 'a tie keeps the champion',
    });
    expect(world.deploys).toEqual([]);
  });

  it('ends superseded when the pointer moved meanwhile', async () => {
    const world = createWorld();
    world.deploy = () => Promise.reject(ApplicationFailure.nonRetryable('epoch 4, expected 1', 'PointerMoved'));
    expect(await run(world, result)).toMatchObject({ kind: 'refused', by: 'superseded' });
  });

  it('records a failure and shows it as Failed', async () => {
    const world = createWorld();
    world.train = () =>
      Promise.reject(ApplicationFailure.nonRetryable('no model.onnx', 'NoModel', { next: 'write one' }));
    await run(world, async (handle) => {
      await expect(result(handle)).rejects.toThrow('Workflow execution failed');
      expect((await handle.describe()).status.name).toBe('FAILED');
    });
    expect(world.records.at(-1)?.outcome).toEqual({
      kind: 'failed',
      failure: 'NoModel',
      text: 'no model.onnx. Next: write one',
    });
  });

  it('refuses an id that is not its own, and writes nothing', async () => {
    const world = createWorld();
    await run(
      world,
      (handle) => expect(result(handle)).rejects.toThrow('Workflow execution failed'),
      `other/${randomUUID()}`,
    );
    expect(world.records).toEqual([]);
  });
});

describe('training on hosts that die', () => {
  it('tries again when the worker stops beating, with a number of its own', async () => {
    const world = createWorld();
    const attempts: number[] = [];
    world.train = async (input) => {
      attempts.push(input.attempt);
      if (input.attempt === 1) await new Promise(() => undefined); // never beats, never returns
      return trained(input.attempt);
    };
    // The worker cannot shut down over an activity that never returns, so it is not asked to wait for it.
    expect(await runWithLostActivity(world)).toMatchObject({ kind: 'released' });
    expect(attempts).toEqual([1, 2]);
    expect(world.records.at(-1)?.attempts).toEqual([
      { attempt: 1, workerId: null, result: 'lost', text: 'its worker stopped answering' },
      expect.objectContaining({ attempt: 2, workerId: 'gpu-2', result: 'done' }),
    ]);
  });

  it('gives up after maxAttempts', async () => {
    const world = createWorld();
    let attempts = 0;
    world.train = () => {
      attempts += 1;
      return Promise.reject(ApplicationFailure.retryable('try again', 'TrainerTemporary'));
    };
    await run(world, (handle) => expect(result(handle)).rejects.toThrow());
    expect(attempts).toBe(3);
    expect(world.records.at(-1)?.outcome).toMatchObject({ kind: 'failed', failure: 'TrainerTemporary' });
  });
});

/** `Context.cancelled` frees the lost activity when the worker shuts down. */
async function runWithLostActivity(world: World): Promise<RunOutcome> {
  const train = world.train;
  world.train = (input) => Promise.race([train(input), Context.current().cancelled as Promise<never>]);
  return run(world, result);
}

describe('cancelling', () => {
  const trainsUntilCancelled = (world: World) => {
    const seen = { cancelled: false };
    world.train = async () => {
      const beat = setInterval(() => Context.current().heartbeat(), 200);
      try {
        await Context.current().cancelled;
      } catch (error) {
        seen.cancelled = error instanceof CancelledFailure;
        throw error;
      } finally {
        clearInterval(beat);
      }
      throw new Error('unreachable');
    };
    return seen;
  };

  it('by message: the trainer is told, the outcome is recorded, no second attempt', async () => {
    const world = createWorld();
    const seen = trainsUntilCancelled(world);
    const outcome = await run(world, async (handle) => {
      await untilPhase(world, 'training');
      await handle.signal('cancel', message({ reason: 'too dear' }));
      return result(handle);
    });
    expect(outcome).toEqual({ kind: 'cancelled', text: 'cancelled by ada (too dear)' });
    expect(seen.cancelled).toBe(true);
    expect(world.records.at(-1)?.attempts).toMatchObject([{ attempt: 1, result: 'cancelled' }]);
    expect(world.audits).toMatchObject([{ message: 'cancel', accepted: true, by: 'ada' }]);
  });

  it('through Temporal: recorded, and shown as Canceled', async () => {
    const world = createWorld();
    trainsUntilCancelled(world);
    await run(world, async (handle) => {
      await untilPhase(world, 'training');
      await handle.cancel();
      await expect(result(handle)).rejects.toThrow();
      expect((await handle.describe()).status.name).toBe('CANCELLED');
    });
    expect(world.records.at(-1)?.outcome).toMatchObject({ kind: 'cancelled' });
  });
});

describe('a run that waits for a person', () => {
  const waiting = async <T>(world: World, body: (handle: WorkflowHandle) => Promise<T>) => {
    world.approval = 'person';
    return run(world, async (handle) => {
      await untilPhase(world, 'awaitingApproval');
      return body(handle);
    });
  };
  const answer = (handle: WorkflowHandle, name: string, payload: unknown) =>
    handle.executeUpdate<Answer, [unknown]>(name, { args: [payload] });

  it('is released by a raw signal that names the bytes', async () => {
    const world = createWorld();
    const outcome = await waiting(world, async (handle) => {
      expect((await status(handle)).waitingFor).toMatchObject({
        ...bound,
        command: 'npx seawall approve m --run ' + runs,
      });
      await handle.signal('approve', message(bound));
      return result(handle);
    });
    expect(outcome).toMatchObject({ kind: 'released' });
    expect(world.deploys[0]?.approval).toMatchObject({ verdict: 'approved', by: 'ada', ...bound });
    expect(world.audits).toMatchObject([{ message: 'approve', accepted: true, to: `train/m/${runs}` }]);
  });

  it('answers an update for other bytes with no, and is not decided by it', async () => {
    const world = createWorld();
    await waiting(world, async (handle) => {
      const wrong = await answer(handle, 'approve', message({ ...bound, challenger: 'a'.repeat(64) }));
      expect(wrong).toMatchObject({ accepted: false, text: expect.stringContaining('the challenger that waits is') });
      expect((await status(handle)).waitingFor).not.toBeNull();
      expect(await answer(handle, 'reject', message({ ...bound, reason: 'no' }))).toMatchObject({ accepted: true });
      expect(await result(handle)).toEqual({ kind: 'refused', by: 'person', text: 'rejected by ada: no' });
    });
    expect(world.deploys).toEqual([]);
  });

  it('takes the first valid verdict: the second sender is told, a retry of the first gets its answer again', async () => {
    const world = createWorld();
    world.deploy = async (input) => {
      await new Promise((resolve) => setTimeout(resolve, 1000));
      return { release: 2, sha256: input.challenger.sha256, epoch: 2 };
    };
    await waiting(world, async (handle) => {
      const first = message(bound);
      const accepted = await answer(handle, 'approve', first);
      expect(await answer(handle, 'reject', message(bound))).toMatchObject({
        accepted: false,
        text: expect.stringContaining('too late'),
      });
      expect(await answer(handle, 'approve', first)).toEqual(accepted);
      expect(await result(handle)).toMatchObject({ kind: 'released' });
    });
    expect(world.audits.map((entry) => entry.accepted)).toEqual([true, false]);
  });

  it('refuses at the deadline, which a hold moves', async () => {
    const world = createWorld();
    await waiting(world, async (handle) => {
      const before = Date.parse((await status(handle)).waitingFor?.deadlineAt ?? '');
      expect(await answer(handle, 'hold', message({ for: '2d' }))).toMatchObject({ accepted: true });
      const after = Date.parse((await status(handle)).waitingFor?.deadlineAt ?? '');
      expect(after - before).toBe(2 * 864e5);
      await env.sleep('4 days'); // past the first deadline, not past the second
      expect((await status(handle)).phase).toBe('awaitingApproval');
      expect(await result(handle)).toMatchObject({ kind: 'refused', by: 'deadline' });
    });
    expect(world.deploys).toEqual([]);
  });

  it('can be held for a while, not for ever', async () => {
    const world = createWorld();
    await waiting(world, async (handle) => {
      expect(await answer(handle, 'hold', message({ for: '999999w' }))).toMatchObject({ accepted: false });
      for (let i = 0; i < 3; i++) {
        expect(await answer(handle, 'hold', message({ for: '30d' }))).toMatchObject({ accepted: true });
      }
      const fourth = await answer(handle, 'hold', message({ for: '30d' }));
      expect(fourth).toMatchObject({ accepted: false, text: expect.stringContaining('at the most') });
      await handle.signal('approve', message(bound));
      await result(handle);
    });
  });

  it('survives values that no conversion survives', async () => {
    const world = createWorld();
    await waiting(world, async (handle) => {
      const hostile = { toString: 1, valueOf: 1 };
      await handle.signal('approve', message({ challenger: hostile, evidence: hostile }));
      await handle.signal('hold', message({ for: hostile }));
      await handle.signal('lunch', { messageId: hostile, by: hostile });
      await handle.signal('approve', message(bound));
      expect(await result(handle)).toMatchObject({ kind: 'released' });
    });
    expect(world.audits.map((entry) => entry.accepted)).toEqual([false, false, false, true]);
  });

  it('survives what is no message: malformed, unknown, undecodable; each is audited', async () => {
    const world = createWorld();
    await waiting(world, async (handle) => {
      await handle.signal('approve', 'yes please');
      await handle.signal('approve', { by: 'eve' });
      await handle.signal('lunch', message());
      await env.client.workflowService.signalWorkflowExecution({
        namespace: env.namespace ?? 'default',
        workflowExecution: { workflowId: handle.workflowId },
        signalName: 'approve',
        input: { payloads: [{ metadata: { encoding: Buffer.from('json/plain') }, data: Buffer.from('{not json') }] },
        requestId: randomUUID(),
      });
      await handle.signal('approve', message(bound));
      expect(await result(handle)).toMatchObject({ kind: 'released' });
    });
    const entries = world.audits.map(({ message: name, accepted }) => `${name} ${accepted}`);
    expect(entries).toEqual(['approve false', 'approve false', 'lunch false', 'approve false', 'approve true']);
    expect(world.audits.map(({ result }) => result)).toContainEqual(expect.stringContaining('cannot be decoded'));
  });
});
