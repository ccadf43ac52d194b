import { join } from 'node:path';
import { performanceOf } from '../../src/domain/decisions/performance/performance.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildReference, keepHeldOut, sliceHoldout, writeBehaviourRows } from '../../src/adapters/duckdb/index.js';
import { renderEvaluation } from '../../src/adapters/evaluation-page.js';
import { createScorer } from '../../src/adapters/onnx/scoring.js';
import { createDeployActivities } from '../../src/activities/deploy.js';
import { createEvaluateActivities } from '../../src/activities/evaluate.js';
import { createFetchActivities } from '../../src/activities/fetch.js';
import { createRunActivities, readPlan } from '../../src/activities/run.js';
import {
  type Approval,
  type BinaryPerformance,
  type BlobRef,
  type DeployInput,
  type Evaluated,
  type Evidence,
  type FetchedData,
  keys,
  type ReferenceProfile,
  type ReleaseRecord,
  valueOf,
} from '../../src/contracts/index.js';
import { biased, fixture, storeModel } from '../support/models.js';
import {
  act,
  applyConfig,
  commitWeeks,
  configOf,
  crashing,
  environment,
  keysBelow,
  materializeOf,
  MODEL,
  startSteps,
  type Steps,
  type StepsServer,
} from '../support/steps.js';

let server: StepsServer;
let steps: Steps;
let data: FetchedData;
beforeAll(async () => {
  server = await startSteps();
  steps = await server.fresh();
  await applyConfig(steps, configOf({ promotion: { metric: 'logLoss', minGain: 0.001 } }));
  await commitWeeks(steps, 1000);
  data = await open(1);
});
afterAll(() => server.stop());

async function open(n: number): Promise<FetchedData> {
  const runs = createRunActivities({ ...steps.store, searchAttributes: true });
  await act(runs.openRun, { model: MODEL, n, workflowId: `train/flights/${n}`, causeId: 'test' });
  const fetch = createFetchActivities({ ...steps.store, materialize: materializeOf(steps), workerId: 'w' });
  return act(fetch.fetchDataset, { model: MODEL, n });
}

const tempDir = () => join(steps.home, 'tmp');
const portsOf = () => ({
  ...steps.store,
  scorer: createScorer(),
  buildReference: (request: Parameters<typeof buildReference>[1]) => buildReference({ tempDir: tempDir() }, request),
  sliceHoldout,
  renderEvaluation,
  writeBehaviourRows: (request: Parameters<typeof writeBehaviourRows>[1]) =>
    writeBehaviourRows({ tempDir: tempDir() }, request),
  keepHeldOut: (file: string, rule: { rowId: string; fraction: number }, target: string) =>
    keepHeldOut({ tempDir: tempDir() }, file, rule, target),
  tempDir: tempDir(),
});
const inputOf = (n: number, challenger: BlobRef) => ({ model: MODEL, n, challenger, holdout: data.holdout });
const evaluate = (n: number, challenger: BlobRef, ports = portsOf(), env = environment()): Promise<Evaluated> =>
  act(createEvaluateActivities(ports).evaluate, inputOf(n, challenger), env);

const deployer = (ports: object = {}) =>
  createDeployActivities({ ...steps.store, tempDir: tempDir(), ...(ports as Partial<Steps['store']>) });
function approve(n: number, challenger: BlobRef, { evidence }: Evaluated, expectedEpoch: number): DeployInput {
  const bound = { challenger: challenger.sha256, evidence };
  const approval: Approval = {
    verdict: 'automatic',
    by: 'policy',
    reason: null,
    at: '2026-01-01T00:00:00.000Z',
    ...bound,
  };
  return { model: MODEL, n, challenger, evidence, approval, moveId: `${MODEL}/${n}`, expectedEpoch };
}

describe('the first model', () => {
  it('is compared with nothing, and leaves evidence and reference', async () => {
    const challenger = await storeModel(steps, await biased(-1.5));
    const evaluated = await evaluate(1, challenger);
    expect(evaluated.summary).toMatchObject({ rows: data.holdout.rows, metric: 'logLoss', champion: null, gain: null });
    expect(valueOf(evaluated.summary.challenger, 'auc')).toBeGreaterThan(0.6);
    const evidence = await steps.store.blobs.readJson<Evidence>(evaluated.evidence);
    expect(evidence).toMatchObject({
      model: MODEL,
      n: 1,
      challenger,
      champion: null,
      holdout: { ...data.holdout, uses: { rows: 1, all: 1 } },
      summary: evaluated.summary,
    });
    const reference = await steps.store.blobs.readJson<ReferenceProfile>(evidence.reference);
    expect(reference).toMatchObject({ schema: 2, labelColumn: 'late', profile: { rows: data.holdout.rows } });
    expect(reference.profile.columns.map((column) => column.name)).toEqual([
      ...['hour', 'distance', 'origin', 'prediction', 'score', 'late'],
    ]);
    // Two implementations of the same numbers: counts in cells there, typed arrays here.
    const { metrics } = performanceOf(reference.profile.quality!);
    for (const name of ['auc', 'logLoss', 'brier', 'accuracy', 'f1'] as const)
      expect(metrics[name]!.value).toBeCloseTo((evaluated.summary.challenger as BinaryPerformance)[name]!, 6);
    expect(await evaluate(1, challenger)).toEqual(evaluated);
  });

  it.each([
    ['before', 5],
    ['after', 5],
    ['before', 7],
    ['after', 7],
    ['after', 8],
    ['after', 9],
  ] as const)('gives one lasting result after a crash %s call %i', async (when, at) => {
    const challenger = await storeModel(steps, await biased(-1 - at / 100 - (when === 'after' ? 0.2 : 0)));
    const { json, blobs, records } = steps.store;
    const broken = { ...portsOf(), ...crashing({ json, blobs, records }, at, when) };
    const key = keys.runEvaluation(MODEL, 1, challenger.sha256, data.holdout.sha256);
    const stored = async () => (await json.read<{ evaluated: Evaluated }>(key))?.value.evaluated;
    await expect(evaluate(1, challenger, broken)).rejects.toThrow(when);
    const before = await stored();
    const evaluated = await evaluate(1, challenger);
    if (before) expect(evaluated).toEqual(before);
    expect(await stored()).toEqual(evaluated);
  });
});

describe('a model that cannot be served', () => {
  it.each([
    ['no ONNX file', () => Promise.resolve(Buffer.from('not a model')), 'readable ONNX|cannot be loaded'],
    ['no score', () => fixture('no-score'), 'no output "score"'],
    ['weights in other files', () => fixture('external-data'), 'external data'],
    ['scores that are no numbers', () => biased(Number.NaN), 'no probability'],
    ['an input of another type', () => fixture('double-input'), 'float64'],
  ])('%s', async (_, bytes, words) => {
    const challenger = await storeModel(steps, await bytes());
    const failed = await evaluate(1, challenger).catch((error: unknown) => error);
    expect(failed).toMatchObject({ type: 'InvalidModel', message: expect.stringMatching(words) as string });
  });
});

describe('released', () => {
  let weak: BlobRef;
  let strong: BlobRef;
  let first: Evaluated;
  let second: Evaluated;
  beforeAll(async () => {
    weak = await storeModel(steps, await biased(-1.4));
    strong = await storeModel(steps, await biased(-0.9));
    first = await evaluate(1, weak);
  });

  it('refuses what is not the same bytes throughout, and moves nothing', async () => {
    const right = approve(1, weak, first, 0);
    const other = strong.sha256;
    const wrong: DeployInput[] = [
      { ...right, challenger: strong },
      { ...right, challenger: { ...weak, size: weak.size + 1 } },
      { ...right, challenger: strong, approval: { ...right.approval, challenger: other } },
      { ...right, approval: { ...right.approval, challenger: other } },
      { ...right, approval: { ...right.approval, evidence: other } },
      { ...right, approval: { ...right.approval, verdict: 'rejected' } },
      { ...right, n: 2 },
    ];
    for (const input of wrong) await expect(act(deployer().deploy, input)).rejects.toMatchObject({ type: 'BadInput' });
    expect(await steps.store.pointers.read(MODEL)).toBeUndefined();
    expect(await keysBelow(steps, `${keys.releases(MODEL)}/`)).toEqual([]);
  });

  it('is one release and one move, whatever crashed', async () => {
    const input = approve(1, weak, first, 0);
    for (const when of ['before', 'after'] as const) {
      for (let at = 1; at <= 7; at++) {
        const { json, blobs, records, pointers } = steps.store;
        const ports = crashing({ json, blobs, records, pointers }, at, when);
        await act(deployer(ports).deploy, input).catch(() => undefined);
      }
    }
    const moved = { release: 1, sha256: weak.sha256, epoch: 1 };
    expect(await act(deployer().deploy, input)).toEqual(moved);
    expect(await act(deployer().deploy, input)).toEqual(moved);
    expect((await steps.store.pointers.read(MODEL))?.moves).toHaveLength(1);
    expect(await keysBelow(steps, `${keys.releases(MODEL)}/`)).toHaveLength(1);
    const record = await steps.store.records.read<ReleaseRecord>(keys.releases(MODEL), 1);
    expect(record).toMatchObject({
      release: 1,
      run: 1,
      artifact: weak,
      causeId: 'flights/1',
      evidence: first.evidence,
      holdout: data.holdout.sha256,
    });
    await expect(act(deployer().deploy, { ...input, challenger: strong })).rejects.toMatchObject({ type: 'BadInput' });
  });

  it('is beaten by a challenger on the same rows', async () => {
    await open(2);
    second = await evaluate(2, strong);
    const { summary, promotion } = second;
    expect(summary.gain).toBeCloseTo(
      valueOf(summary.champion!, 'logLoss')! - valueOf(summary.challenger, 'logLoss')!,
      12,
    );
    expect(summary.gainInterval?.[0]).toBeLessThan(summary.gain as number);
    expect(summary.gainInterval?.[0]).toBeGreaterThan(0);
    expect(promotion).toMatchObject({ promote: true, approval: 'automatic' });
    const same = await evaluate(2, weak);
    expect(same.summary.gain).toBe(0);
    expect(same.promotion.promote).toBe(false);
    await expect(act(deployer().deploy, approve(2, weak, same, 1))).rejects.toMatchObject({
      type: 'BadInput',
      message: expect.stringContaining('refused') as string,
    });
  });

  it('says how often these rows were looked at', async () => {
    const evidence = await steps.store.blobs.readJson<Evidence>((await evaluate(2, strong)).evidence);
    // By now: challengers of run 1 and this one of run 2 before it, all on one holdout.
    expect(evidence.holdout.uses!.rows).toBe(evidence.holdout.uses!.all);
    expect(evidence.holdout.uses!.rows).toBeGreaterThan(3);
    const later = await storeModel(steps, await biased(-0.95));
    const next = await steps.store.blobs.readJson<Evidence>((await evaluate(2, later)).evidence);
    expect(next.holdout.uses!.rows).toBeGreaterThan(evidence.holdout.uses!.rows);
  });

  it('needs a person where the configuration says so', async () => {
    const plan = await readPlan(steps.store.json, MODEL, 2);
    const asked = {
      ...plan,
      n: 9,
      moveId: 'flights/9',
      config: { ...plan.config, approval: { ...plan.config.approval, mode: 'person' as const } },
    };
    await steps.store.json.create(keys.runPlan(MODEL, 9), asked);
    const evaluated = await evaluate(9, strong);
    expect(evaluated.promotion).toMatchObject({ promote: true, approval: 'person' });
    await expect(act(deployer().deploy, approve(9, strong, evaluated, 1))).rejects.toMatchObject({
      type: 'BadInput',
      message: expect.stringContaining('a person must') as string,
    });
  });

  it('refuses an epoch that has passed, then moves on', async () => {
    await expect(act(deployer().deploy, approve(2, strong, second, 0))).rejects.toMatchObject({ type: 'PointerMoved' });
    expect(await act(deployer().deploy, approve(2, strong, second, 1))).toEqual({
      release: 2,
      sha256: strong.sha256,
      epoch: 2,
    });
    // A move that others have followed keeps its result.
    expect(await act(deployer().deploy, approve(1, weak, first, 0))).toEqual({
      release: 1,
      sha256: weak.sha256,
      epoch: 1,
    });
  });

  it('rolls back once, to what served before', async () => {
    const input = {
      model: MODEL,
      moveId: 'rollback/m1',
      expectedEpoch: 2,
      toRelease: null,
      by: 'kim',
      reason: 'late labels',
    };
    await expect(act(deployer().rollback, { ...input, toRelease: 2 })).rejects.toMatchObject({ type: 'BadInput' });
    await expect(act(deployer().rollback, { ...input, toRelease: 7 })).rejects.toMatchObject({ type: 'NotFound' });
    await expect(act(deployer().rollback, { ...input, expectedEpoch: 1 })).rejects.toMatchObject({
      type: 'PointerMoved',
    });
    for (const when of ['before', 'after'] as const) {
      for (let at = 1; at <= 4; at++) {
        const { json, blobs, records, pointers } = steps.store;
        await act(deployer(crashing({ json, blobs, records, pointers }, at, when)).rollback, input).catch(
          () => undefined,
        );
      }
    }
    const back = { release: 1, sha256: weak.sha256, epoch: 3 };
    expect(await act(deployer().rollback, input)).toEqual(back);
    expect((await steps.store.pointers.read(MODEL))?.moves.map((move) => move.release)).toEqual([1, 2, 1]);
    const again = { ...input, moveId: 'rollback/m2', expectedEpoch: 3, toRelease: 2 };
    expect(await act(deployer().rollback, again)).toEqual({ release: 2, sha256: strong.sha256, epoch: 4 });
  });

  it('never goes back to a newer release: twice back from 2 ends at 1, and says so', async () => {
    const input = { model: MODEL, toRelease: null, by: 'kim', reason: null };
    await act(deployer().rollback, { ...input, moveId: 'rollback/m3', expectedEpoch: 4 });
    const twice = act(deployer().rollback, { ...input, moveId: 'rollback/m4', expectedEpoch: 5 });
    await expect(twice).rejects.toMatchObject({ type: 'NotFound' });
  });
});

it('has nothing to roll back to at first', async () => {
  const { store, home } = await server.fresh();
  const { rollback } = createDeployActivities({ ...store, tempDir: home });
  const input = { model: MODEL, moveId: 'r', expectedEpoch: 0, toRelease: null, by: 'kim', reason: null };
  await expect(act(rollback, input)).rejects.toMatchObject({ type: 'NotFound' });
  await store.pointers.move(MODEL, {
    moveId: 'a',
    release: 1,
    sha256: 'a'.repeat(64),
    expectedEpoch: 0,
    by: 'x',
    reason: 'y',
    at: '2026-01-01T00:00:00.000Z',
  });
  await expect(act(rollback, { ...input, expectedEpoch: 1 })).rejects.toMatchObject({ type: 'NotFound' });
});
