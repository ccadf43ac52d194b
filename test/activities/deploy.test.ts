import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createDeployActivities, type DeployPorts } from '../../src/activities/deploy.js';
import {
  type BlobRef,
  type DeployInput,
  type Evidence,
  keys,
  type ReleaseRecord,
  type RunOutcome,
} from '../../src/contracts/index.js';
import {
  act,
  configOf,
  environment,
  keysBelow,
  MODEL,
  startSteps,
  type Steps,
  type StepsServer,
} from '../support/steps.js';

let server: StepsServer;
let steps: Steps;
beforeAll(async () => {
  server = await startSteps();
});
afterAll(() => server.stop());
beforeEach(async () => {
  steps = await server.fresh();
});

const AT = '2026-01-01T00:00:00.000Z';
const deployer = (ports: Partial<DeployPorts> = {}) =>
  createDeployActivities({ ...steps.store, tempDir: steps.home, ...ports });

/** A run in its last phase: planned on the champion that serves, trained, evaluated as a first model is. */
async function readyToDeploy(n: number): Promise<DeployInput> {
  const path = join(steps.home, `model-${n}`);
  await writeFile(path, `model of run ${n}`);
  const challenger: BlobRef = await steps.store.blobs.putFile(path);
  const pointer = await steps.store.pointers.read(MODEL);
  const performance = { rows: 100, positives: 40, auc: 0.8, aucSe: 0.02, logLoss: 0.4, logLossSe: 0.01, brier: 0.1 };
  const reference = (await steps.store.blobs.putJson({ kind: 'reference-profile', schema: 1, rows: 1 })).sha256;
  const evidence: Evidence = {
    ...{ kind: 'evidence', schema: 1, model: MODEL, n, challenger, champion: null, reference, at: AT },
    dataset: { name: MODEL, version: 'd'.repeat(64) },
    holdout: { ...challenger, rows: 100, rule: 'test' },
    summary: {
      ...{ rows: 100, metric: 'logLoss', challenger: performance, champion: null },
      ...{ gain: null, gainInterval: null },
    },
    promotion: { promote: true, text: 'test', rules: [], evaluator: 'promotion/1' },
  };
  const sha256 = (await steps.store.blobs.putJson(evidence)).sha256;
  const expectedEpoch = pointer?.epoch ?? 0;
  const moveId = `${MODEL}/${n}`;
  await steps.store.json.create(keys.runPlan(MODEL, n), {
    ...{ kind: 'run-plan', schema: 1, model: MODEL, n, configDigest: 'c'.repeat(64), config: configOf(), moveId },
    ...{ dataset: { ...evidence.dataset, include: [], excluded: [] }, at: AT },
    champion: pointer?.champion ?? null,
    expectedEpoch,
  });
  const approval = { verdict: 'approved' as const, by: 'kim', reason: null, at: AT };
  const bound = { challenger: challenger.sha256, evidence: sha256 };
  return { model: MODEL, n, challenger, evidence: sha256, approval: { ...approval, ...bound }, moveId, expectedEpoch };
}

const recordEnd = (n: number, outcome: RunOutcome) =>
  steps.store.records.append(keys.runRecords(MODEL, n), `closed/train/${MODEL}/${n}`, (seq) => ({
    ...{ kind: 'run', schema: 1, model: MODEL, n, seq, causeId: `closed/train/${MODEL}/${n}` },
    ...{ workflowId: `train/${MODEL}/${n}`, phase: 'ended', outcome, at: AT },
  }));
const releases = () => keysBelow(steps, `${keys.releases(MODEL)}/`);
const moves = async () => (await steps.store.pointers.read(MODEL))?.moves.map(({ release }) => release) ?? [];

/** Runs and rollbacks until these releases have served in this order: a number that is new is trained. */
async function serve(...order: number[]): Promise<void> {
  const made = new Set<number>();
  for (const release of order) {
    if (made.has(release)) await back(release);
    else {
      expect((await act(deployer().deploy, await readyToDeploy(release))).release).toBe(release);
      made.add(release);
    }
  }
}
let messages = 0;
const back = async (toRelease: number | null) => {
  const expectedEpoch = (await steps.store.pointers.read(MODEL))?.epoch ?? 0;
  const moveId = `message/${(messages += 1)}`;
  return act(deployer().rollback, { model: MODEL, moveId, expectedEpoch, toRelease, by: 'kim', reason: null });
};

describe('a run that has ended meanwhile', () => {
  const terminated: RunOutcome = { kind: 'failed', failure: 'Terminated', text: 'ended from outside' };

  it('releases nothing', async () => {
    const input = await readyToDeploy(1);
    await recordEnd(1, terminated);
    await expect(act(deployer().deploy, input)).rejects.toMatchObject({
      type: 'RunNumberTaken',
      message: expect.stringContaining('ended from outside') as string,
    });
    expect(await releases()).toEqual([]);
    expect(await moves()).toEqual([]);
  });

  it('moves nothing when it ended between its release and the move', async () => {
    const input = await readyToDeploy(1);
    const { records } = steps.store;
    const append: typeof records.append = async (...args) => {
      const record = await records.append(...args);
      await recordEnd(1, terminated);
      return record;
    };
    const late = deployer({ records: { ...records, append } });
    await expect(act(late.deploy, input)).rejects.toMatchObject({ type: 'RunNumberTaken' });
    expect(await moves()).toEqual([]);
    // The record of that release is there, and it is none to go back to.
    await act(deployer().deploy, await readyToDeploy(2));
    expect(await moves()).toEqual([2]);
    await expect(back(1)).rejects.toMatchObject({
      type: 'BadInput',
      message: expect.stringContaining('never served') as string,
    });
  });

  it('releases nothing when it was told to stop', async () => {
    const input = await readyToDeploy(1);
    const env = environment();
    const { records } = steps.store;
    const append: typeof records.append = async (...args) => {
      const record = await records.append(...args);
      env.cancel('TIMED_OUT');
      return record;
    };
    await expect(act(deployer({ records: { ...records, append } }).deploy, input, env)).rejects.toThrow();
    expect(await moves()).toEqual([]);
  });

  it('keeps its result when the move was made before its end was recorded', async () => {
    const input = await readyToDeploy(1);
    const moved = await act(deployer().deploy, input);
    await recordEnd(1, { kind: 'released', release: 1, text: 'release 1' });
    expect(await act(deployer().deploy, input)).toEqual(moved);
  });
});

describe('rollback without a number', () => {
  it.each([
    [[1, 2, 3, 2, 4], 2],
    [[1, 2, 3, 2], 1],
    [[1, 2, 3], 2],
    [[1, 2, 1, 3], 1],
    [[1, 2, 3, 1, 2, 4, 3], 2],
  ])('after %j goes to %i', async (order, expected) => {
    await serve(...order);
    expect((await back(null)).release).toBe(expected);
  });

  it('never ends where it began: it goes on back to the first, and says so there', async () => {
    await serve(1, 2, 3, 2, 4);
    expect((await back(null)).release).toBe(2);
    expect((await back(null)).release).toBe(1);
    await expect(back(null)).rejects.toMatchObject({
      type: 'NotFound',
      message: expect.stringContaining('it was the first one') as string,
    });
  });

  it('knows what was before also when the pointer has forgotten', async () => {
    await serve(1, 2, 3, 2, 4);
    for (let i = 0; i < 17; i++) {
      await back(3);
      await back(4);
    }
    expect(await moves()).toHaveLength(32);
    expect((await back(null)).release).toBe(2);
  });
});

describe('rollback to a number', () => {
  /** A release that another run made long ago, of which only its record tells. */
  const oldRelease = async (release: number, outcome: RunOutcome) => {
    const newest = await steps.store.records.read<ReleaseRecord>(keys.releases(MODEL), 1);
    await steps.store.records.append<ReleaseRecord>(keys.releases(MODEL), `old/${release}`, (seq) => ({
      ...(newest as ReleaseRecord),
      ...{ seq, release: seq, causeId: `old/${release}`, run: 100 + release },
    }));
    await recordEnd(100 + release, outcome);
  };

  it('goes by the run’s record where the pointer has forgotten', async () => {
    await serve(1, 2);
    await oldRelease(3, { kind: 'released', release: 3, text: 'release 3' });
    await oldRelease(4, { kind: 'failed', failure: 'Terminated', text: 'terminated' });
    await expect(back(3)).rejects.toMatchObject({ type: 'BadInput' }); // the pointer has all its moves, and 3 is none
    for (let i = 0; i < 16; i++) {
      await back(1);
      await back(2);
    }
    expect((await back(3)).release).toBe(3);
    await expect(back(4)).rejects.toMatchObject({
      type: 'BadInput',
      message: expect.stringContaining('never served') as string,
      next: expect.stringContaining('seawall status') as string,
    });
  });
});
