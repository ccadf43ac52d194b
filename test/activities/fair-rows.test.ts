/** The champion is judged only on rows that it has not learnt from, whatever the configuration says since. */
import { join } from 'node:path';
import { afterAll, beforeEach, beforeAll, describe, expect, it } from 'vitest';
import { buildReference, keepHeldOut, sliceHoldout, writeBehaviourRows } from '../../src/adapters/duckdb/index.js';
import { renderEvaluation } from '../../src/adapters/evaluation-page.js';
import { createScorer } from '../../src/adapters/onnx/scoring.js';
import { createEvaluateActivities } from '../../src/activities/evaluate.js';
import { createFetchActivities } from '../../src/activities/fetch.js';
import { createRunActivities, readPlan } from '../../src/activities/run.js';
import {
  type Approval,
  type BlobRef,
  type Evaluated,
  type Evidence,
  type FetchedData,
  keys,
  type ModelConfig,
  type ReleaseRecord,
} from '../../src/contracts/index.js';
import { biased, storeModel } from '../support/models.js';
import {
  act,
  applyConfig,
  commitWeeks,
  configOf,
  materializeOf,
  MODEL,
  startSteps,
  type Steps,
  type StepsServer,
} from '../support/steps.js';

let server: StepsServer;
let steps: Steps;
let before: FetchedData;
let champion: BlobRef;
let challenger: BlobRef;
beforeAll(async () => void (server = await startSteps()));
afterAll(() => server.stop());
beforeEach(async () => {
  steps = await server.fresh();
  await commitWeeks(steps, 1000);
  before = await open(1, {});
  champion = await storeModel(steps, await biased(-1.4));
  challenger = await storeModel(steps, await biased(-0.9));
});

async function open(n: number, change: Partial<ModelConfig>): Promise<FetchedData> {
  await applyConfig(steps, configOf(change));
  const runs = createRunActivities({ ...steps.store, searchAttributes: true });
  await act(runs.openRun, { model: MODEL, n, workflowId: `train/flights/${n}`, causeId: 'test' });
  const fetch = createFetchActivities({ ...steps.store, materialize: materializeOf(steps), workerId: 'w' });
  return act(fetch.fetchDataset, { model: MODEL, n });
}

/** Release 1, which run `run` made. */
async function goLive(run: number): Promise<void> {
  const at = new Date().toISOString();
  const { sha256 } = champion;
  const approval: Approval = {
    ...{ verdict: 'automatic', by: 'test', reason: null, at },
    ...{ challenger: sha256, evidence: sha256 },
  };
  await steps.store.records.append<ReleaseRecord>(keys.releases(MODEL), `run/${run}`, (seq) => ({
    ...{ kind: 'release', schema: 1, seq, causeId: `run/${run}`, model: MODEL, release: seq, artifact: champion },
    ...{ dataset: { name: MODEL, version: sha256 }, run, reference: sha256, holdout: sha256, evidence: sha256 },
    ...{ approval, at },
  }));
  const move = { moveId: `flights/${run}`, release: 1, sha256, expectedEpoch: 0, by: 'test', reason: 'test', at };
  await steps.store.pointers.move(MODEL, move);
}

/** A champion whose run had this configuration, in a run of number 7. */
async function goLiveWith(change: Partial<ModelConfig>): Promise<void> {
  const plan = await readPlan(steps.store.json, MODEL, 1);
  await steps.store.json.create(keys.runPlan(MODEL, 7), { ...plan, n: 7, config: { ...plan.config, ...change } });
  await goLive(7);
}

async function judged(n: number, { holdout }: FetchedData): Promise<Evaluated & { rule: string; text: string }> {
  const tempDir = join(steps.home, 'tmp');
  const { evaluate } = createEvaluateActivities({
    ...steps.store,
    scorer: createScorer(),
    buildReference: (request) => buildReference({ tempDir }, request),
    sliceHoldout,
    renderEvaluation,
    writeBehaviourRows: (request) => writeBehaviourRows({ tempDir }, request),
    keepHeldOut: (file, rule, target) => keepHeldOut({ tempDir }, file, rule, target),
    tempDir,
  });
  const evaluated = await act(evaluate, { model: MODEL, n, challenger, holdout });
  const evidence = await steps.store.blobs.readJson<Evidence>(evaluated.evidence);
  return { ...evaluated, rule: evidence.holdout.rule, text: evidence.promotion.text };
}

it('a larger holdout than the champion had: only the rows of the smaller one', async () => {
  await goLive(1);
  const now = await open(2, { holdout: { hashFraction: 0.4 } });
  expect(now.holdout.rows).toBeGreaterThan(before.holdout.rows);
  const { summary, rule, promotion } = await judged(2, now);
  expect(summary).toMatchObject({ rows: before.holdout.rows, champion: { rows: before.holdout.rows } });
  expect(summary).not.toHaveProperty('notCompared');
  expect(rule).toMatch(
    new RegExp(`below 0.4, and by the rule.*release 1.*below 0.25; ${before.holdout.rows} of ${now.holdout.rows}$`),
  );
  expect(promotion).toMatchObject({ promote: true, approval: 'automatic' });
});

it('a smaller holdout: all of it, which the champion has not learnt from either', async () => {
  await goLive(1);
  const now = await open(2, { holdout: { hashFraction: 0.1 } });
  const { summary, rule } = await judged(2, now);
  expect(summary).toMatchObject({ rows: now.holdout.rows, champion: { rows: now.holdout.rows } });
  expect(rule).toMatch(/below 0\.1$/);
});

it('another column that tells rows apart: rows held out by both', async () => {
  await goLive(1);
  const now = await open(2, { dataset: { name: MODEL, rowId: 'distance' } });
  const { summary, rule } = await judged(2, now);
  // Two independent quarters of 3,000 rows.
  expect(summary.rows).toBeGreaterThan(100);
  expect(summary.rows).toBeLessThan(now.holdout.rows / 2);
  expect(summary.champion?.rows).toBe(summary.rows);
  expect(rule).toMatch(/"distance".*release 1.*"row_id"/);
});

describe('a champion that cannot be compared leaves the decision to a person', () => {
  it('when nobody can tell which rows it has learnt from', async () => {
    await goLiveWith({ dataset: { name: MODEL, rowId: 'old_id' } });
    const now = await open(2, {});
    const { summary, promotion, text } = await judged(2, now);
    expect(summary).toMatchObject({
      rows: now.holdout.rows,
      champion: null,
      gain: null,
      notCompared: expect.stringMatching(/no column "old_id"/) as string,
    });
    expect(promotion).toMatchObject({ promote: true, approval: 'person' });
    expect(text).toMatch(/NOT compared with the champion: its run \(release 1\) held out rows by another rule/);
    expect(text).not.toMatch(/first model/);
  });

  it('when the record of its release is missing', async () => {
    const at = new Date().toISOString();
    const { sha256 } = champion;
    const move = { moveId: 'flights/9', release: 9, sha256, expectedEpoch: 0, by: 'test', reason: 'test', at };
    await steps.store.pointers.move(MODEL, move);
    const { summary, promotion } = await judged(2, await open(2, {}));
    expect(summary).toMatchObject({
      champion: null,
      notCompared: expect.stringMatching(/the record of release 9 is missing/) as string,
    });
    expect(promotion).toMatchObject({ promote: true, approval: 'person' });
  });

  it('when it needs a feature that the dataset no longer has', async () => {
    await goLiveWith({ features: [...configOf().features, { name: 'wind', type: 'float32' }] });
    const { summary, promotion } = await judged(2, await open(2, {}));
    expect(summary).toMatchObject({
      champion: null,
      notCompared: expect.stringMatching(/the champion, release 1.*no column "wind"/) as string,
    });
    expect(promotion).toMatchObject({ promote: true, approval: 'person' });
  });
});
