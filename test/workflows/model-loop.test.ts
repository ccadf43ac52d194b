import { randomUUID } from 'node:crypto';
import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { WorkflowHandleWithFirstExecutionRunId as WorkflowHandle } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Answer, LoopStatus } from '../../src/contracts/index.js';
import { createWorld, trained, type World } from '../support/scripted-activities.js';
import { recordHistory } from '../support/histories.js';
import { startTimeSkipping, withWorkers } from '../support/workflow-env.js';

let env: TestWorkflowEnvironment;
beforeAll(async () => {
  env = await startTimeSkipping();
});
afterAll(() => env?.teardown());

let models = 0;
/** A model of its own per test, so that no workflow id is met twice. */
function newWorld(): World {
  models += 1;
  return createWorld(`m${models}`);
}

async function loop<T>(world: World, body: (handle: WorkflowHandle) => Promise<T>): Promise<T> {
  return withWorkers(env, world, async () => {
    const handle = await env.client.workflow.start('modelLoop', {
      workflowId: `model/${world.model}`,
      taskQueue: 'loop',
      args: [{ model: world.model }],
    });
    const result = await body(handle);
    const now = env.client.workflow.getHandle(`model/${world.model}`); // it may have continued as new
    if ((await now.describe()).status.name === 'RUNNING') await now.terminate();
    await recordHistory(handle);
    return result;
  });
}

const message = (more: object = {}) => ({ messageId: randomUUID(), by: 'ada', ...more });
const ask = (handle: WorkflowHandle, name: string, payload: unknown = message()) =>
  env.client.workflow.getHandle(handle.workflowId).executeUpdate<Answer, [unknown]>(name, { args: [payload] });
const status = (handle: WorkflowHandle) =>
  env.client.workflow.getHandle(handle.workflowId).query<LoopStatus, []>('status');
async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`not within 20 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
const retrainOnce = (world: World) => {
  let asked = false;
  world.decide = () => {
    if (asked) return { action: 'wait', trigger: 'none' };
    asked = true;
    return { action: 'retrain', trigger: 'performance' };
  };
};

describe('the quiet life', () => {
  it('costs one timer and two activities per window', async () => {
    const world = newWorld();
    await loop(world, async (handle) => {
      await until('hydrated', () => world.observed.length === 1);
      for (let window = 1; window <= 3; window++) {
        world.dueWindows = 1;
        await handle.signal('feed', {});
        await until(`window ${window}`, () => world.gated.length === window);
      }
      await until('waiting again', async () => (await status(handle)).windowsSinceStart === 3);
      const { events } = await handle.fetchHistory();
      const count = (type: string) => events?.filter((event) => event[type as keyof typeof event] != null).length;
      expect(count('activityTaskScheduledEventAttributes')).toBe(1 + 1 + 3 * 2); // hydrate, the first look, then the windows
      expect(count('timerStartedEventAttributes')).toBeLessThanOrEqual(1 + 3);
    });
  });

  it('wakes by the wall clock when the next window is due', async () => {
    const world = newWorld();
    world.nextDueInMs = 3600_000;
    await loop(world, async () => {
      await until('first look', () => world.observed.length === 1);
      world.dueWindows = 1;
      await env.sleep('61 minutes');
      await until('decided', () => world.gated.length === 1);
    });
  });

  it('catches up window by window, each decided in order', async () => {
    const world = newWorld();
    world.dueWindows = 4;
    await loop(world, async () => {
      await until('four decisions', () => world.gated.length === 4);
      expect(world.gated.map((input) => input.reports[0]?.key)).toEqual([
        'w/2001-02-05T00:00:00.000Z',
        'w/2001-02-12T00:00:00.000Z',
        'w/2001-02-19T00:00:00.000Z',
        'w/2001-02-26T00:00:00.000Z',
      ]);
    });
  });
});

describe('a changed dataset', () => {
  const ofDataset = (world: World) => world.gated.filter(({ dataset }) => dataset);

  it('is decided on without a window, once, and the loop is quiet again', async () => {
    const world = newWorld();
    world.datasetVersion = 'd'.repeat(64);
    world.unlearntVersion = null;
    await loop(world, async (handle) => {
      await until('the first look', () => world.observed.length === 1);
      await handle.signal('dataset', {});
      await until('looked again, and nothing had changed', () => world.observed.length === 2);
      expect(world.gated).toEqual([]);
      world.unlearntVersion = 'e'.repeat(64);
      await handle.signal('dataset', {});
      await until('asked', () => ofDataset(world).length === 1);
      expect(world.gated).toMatchObject([{ dataset: true, first: false, reports: [], request: null }]);
      for (let again = 1; again <= 2; again++) {
        await handle.signal('dataset', {});
        await until('looked again', () => world.observed.length === 3 + again);
      }
      expect(ofDataset(world)).toHaveLength(1);
      world.champion = { release: 2, sha256: '2'.repeat(64), epoch: 2 };
      await handle.signal('feed', {});
      await until('asked for the new champion', () => ofDataset(world).length === 2);
    });
  });

  it('buys a run, and is not asked about while one is open or the model is paused', async () => {
    const world = newWorld();
    world.dueWindows = 1;
    world.unlearntVersion = 'e'.repeat(64);
    let train = (): void => undefined;
    const mayEnd = new Promise<void>((resolve) => (train = resolve));
    world.train = async (input) => {
      const beat = setInterval(() => Context.current().heartbeat(), 200);
      await Promise.race([mayEnd, Context.current().cancelled]).finally(() => clearInterval(beat));
      return trained(input.attempt);
    };
    world.decide = ({ reports, dataset }) =>
      reports.length > 0 || dataset ? { action: 'retrain', trigger: 'dataset' } : { action: 'wait', trigger: 'none' };
    await loop(world, async (handle) => {
      await until('the window has bought a run', () => world.records.at(-1)?.phase === 'training');
      const looks = world.observed.length;
      await handle.signal('dataset', {});
      await until('looked again', () => world.observed.length > looks);
      expect(ofDataset(world)).toEqual([]);
      await ask(handle, 'pause');
      train();
      await until('released', () => world.outcomeOf(1)?.kind === 'released');
      await until('closed', async () => (await status(handle)).openRuns.length === 0);
      expect(ofDataset(world)).toEqual([]);
      await ask(handle, 'resume');
      await until('asked, and bought', () => world.records.some(({ n }) => n === 2));
      expect(ofDataset(world)).toHaveLength(1);
      expect(world.claims.size).toBe(2);
    });
  });
});

describe('learning from the logs', () => {
  it('looks once for what is missing, then after each window that has become final; a run begins after it', async () => {
    const world = newWorld();
    world.learnsFromLogs = true;
    await loop(world, async (handle) => {
      await until('what was missing', () => world.logsCommitted === 1);
      await handle.signal('feed', {});
      await until('a look at nothing new', () => world.observed.length === 2);
      world.dueWindows = 1;
      let committed = 0;
      world.decide = ({ reports }) => ({ action: reports.length > 0 ? 'retrain' : 'wait', trigger: 'drift' });
      world.commitLogs = () => {
        committed = world.claims.size;
        world.datasetVersion = 'e'.repeat(64);
        world.unlearntVersion = 'e'.repeat(64);
        return { version: 'e'.repeat(64), windows: 1, rows: 10 };
      };
      await handle.signal('feed', {});
      await until('the run has ended', () => world.outcomeOf(1)?.kind === 'released');
      expect(committed).toBe(0);
      expect(world.logsCommitted).toBe(2);
      // What it has added is looked at without a hint from outside, and decided on when nothing is open.
      await until('decided', () => world.gated.some(({ dataset }) => dataset));
      expect(world.logsCommitted).toBe(2);
    });
  });

  it('looks again when somebody else has committed, and not because of what it has committed itself', async () => {
    const world = newWorld();
    world.learnsFromLogs = true;
    world.datasetVersion = 'd'.repeat(64);
    await loop(world, async (handle) => {
      await until('what was missing', () => world.logsCommitted === 1);
      world.commitLogs = () => {
        world.datasetVersion = 'f'.repeat(64);
        return { version: 'f'.repeat(64), windows: 1, rows: 10 };
      };
      world.datasetVersion = 'e'.repeat(64);
      await handle.signal('dataset', {});
      await until('put back what was left out, and looked', () => world.observed.length === 3);
      await handle.signal('dataset', {});
      await until('looked again', () => world.observed.length === 4);
      expect(world.logsCommitted).toBe(2);
    });
  });

  it('waits for the gate: what it has not judged may be broken', async () => {
    const world = newWorld();
    world.learnsFromLogs = true;
    world.dueWindows = 1;
    let broken = true;
    world.decide = () => {
      if (broken) throw ApplicationFailure.nonRetryable('the key has expired', 'AccessDenied', { next: 'renew it' });
      return { action: 'wait', trigger: 'none' };
    };
    await loop(world, async (handle) => {
      await until('shown', async () => (await status(handle)).state === 'blocked');
      expect(world.logsCommitted).toBe(0);
      broken = false;
      await handle.signal('feed', {});
      await until('committed', () => world.logsCommitted === 1);
      expect(world.gated).toHaveLength(2);
    });
  });

  it('waits for all of it: a loop that comes back has more than one bite to judge', async () => {
    const world = newWorld();
    world.learnsFromLogs = true;
    world.seed.pendingReports = Array.from({ length: 25 }, (_, i) => ({ key: `w/${i}` }));
    let judged = 0;
    world.commitLogs = () => {
      judged = world.gated.reduce((sum, { reports }) => sum + reports.length, 0);
      return { version: null, windows: 0, rows: 0 };
    };
    await loop(world, async () => {
      await until('committed', () => world.logsCommitted === 1);
      expect(judged).toBe(25);
    });
  });

  it('a commit that fails is shown, and stops neither the run that was bought nor what people ask', async () => {
    const world = newWorld();
    world.learnsFromLogs = true;
    world.dueWindows = 1;
    world.decide = ({ reports }) => ({ action: reports.length > 0 ? 'retrain' : 'wait', trigger: 'drift' });
    world.commitLogs = () => {
      throw ApplicationFailure.nonRetryable('the key has expired', 'AccessDenied', { next: 'renew it' });
    };
    await loop(world, async (handle) => {
      await until('the run has ended', () => world.outcomeOf(1)?.kind === 'released');
      await until('shown', async () => (await status(handle)).problem?.includes('the key has expired') ?? false);
      expect((await status(handle)).state).toBe('blocked');
    });
  });

  it('costs a model that does not nothing', async () => {
    const world = newWorld();
    world.dueWindows = 2;
    await loop(world, async () => {
      await until('decided', () => world.gated.length === 2);
      expect(world.logsCommitted).toBe(0);
    });
  });
});

describe('training runs', () => {
  it('asks for the first model once per dataset version', async () => {
    const world = newWorld();
    world.champion = null;
    world.datasetVersion = 'd'.repeat(64);
    await loop(world, async (handle) => {
      await until('asked', () => world.gated.length === 1);
      expect(world.gated[0]).toMatchObject({ first: true, reports: [] });
      await handle.signal('dataset', {});
      await until('looked again', () => world.observed.length >= 2);
      expect(world.gated.length).toBe(1);
      world.datasetVersion = 'e'.repeat(64);
      await handle.signal('dataset', {});
      await until('asked for the new version', () => world.gated.length === 2);
    });
  });

  it('starts the run that the gate buys, and hears of its end', async () => {
    const world = newWorld();
    world.dueWindows = 1;
    retrainOnce(world);
    await loop(world, async (handle) => {
      await until('released', () => world.outcomeOf(1)?.kind === 'released');
      await until('closed', async () => (await status(handle)).openRuns.length === 0);
      const child = await env.client.workflow.getHandle(`train/${world.model}/1`).describe();
      expect(child.status.name).toBe('COMPLETED');
      expect(world.records[0]?.causeId).toBe('decision/1');
    });
  });

  it('attaches to a run that is there already', async () => {
    const world = newWorld();
    await withWorkers(env, world, async () => {
      const args = [{ model: world.model, causeId: 'decision/1' }];
      await env.client.workflow.execute('trainingRun', {
        workflowId: `train/${world.model}/1`,
        taskQueue: 'loop',
        args,
      });
    });
    const before = world.records.length;
    world.dueWindows = 1;
    retrainOnce(world);
    await loop(world, async (handle) => {
      await until('attached and seen as ended', () => world.observed.some((input) => input.openRuns[0]?.n === 1));
      await until('closed', async () => (await status(handle)).openRuns.length === 0);
    });
    expect(world.records.length).toBe(before);
  });

  it.each(['cancel', 'stop'] as const)('cancels its open run on %s', async (how) => {
    const world = newWorld();
    world.dueWindows = 1;
    retrainOnce(world);
    world.train = () => {
      const beat = setInterval(() => Context.current().heartbeat(), 200);
      return (Context.current().cancelled as Promise<never>).finally(() => clearInterval(beat));
    };
    await loop(world, async (handle) => {
      await until('training', () => world.records.at(-1)?.phase === 'training');
      if (how === 'cancel') await handle.cancel();
      else expect(await ask(handle, 'stop', message({ cancelRuns: true }))).toMatchObject({ accepted: true });
      await until('the run is cancelled', () => world.outcomeOf(1)?.kind === 'cancelled');
      if (how === 'cancel') await expect(handle.result()).rejects.toThrow();
      else await handle.result();
    });
  });
});

describe('steps that fail for good', () => {
  it('are shown and tried again: the loop does not die of them', async () => {
    const world = newWorld();
    let broken = true;
    world.decide = () => {
      if (broken) throw ApplicationFailure.nonRetryable('the key has expired', 'AccessDenied', { next: 'renew it' });
      return { action: 'wait', trigger: 'none' };
    };
    world.dueWindows = 1;
    await loop(world, async (handle) => {
      await until('asked in vain', () => world.gated.length === 1);
      await until('shown', async () => (await status(handle)).state === 'blocked');
      expect((await status(handle)).problem).toBe('the key has expired. Next: renew it');
      broken = false;
      await handle.signal('feed', {});
      await until('judged after all', async () => (await status(handle)).lastDecision !== null);
      expect(await status(handle)).toMatchObject({ state: 'watching', problem: null });
      expect(world.gated.map((input) => input.reports)).toEqual([world.gated[0]?.reports, world.gated[0]?.reports]);
    });
  });

  it('a loop without a configuration fails at once', async () => {
    const world = newWorld();
    world.loopActivities.hydrateLoop = () =>
      Promise.reject(ApplicationFailure.nonRetryable('no configuration', 'NotFound'));
    await loop(world, async (handle) => {
      await expect(handle.result()).rejects.toThrow('Workflow execution failed');
    });
  });
});

describe('a data incident', () => {
  const decided = (world: World, n: number) => until(`${n} decisions`, () => world.gated.length === n);
  const window = async (world: World, handle: WorkflowHandle, action: 'block' | 'wait') => {
    world.decide = () => ({ action, trigger: 'none' });
    world.dueWindows = 1;
    const before = world.gated.length;
    await handle.signal('feed', {});
    await decided(world, before + 1);
    await until('taken in', async () => (await status(handle)).lastDecision?.seq === before + 1);
  };

  it('is shown from the first blocked window to the next that is sound, in the memo too', async () => {
    const world = newWorld();
    await loop(world, async (handle) => {
      await window(world, handle, 'wait');
      await window(world, handle, 'block');
      await window(world, handle, 'block');
      const incident = { since: '2001-02-12T00:00:00.000Z', to: '2001-02-26T00:00:00.000Z', windows: 2 };
      expect(await status(handle)).toMatchObject({ state: 'incident', incident });
      await ask(handle, 'pause'); // an order that somebody gave does not hide what is wrong
      expect(await status(handle)).toMatchObject({ state: 'incident', standing: { paused: true } });
      const { memo } = await handle.describe();
      expect(memo?.['summary']).toMatch(/^incident: .*data incident since 2001-02-12 \(2 windows/);
      await window(world, handle, 'wait');
      expect(await status(handle)).toMatchObject({ state: 'paused', incident: null });
    });
  });

  it('survives continue-as-new', async () => {
    const world = newWorld();
    world.dueWindows = 51;
    world.decide = (input) => ({ action: blocks(input) ? 'block' : 'wait', trigger: 'none' });
    await loop(world, async (handle) => {
      await decided(world, 51);
      await until('taken in', async () => (await status(handle)).lastDecision?.seq === 51);
      const now = await env.client.workflow.getHandle(handle.workflowId).describe();
      expect(now.runId).not.toBe(handle.firstExecutionRunId);
      const { state, incident } = await status(handle);
      expect({ state, incident }).toMatchObject({
        state: 'incident',
        incident: { windows: world.gated.filter(blocks).length },
      });
      expect(incident?.windows).toBeGreaterThan(1);
    });
  });
  const blocks = ({ now }: World['gated'][number]) => Date.parse(now) > Date.UTC(2002, 0, 7);

  it('is what a loop that is born again knows of it', async () => {
    const world = newWorld();
    const incident = { since: '2001-01-29T00:00:00.000Z', to: '2001-02-05T00:00:00.000Z', windows: 1, text: 'silent' };
    world.seed = { ...world.seed, incident };
    await loop(world, async (handle) => {
      await until('shown', async () => (await status(handle)).state === 'incident');
      await window(world, handle, 'block');
      expect((await status(handle)).incident).toMatchObject({ since: incident.since, windows: 2 });
      await window(world, handle, 'wait');
      expect(await status(handle)).toMatchObject({ state: 'watching', incident: null });
    });
  });
});

describe('a loop that is born again', () => {
  it('judges what nobody judged and starts what nobody started', async () => {
    const world = newWorld();
    const decision = {
      seq: 7,
      action: 'retrain',
      trigger: 'performance',
      reason: 'worse',
      window: null,
      revision: null,
    } as const;
    world.seed = {
      ...world.seed,
      pendingReports: [{ key: 'w/before' }],
      pendingRetrains: [{ ...decision, at: '2001-02-12T00:00:00.000Z' }],
    };
    await loop(world, async () => {
      await until('released', () => world.outcomeOf(1)?.kind === 'released');
      expect(world.gated[0]?.reports).toEqual([{ key: 'w/before' }]);
      expect(world.records[0]?.causeId).toBe('decision/7');
    });
  });
});

describe('continue-as-new', () => {
  it('after 50 windows, with a child in flight and a message on its way: nothing is lost', async () => {
    const world = newWorld();
    world.dueWindows = 51;
    let release: (() => void) | undefined;
    const trainingMayEnd = new Promise<void>((resolve) => (release = resolve));
    retrainOnce(world);
    world.train = async (input) => {
      const beat = setInterval(() => Context.current().heartbeat(), 200);
      await trainingMayEnd.finally(() => clearInterval(beat));
      return trained(input.attempt);
    };
    await loop(world, async (handle) => {
      await until('training', () => world.records.at(-1)?.phase === 'training');
      const paused = ask(handle, 'pin');
      await until('51 windows', () => world.gated.length === 51);
      expect(await paused).toMatchObject({ accepted: true });
      const now = await env.client.workflow.getHandle(handle.workflowId).describe();
      expect(now.runId).not.toBe(handle.firstExecutionRunId);
      expect((await status(handle)).openRuns).toEqual([1]);
      release?.();
      await until('the end of the child is heard', async () => (await status(handle)).openRuns.length === 0);
      expect((await status(handle)).standing.pinned).toBe(true);
      expect(world.gated.at(-1)?.openRun).toBe(1);
    });
  });
});

describe('what people ask', () => {
  it('pause and resume: at once, once per message id, and audited', async () => {
    const world = newWorld();
    await loop(world, async (handle) => {
      const pause = message({ reason: 'holiday' });
      expect(await ask(handle, 'pause', pause)).toEqual({ accepted: true, text: 'paused, not pinned' });
      expect(await ask(handle, 'resume')).toMatchObject({ accepted: true });
      expect(await ask(handle, 'pause', pause)).toEqual({ accepted: true, text: 'paused, not pinned' }); // the same message again
      expect((await status(handle)).standing).toEqual({ paused: false, pinned: false });
      expect(world.audits).toMatchObject([
        { message: 'pause', reason: 'holiday', standing: { paused: true } },
        { message: 'resume', standing: { paused: false } },
      ]);
    });
  });

  it('retrain: answered with the decision, and with the run when there is one', async () => {
    const world = newWorld();
    world.decide = (input) =>
      input.request?.force ? { action: 'retrain', trigger: 'person' } : { action: 'wait', trigger: 'person' };
    await loop(world, async (handle) => {
      expect(await ask(handle, 'retrain')).toMatchObject({ accepted: false, text: 'decision 1: scripted' });
      expect(await ask(handle, 'retrain', message({ force: true }))).toMatchObject({
        accepted: true,
        text: 'decision 2: scripted; run 1',
      });
      expect(world.gated.map((input) => input.request?.by)).toEqual(['ada', 'ada']);
    });
  });

  const pointerMoves = (world: World) => {
    world.rollback = async (input) => {
      if (input.expectedEpoch === 1) {
        world.champion = { release: 3, sha256: '3'.repeat(64), epoch: 4 };
        world.dueWindows = 1;
        throw ApplicationFailure.nonRetryable('epoch 4, expected 1', 'PointerMoved');
      }
      world.champion = { release: 2, sha256: '2'.repeat(64), epoch: 5 };
      return world.champion;
    };
  };

  it('rollback to a named release: tried again when the pointer moved, with the same move id', async () => {
    const world = newWorld();
    pointerMoves(world);
    await loop(world, async (handle) => {
      const answer = await ask(handle, 'rollback', message({ messageId: 'back', toRelease: 2 }));
      expect(answer).toEqual({ accepted: true, text: 'release 2 is live again (epoch 5), was 3' });
      expect(world.rollbacks.map(({ moveId, expectedEpoch }) => [moveId, expectedEpoch])).toEqual([
        ['message/back', 1],
        ['message/back', 4],
      ]);
      expect((await status(handle)).champion).toMatchObject({ release: 2, epoch: 5 });
      await until('the window that became due meanwhile is judged', () => world.gated.length === 1);
    });
  });

  it('rollback of what the person saw: refused when something else is live by now', async () => {
    const world = newWorld();
    pointerMoves(world);
    await loop(world, async (handle) => {
      const answer = await ask(handle, 'rollback');
      expect(answer).toMatchObject({ accepted: false, text: expect.stringContaining('release 3 is live (was 1)') });
      expect(world.rollbacks).toHaveLength(1);
    });
  });

  it('rollback cancels the run that it overtakes', async () => {
    const world = newWorld();
    world.dueWindows = 1;
    retrainOnce(world);
    world.approval = 'person';
    await loop(world, async (handle) => {
      await until('waiting', () => world.records.at(-1)?.phase === 'awaitingApproval');
      expect(await ask(handle, 'rollback')).toMatchObject({ accepted: true });
      await until('cancelled', () => world.outcomeOf(1)?.kind === 'cancelled');
      expect(world.outcomeOf(1)?.text).toContain('rolled back to release 1');
    });
  });

  it('stop while a rollback is carried out: its sender hears what really happened', async () => {
    const world = newWorld();
    let go: (() => void) | undefined;
    const may = new Promise<void>((resolve) => (go = resolve));
    world.rollback = async (input) => {
      await may;
      return { release: 1, sha256: '1'.repeat(64), epoch: input.expectedEpoch + 1 };
    };
    await loop(world, async (handle) => {
      const back = ask(handle, 'rollback');
      await until('under way', () => world.rollbacks.length === 1);
      await ask(handle, 'stop');
      go?.();
      expect(await back).toMatchObject({ accepted: true });
      expect(await handle.result()).toBe('stopped by ada');
      expect(world.audits.map(({ message: name, accepted }) => `${name} ${accepted}`)).toEqual([
        'stop true',
        'rollback true',
      ]);
    });
  });

  it('cancelled while a request waits: the run is cancelled, the sender is answered, the act is audited', async () => {
    const world = newWorld();
    world.dueWindows = 1;
    retrainOnce(world);
    world.approval = 'person';
    world.rollback = () => Context.current().cancelled as Promise<never>;
    await loop(world, async (handle) => {
      await until('waiting', () => world.records.at(-1)?.phase === 'awaitingApproval');
      await handle.signal('rollback', message());
      await until('under way', () => world.rollbacks.length === 1);
      await handle.cancel();
      await expect(handle.result()).rejects.toThrow();
      expect(world.audits).toMatchObject([{ message: 'rollback', accepted: false }]);
      await until('the run is cancelled', () => world.outcomeOf(1)?.kind === 'cancelled');
    });
  });

  it('a refused rollback says why and what to do', async () => {
    const world = newWorld();
    world.rollback = () =>
      Promise.reject(ApplicationFailure.nonRetryable('no release 9', 'NotFound', { next: 'seawall status' }));
    await loop(world, async (handle) => {
      const answer = await ask(handle, 'rollback', message({ toRelease: 9 }));
      expect(answer).toEqual({ accepted: false, text: 'no release 9. Next: seawall status' });
    });
  });

  it('what is no message changes nothing and is audited', async () => {
    const world = newWorld();
    await loop(world, async (handle) => {
      await handle.signal('pause', 'now!');
      await handle.signal('dance', message());
      await until('audited', () => world.audits.length === 2);
      expect(world.audits.map((entry) => entry.accepted)).toEqual([false, false]);
      expect((await status(handle)).standing.paused).toBe(false);
    });
  });

  it('fails at once when it is started under a wrong id', async () => {
    const world = newWorld();
    await withWorkers(env, world, async () => {
      const args = [{ model: 'other' }];
      const run = env.client.workflow.execute('modelLoop', {
        workflowId: `model/${world.model}`,
        taskQueue: 'loop',
        args,
      });
      await expect(run).rejects.toThrow('Workflow execution failed');
    });
  });
});
