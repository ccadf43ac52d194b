import { randomUUID } from 'node:crypto';
import type { WorkflowHandleWithFirstExecutionRunId as WorkflowHandle } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Answer, Budget, FleetStatus, LoopStatus } from '../../src/contracts/index.js';
import { applyAll, emptyLedger } from '../../src/domain/reducers/ledger.js';
import { recordHistory } from '../support/histories.js';
import { createWorld, trained, type World } from '../support/scripted-activities.js';
import { startTimeSkipping, withWorkers } from '../support/workflow-env.js';

let env: TestWorkflowEnvironment;
// One per test: its clock stands still for ever once a workflow was ended at work.
beforeEach(async () => {
  env = await startTimeSkipping();
});
afterEach(() => env?.teardown());

const HOUR = 3_600_000;
let worlds = 0;
/** A model and a pool of its own per test, so that no workflow id is met twice. */
function newWorld(): World & { pool: string } {
  worlds += 1;
  const world = Object.assign(createWorld(`m${worlds}`), { pool: `p${worlds}` });
  world.dueWindows = 1;
  let asked = false;
  world.decide = () => {
    if (asked) return { action: 'wait', trigger: 'none' };
    asked = true;
    return { action: 'retrain', trigger: 'performance' };
  };
  world.price = { pool: world.pool, gpuMs: HOUR, benefit: 2, clock: 'wall', text: 'scripted' };
  return world;
}
const budget = (gpuHours: number, more: Partial<Budget> = {}): Budget => ({
  ...{ seq: 1, gpuMs: gpuHours * HOUR, models: {}, per: 'week', collectForMs: 60_000 },
  ...more,
});

const handleOf = (id: string) => env.client.workflow.getHandle(id);
const fleetOf = ({ pool }: { pool: string }) => handleOf(`fleet/${pool}`);
const message = (more: object = {}) => ({ messageId: randomUUID(), by: 'ada', ...more });
const tell = (id: string, name: string, payload: unknown = message()) =>
  handleOf(id).executeUpdate<Answer, [unknown]>(name, { args: [payload] });
const fleetStatus = (world: { pool: string }) => fleetOf(world).query<FleetStatus, []>('status');
const loopStatus = ({ model }: World) => handleOf(`model/${model}`).query<LoopStatus, []>('status');
const startFleet = (world: { pool: string }): Promise<WorkflowHandle> =>
  env.client.workflow.start('fleet', {
    workflowId: `fleet/${world.pool}`,
    taskQueue: 'loop',
    args: [{ pool: world.pool }],
  });
const startLoop = (world: World): Promise<WorkflowHandle> =>
  env.client.workflow.start('modelLoop', {
    workflowId: `model/${world.model}`,
    taskQueue: 'loop',
    args: [{ model: world.model }],
  });

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`not within 30 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
async function endAll(...ids: string[]): Promise<void> {
  for (const id of ids) if ((await handleOf(id).describe()).status.name === 'RUNNING') await handleOf(id).terminate();
}
/** What is stored must follow from what was stored before. */
function checkStored({ fleet }: World): void {
  for (const [i, { inputs, table, previous }] of fleet.saved.entries()) {
    expect(previous).toBe(i);
    expect(applyAll(fleet.saved[i - 1]?.table ?? emptyLedger(), inputs).table).toEqual(table);
  }
}
const facts = ({ fleet }: World) =>
  fleet.saved.flatMap((step) => step.facts.map(({ what, id }) => `${what} ${id ?? ''}`.trim()));

describe('a loop whose pool has a ledger', () => {
  it('waits behind a freeze and says so, starts when it is lifted, and its end is booked', async () => {
    const world = newWorld();
    world.fleet.budget = budget(5);
    await withWorkers(env, world, async () => {
      const fleet = await startFleet(world);
      const frozen = await tell(`fleet/${world.pool}`, 'freeze', message({ reason: 'power cut' }));
      expect(frozen).toMatchObject({ accepted: true });
      const loop = await startLoop(world);
      await until('it waits', async () => (await loopStatus(world)).waitsForBudget[0]?.position === 1);
      const status = await loopStatus(world);
      expect(status).toMatchObject({ state: 'awaitingBudget', openRuns: [1] });
      expect(status.waitsForBudget[0]?.text).toContain('frozen by ada');
      expect(status.waitsForBudget[0]?.text).toContain('power cut');
      expect(world.records).toEqual([]);
      await tell(`fleet/${world.pool}`, 'unfreeze');
      await env.sleep('2 minutes'); // requests are collected
      await until('released', () => world.outcomeOf(1)?.kind === 'released');
      await until('booked', async () => (await fleetStatus(world)).accounts[0]?.spentMs === 1_000);
      expect((await fleetStatus(world)).running).toEqual([]);
      await endAll(`model/${world.model}`, `fleet/${world.pool}`);
      expect(facts(world)).toEqual([
        'budget',
        'frozen',
        `asked ${world.model}/1`,
        'unfrozen',
        `granted ${world.model}/1`,
        `settled ${world.model}/1`,
      ]);
      checkStored(world);
      expect(world.audits.map(({ pool, message: name, accepted }) => [pool, name, accepted])).toEqual([
        [world.pool, 'freeze', true],
        [world.pool, 'unfreeze', true],
      ]);
      await recordHistory(fleet);
      await recordHistory(loop, 'loop');
    });
  });

  it('starts the fleet when there is none, and asks again when a fleet was lost', async () => {
    const world = newWorld();
    world.fleet.budget = budget(0.5, { collectForMs: 0 });
    await withWorkers(env, world, async () => {
      await startLoop(world);
      await until(
        'the fleet runs, and says that it is too little',
        async () => (await loopStatus(world)).waitsForBudget[0]?.text.includes('raise the budget') ?? false,
      );
      await fleetOf(world).terminate();
      world.fleet.budget = budget(5, { seq: 2 });
      await env.sleep('45 minutes'); // an answer that nobody gives any more is asked for again
      await until('released', () => world.outcomeOf(1)?.kind === 'released');
      await until('booked', async () => (await fleetStatus(world)).accounts[0]?.spentMs === 1_000);
      await endAll(`model/${world.model}`, `fleet/${world.pool}`);
      expect(facts(world).filter((fact) => fact.startsWith('granted'))).toHaveLength(1);
      checkStored(world);
    });
  });

  it('takes the run back when it is paused, and the ledger keeps nothing for it', async () => {
    const world = newWorld();
    world.fleet.budget = budget(0.5);
    await withWorkers(env, world, async () => {
      const loop = await startLoop(world);
      await until('it waits', async () => (await loopStatus(world)).waitsForBudget[0]?.position === 1);
      await tell(`model/${world.model}`, 'pause');
      await until('taken back', () => world.outcomeOf(1)?.kind === 'cancelled');
      await until('forgotten', async () => (await fleetStatus(world)).waiting.length === 0);
      expect(await loopStatus(world)).toMatchObject({ openRuns: [], waitsForBudget: [], state: 'paused' });
      await endAll(`model/${world.model}`, `fleet/${world.pool}`);
      expect(facts(world).at(-1)).toBe(`settled ${world.model}/1`);
      await recordHistory(loop);
    });
  });

  it('takes the run back when it is stopped with its runs', async () => {
    const world = newWorld();
    world.fleet.budget = budget(0.5);
    await withWorkers(env, world, async () => {
      await startLoop(world);
      await until('it waits', async () => (await loopStatus(world)).waitsForBudget[0]?.position === 1);
      await tell(`model/${world.model}`, 'stop', message({ cancelRuns: true }));
      await until('taken back', () => world.outcomeOf(1)?.kind === 'cancelled');
      await until('forgotten', async () => (await fleetStatus(world)).waiting.length === 0);
      await endAll(`model/${world.model}`, `fleet/${world.pool}`);
    });
  });

  it('that is born again takes up the run that it had claimed, and starts it once', async () => {
    const world = newWorld();
    world.fleet.budget = budget(0.5);
    await withWorkers(env, world, async () => {
      await startLoop(world);
      await until('it waits', async () => (await loopStatus(world)).waitsForBudget[0]?.position === 1);
      await env.sleep('61 seconds');
      await handleOf(`model/${world.model}`).terminate();
      const run = { n: 1, workflowId: `train/${world.model}/1`, causeId: 'decision/1' };
      world.seed = { ...world.seed, openRuns: [run] };
      world.fleet.budget = budget(5, { seq: 2 });
      await fleetOf(world).signal('budget', {});
      await startLoop(world);
      await until('released', () => world.outcomeOf(1)?.kind === 'released');
      expect(world.records.every(({ n }) => n === 1)).toBe(true);
      await endAll(`model/${world.model}`, `fleet/${world.pool}`);
    });
  });

  it('freeze with --cancel-running cancels what runs, and that is booked too', async () => {
    const world = newWorld();
    world.train = () => new Promise((resolve) => setTimeout(() => resolve(trained(1)), 1_500));
    await withWorkers(env, world, async () => {
      await startLoop(world);
      await until('it trains', () => world.phases().includes('training'));
      const answer = await tell(`fleet/${world.pool}`, 'freeze', message({ cancelRunning: true }));
      expect(answer.text).toContain('1 run is cancelled');
      await until('cancelled', () => world.outcomeOf(1)?.kind === 'cancelled');
      await until('booked', async () => (await fleetStatus(world)).running.length === 0);
      expect(await fleetStatus(world)).toMatchObject({
        state: 'frozen',
        accounts: [{ spentMs: 1_000, reservedMs: 0 }],
      });
      await endAll(`model/${world.model}`, `fleet/${world.pool}`);
    });
  });
});

describe('the fleet', () => {
  const reserve = (model: string, benefit: number) => ({
    ...{
      reservationId: `${model}/1`,
      gpuMs: HOUR,
      benefit,
      clock: 'wall',
      now: '2026-01-01T00:00:00Z',
      replyTo: `model/${model}`,
    },
  });

  it('gives to the best, whoever asked first, and takes back what nobody starts', async () => {
    const world = newWorld();
    world.fleet.budget = budget(2);
    await withWorkers(env, world, async () => {
      const fleet = await startFleet(world);
      for (const [model, benefit] of [
        ['a', 1],
        ['b', 4],
        ['c', 3],
        ['d', 2],
      ] as const)
        await fleet.signal('reserve', reserve(model, benefit));
      await env.sleep('61 seconds');
      await until('two are granted', async () => (await fleetStatus(world)).running.length === 2);
      const status = await fleetStatus(world);
      expect(status.running.map(({ id }) => id)).toEqual(['b/1', 'c/1']);
      expect(status).toMatchObject({
        state: 'short',
        waiting: [
          { id: 'd/1', position: 1 },
          { id: 'a/1', position: 2 },
        ],
      });
      await env.sleep('17 minutes'); // nobody starts anything
      await until(
        'the others have it',
        async () =>
          (await fleetStatus(world)).running
            .map(({ id }) => id)
            .toSorted()
            .join() === 'a/1,d/1',
      );
      await endAll(`fleet/${world.pool}`);
      checkStored(world);
      await recordHistory(fleet);
    });
  });

  it('survives what is no message, and what no conversion survives', async () => {
    const world = newWorld();
    await withWorkers(env, world, async () => {
      const fleet = await startFleet(world);
      await until('hydrated', async () => (await fleetStatus(world)).state === 'open');
      for (const payload of [
        null,
        7,
        'text',
        [],
        {},
        { reservationId: 'x' },
        { ...reserve('a', 1), replyTo: 'model/b' },
        { ...reserve('a', 1), gpuMs: 0.5 },
      ])
        for (const name of ['reserve', 'settle', 'freeze']) await fleet.signal(name, payload);
      await fleet.signal('unknown', {});
      expect(await tell(`fleet/${world.pool}`, 'freeze', { by: 'ada' })).toMatchObject({ accepted: false });
      await until('audited', () => world.audits.some(({ message: name }) => name === 'unknown'));
      expect(await fleetStatus(world)).toMatchObject({ state: 'open', waiting: [], running: [] });
      expect(world.audits.every(({ pool, accepted }) => pool === world.pool && !accepted)).toBe(true);
      await endAll(`fleet/${world.pool}`);
      await recordHistory(fleet);
    });
  });

  it('that is born again writes to nobody of what has ended, but answers who asks, also for what it has forgotten', async () => {
    const world = newWorld();
    const ended = {
      ...reserve('b', 1),
      id: 'b/1',
      model: 'b',
      n: 1,
      askedAtMs: 0,
      state: 'settled',
      day: '2026-01-01',
    } as const;
    const entry = { ...ended, clock: 'wall' as const, leaseUntilMs: null, usedMs: 5, text: 'run released' };
    const table = { ...emptyLedger(), entries: [entry], lastN: { a: 3, b: 1 } };
    world.fleet.saved.push({ pool: world.pool, previous: 0, inputs: [], facts: [], table, causeId: 'before', atMs: 0 });
    await withWorkers(env, world, async () => {
      const fleet = await startFleet(world);
      await until('hydrated', async () => (await fleetStatus(world)).state === 'open');
      const letters = async () =>
        (await fleet.fetchHistory()).events?.filter(
          (event) => event.signalExternalWorkflowExecutionInitiatedEventAttributes,
        );
      expect(await letters()).toEqual([]);
      await fleet.signal('reserve', { ...reserve('a', 1), reservationId: 'a/2' });
      await until('answered', async () => (await letters())?.length === 1);
      const payload = (await letters())?.[0]?.signalExternalWorkflowExecutionInitiatedEventAttributes?.input
        ?.payloads?.[0];
      expect(JSON.parse(Buffer.from(payload?.data ?? []).toString())).toMatchObject({
        reservationId: 'a/2',
        state: 'settled',
      });
      expect(world.fleet.saved).toHaveLength(1);
      await endAll(`fleet/${world.pool}`);
    });
  });

  it('refuses an id that is not its own', async () => {
    const world = newWorld();
    await withWorkers(env, world, async () => {
      const wrong = env.client.workflow.execute('fleet', {
        workflowId: 'fleet/x',
        taskQueue: 'loop',
        args: [{ pool: 'y' }],
      });
      await expect(wrong).rejects.toThrow();
    });
  });

  it('shows what it cannot store, tells nobody until it can, and goes on', async () => {
    const world = newWorld();
    const { save } = world.fleet;
    let away = true;
    world.fleet.save = async (input) => {
      if (away) throw Object.assign(new Error('no'), { name: 'Away' });
      return save(input);
    };
    await withWorkers(env, world, async () => {
      await startLoop(world);
      await env.sleep('16 minutes');
      await until('blocked', async () => (await fleetStatus(world)).state === 'blocked');
      expect((await loopStatus(world)).waitsForBudget[0]?.position).toBe(null);
      away = false;
      await env.sleep('2 minutes');
      await until('released', () => world.outcomeOf(1)?.kind === 'released');
      await endAll(`model/${world.model}`, `fleet/${world.pool}`);
    });
  });

  it('a step that was stored although its answer was lost does not pass for the next try', async () => {
    const world = newWorld();
    world.fleet.budget = budget(5, { collectForMs: 0 });
    const { save } = world.fleet;
    let lost = true;
    world.fleet.save = async (input) => {
      const saved = await save(input);
      if (lost && input.facts.some(({ what }) => what === 'granted')) throw new Error('the answer is lost');
      return saved;
    };
    await withWorkers(env, world, async () => {
      const fleet = await startFleet(world);
      await fleet.signal('reserve', reserve('a', 1));
      await until('stored', () => world.fleet.saved.some(({ table }) => table.entries.length === 1));
      await fleet.signal('reserve', reserve('b', 1)); // part of the next try
      await env.sleep('16 minutes');
      await until('blocked', async () => (await fleetStatus(world)).state === 'blocked');
      lost = false;
      await until('both', async () => (await fleetStatus(world)).running.length === 2);
      const { seq } = await fleetStatus(world);
      expect(world.fleet.saved[seq - 1]?.table.entries.map(({ id }) => id)).toEqual(['a/1', 'b/1']);
      await endAll(`fleet/${world.pool}`);
    });
  });

  it('a hint that comes while runs are looked at is for the next look', async () => {
    const world = newWorld();
    world.fleet.budget = budget(5, { collectForMs: 0 });
    const { look } = world.fleet;
    let looks = 0;
    let release = () => {};
    const held = new Promise<void>((resolve) => (release = resolve));
    world.loopActivities.lookAtReservations = async ({ ids }) => {
      looks += 1;
      if (looks === 1) await held;
      return ids.map((id) =>
        looks === 1 ? look(id) : { id, state: 'ended' as const, usedMs: 7, text: 'run released' },
      );
    };
    await withWorkers(env, world, async () => {
      const fleet = await startFleet(world);
      await fleet.signal('reserve', reserve('a', 1));
      await until('granted', async () => (await fleetStatus(world)).running.length === 1);
      await fleet.signal('settle', { reservationId: 'a/1' });
      await until('it looks', () => looks === 1);
      await fleet.signal('settle', { reservationId: 'a/1' });
      await until(
        'the hint has arrived',
        async () =>
          ((await fleet.fetchHistory()).events ?? []).filter(
            (event) => event.workflowExecutionSignaledEventAttributes?.signalName === 'settle',
          ).length === 2,
      );
      release();
      await until('booked', async () => (await fleetStatus(world)).running.length === 0);
      expect((await fleetStatus(world)).accounts[0]?.spentMs).toBe(7);
      await endAll(`fleet/${world.pool}`);
    });
  });

  it('continues as new with its table, and nothing that was sent is lost', { timeout: 120_000 }, async () => {
    const world = newWorld();
    world.fleet.budget = budget(1);
    await withWorkers(env, world, async () => {
      const fleet = await startFleet(world);
      await fleet.signal('reserve', reserve('a', 1));
      for (let i = 0; i < 2_500; i++) await fleetOf(world).signal('reserve', reserve('b', 9));
      await until(
        'another run of it',
        async () => (await fleetOf(world).describe()).runId !== fleet.firstExecutionRunId,
      );
      await env.sleep('61 seconds');
      await until('granted', async () => (await fleetStatus(world)).running.length === 1);
      expect(await fleetStatus(world)).toMatchObject({ running: [{ id: 'b/1' }], waiting: [{ id: 'a/1' }] });
      await endAll(`fleet/${world.pool}`);
      checkStored(world);
    });
  });
});
