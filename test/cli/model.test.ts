import { driftBy, performanceOf } from '../domain/decisions/samples.js';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { CommanderError } from 'commander';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createStore, type Store } from '../../src/adapters/store/index.js';
import type { CommandContext, CommandHandler } from '../../src/cli/command.js';
import { cancel, hold, pause } from '../../src/cli/control.js';
import { buildProgram, commands } from '../../src/cli/main.js';
import { modelApply, modelSchema } from '../../src/cli/model.js';
import { colors } from '../../src/cli/output.js';
import { retrain } from '../../src/cli/retrain.js';
import { start } from '../../src/cli/start.js';
import { status } from '../../src/cli/status.js';
import type { ModelStatus } from '../../src/cli/status-gather.js';
import { stop } from '../../src/cli/stop.js';
import { approve, reject } from '../../src/cli/verdict.js';
import {
  type ConfigRevision,
  type DecisionRecord,
  keys,
  modelLoopId,
  type MonitorReport,
  type RunRecord,
  SeawallError,
} from '../../src/contracts/index.js';
import type { AppConfig, LocalConfig } from '../../src/workers/config.js';
import { s3Environment, startS3, type S3Server } from '../support/s3.js';
import { CHALLENGER, createWorld, EVIDENCE, type World } from '../support/scripted-activities.js';
import { startDevServer, withWorkers } from '../support/workflow-env.js';

let s3: S3Server;
let temporal: TestWorkflowEnvironment;
let folder: string;
/** Every test has its own prefix, and its own model: workflow ids are shared. */
let prefix: string;
let store: Store;
let model: string;

beforeAll(async () => {
  [s3, temporal, folder] = await Promise.all([startS3(), startDevServer(), mkdtemp(join(tmpdir(), 'seawall-cli-'))]);
}, 60_000);
afterAll(async () => {
  await Promise.all([s3?.stop(), temporal?.teardown(), rm(folder, { recursive: true, force: true })]);
});
beforeEach(async () => {
  prefix = randomUUID();
  model = `m-${prefix.slice(0, 8)}`;
  store = createStore({ ...s3.options, prefix });
  await writeFile(join(folder, 'model.yaml'), yaml());
  return () => store.close();
});

const yaml = (more = '') => `name: ${model}
features: { hour: int64 }
label: { column: late }
dataset: { name: flights, rowId: id }
trainer: { use: xgboost }
${more}`;

interface Result {
  document: unknown;
  text: string;
  progress: string;
}

/** Runs a command against the test's servers. */
async function run(
  handler: CommandHandler,
  args: string[],
  given: { options?: object; env?: object } = {},
): Promise<Result> {
  const result: Result = { document: undefined, text: '', progress: '' };
  const none = () => expect.fail('not needed by these commands');
  const context: CommandContext = {
    args,
    options: { ...given.options },
    env: {
      SEAWALL_HOME: join(folder, 'home'),
      USER: 'ann',
      ...s3Environment(s3.options, prefix),
      TEMPORAL_ADDRESS: temporal.address,
      TEMPORAL_NAMESPACE: temporal.namespace ?? 'default',
      ...given.env,
    },
    cwd: folder,
    config: none as () => AppConfig,
    localConfig: none as () => LocalConfig,
    output: {
      json: false,
      color: colors({}, false),
      print(document, text) {
        result.document = JSON.parse(JSON.stringify(document));
        result.text = [text()].flat().join('\n');
      },
      progress: (line) => (result.progress += `${line}\n`),
    },
  };
  await handler(context);
  return result;
}

async function failure(call: Promise<unknown>): Promise<Error> {
  return call.then(
    (value) => expect.fail(`it did not fail: ${JSON.stringify(value)}`),
    (error: unknown) => error as Error,
  );
}

const revisions = async (): Promise<ConfigRevision[]> => {
  const found: ConfigRevision[] = [];
  for await (const revision of store.records.list<ConfigRevision>(keys.configRevisions(model))) found.push(revision);
  return found;
};

describe('model apply', () => {
  const apply = async (text: string, options = {}): Promise<Result> => {
    await writeFile(join(folder, 'model.yaml'), text);
    return run(modelApply, ['model.yaml'], { options });
  };

  it('stores a revision per change, also for going back, and none for the same', async () => {
    const first = await apply(yaml(), { by: 'ann' });
    expect(first.document).toMatchObject({ model, seq: 1, changed: true, datasetVersion: null });
    expect(first.progress).toContain('no version of dataset flights was committed');
    const same = await apply(`# a comment changes nothing\n${yaml('clock: wall')}`);
    expect(same.document).toMatchObject({ seq: 1, changed: false });
    expect(same.text).toContain('unchanged');
    expect((await apply(yaml('clock: feed'))).document).toMatchObject({ seq: 2, changed: true });
    expect((await apply(yaml())).document).toMatchObject({ seq: 3, changed: true });

    const stored = await revisions();
    expect(stored.map(({ seq, by, config }) => [seq, by.split('@')[0], config.clock])).toEqual([
      [1, 'ann', 'wall'],
      [2, 'ann', 'feed'],
      [3, 'ann', 'wall'],
    ]);
    expect(stored[0]?.digest).toBe(stored[2]?.digest);
  });

  it('says nothing of a dataset that is there', async () => {
    await writeFile(join(folder, 'rows.txt'), 'rows');
    const file = { path: 'rows.txt', localFile: join(folder, 'rows.txt') };
    const { version } = await store.datasets.commitVersion('flights', [file], { by: 'ann' });
    const { document, progress } = await apply(yaml());
    expect(document).toMatchObject({ datasetVersion: version, warnings: [] });
    expect(progress).toBe('');
  });

  it('stores nothing of a file with mistakes, and says where they are', async () => {
    const error = await failure(apply(yaml('gate: { cooldwn: 1d }')));
    expect(error).toBeInstanceOf(SeawallError);
    expect(error.message).toBe('model.yaml:6:9: gate.cooldwn: is unknown; did you mean "cooldown"?');
    expect(await revisions()).toEqual([]);
  });

  it('says which file is not there', async () => {
    const error = await failure(run(modelApply, ['other.yaml']));
    expect(error).toMatchObject({ type: 'NotFound' });
    expect(error.message).toContain(join(folder, 'other.yaml'));
  });

  it('has a schema', async () => {
    const { document, text } = await run(modelSchema, []);
    expect(JSON.parse(text)).toEqual(document);
    expect(document).toMatchObject({ type: 'object', additionalProperties: false });
  });
});

describe('a loop', () => {
  it('is not started without a configuration', async () => {
    const error = await failure(run(start, [model]));
    expect(error).toMatchObject({ type: 'NotFound', next: 'Apply one first: seawall model apply FILE' });
  });

  it("is not started in another namespace's prefix", async () => {
    await run(modelApply, ['model.yaml']);
    await store.openWorkspace('somebody-else');
    const error = await failure(run(start, [model]));
    expect(error.message).toContain('belongs to the Temporal namespace "somebody-else"');
  });

  it('is started once, paused, asked and stopped', async () => {
    await run(modelApply, ['model.yaml']);
    const world = createWorld(model);
    await withWorkers(temporal, world, async () => {
      expect((await run(start, [model])).document).toMatchObject({ workflowId: modelLoopId(model), started: true });
      expect((await run(start, [model])).text).toBe(`model/${model} runs already.`);
      const options = { by: 'ann', reason: 'a holiday', messageId: 'my-id' };
      const paused = await run(pause, [model], { options });
      expect(paused.document).toMatchObject({ to: `model/${model}`, messageId: 'my-id', accepted: true });
      expect(world.audits).toMatchObject([{ message: 'pause', by: 'ann', reason: 'a holiday', messageId: 'my-id' }]);

      const refused = await failure(run(retrain, [model]));
      expect(refused.message).toContain(`model/${model} refused retrain: decision 1: scripted`);
      expect((await run(stop, [model])).text).toBe(`model/${model}: stopping`);
      await temporal.client.workflow.getHandle(modelLoopId(model)).result();
    });
    const error = await failure(run(pause, [model]));
    expect(error).toMatchObject({ type: 'NotFound', next: `Start it: seawall start ${model}` });
  });
});

describe('a verdict', () => {
  /** A loop with one run that waits for a person. */
  async function withWaitingRun(body: (world: World) => Promise<void>): Promise<void> {
    await run(modelApply, ['model.yaml']);
    const world = createWorld(model);
    world.approval = 'person';
    world.decide = () => ({ action: 'retrain', trigger: 'person' });
    await withWorkers(temporal, world, async () => {
      await run(start, [model]);
      await run(retrain, [model]);
      const deadline = Date.now() + 20_000;
      while (!world.phases().includes('awaitingApproval')) {
        if (Date.now() > deadline) throw new Error('the run did not come to wait');
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
      await body(world);
      await run(stop, [model], { options: { cancelRuns: true } });
    });
  }

  it('shows what it is about, and binds to exactly that', async () => {
    await withWaitingRun(async (world) => {
      expect((await run(hold, [model], { options: { for: '2d' } })).text).toContain('held until');
      const { document, progress } = await run(approve, [model], { options: { reason: 'fine' } });
      expect(progress).toContain(`run 1 of ${model} waits for a person until`);
      expect(progress).toContain('gain in log loss: 0.1000 (95 % interval 0.0500 to 0.1500)');
      expect(progress).toContain(CHALLENGER);
      expect(document).toMatchObject({
        to: `train/${model}/1`,
        challenger: CHALLENGER,
        evidence: EVIDENCE,
        accepted: true,
      });
      await temporal.client.workflow.getHandle(`train/${model}/1`).result();
      expect(world.deploys).toMatchObject([{ challenger: { sha256: CHALLENGER } }]);
      const late = await failure(run(approve, [`${model}/1`]));
      expect(late.message).toContain(`run 1 of ${model} does not wait for a person: it has ended: released`);
    });
  });

  it('on other bytes is refused; a rejection with the right ones is not', async () => {
    await withWaitingRun(async (world) => {
      const other = { challenger: 'f'.repeat(64), evidence: EVIDENCE, run: '1' };
      const refused = await failure(run(approve, [model], { options: other }));
      expect(refused.message).toContain(`the challenger that waits is ${CHALLENGER}`);
      await run(reject, [`train/${model}/1`], { options: { challenger: CHALLENGER, evidence: EVIDENCE } });
      await temporal.client.workflow.getHandle(`train/${model}/1`).result();
      expect(world.outcomeOf(1)).toMatchObject({ kind: 'refused', by: 'person' });
      expect(world.deploys).toEqual([]);
    });
  });

  it('is not looked for where nothing waits; a cancelled run ends', async () => {
    await withWaitingRun(async (world) => {
      await run(cancel, [model], { options: { reason: 'wrong data' } });
      await temporal.client.workflow.getHandle(`train/${model}/1`).result();
      expect(world.outcomeOf(1)).toMatchObject({ kind: 'cancelled' });
      const error = await failure(run(reject, [model]));
      expect(error).toMatchObject({ type: 'NotFound' });
      expect(error.message).toContain('no training run that waits for a person');
    });
  });
});

describe('status', () => {
  const at = '2001-02-20T00:00:00.000Z';
  const window = { from: '2001-02-05T00:00:00.000Z', to: '2001-02-12T00:00:00.000Z' };
  const performance = performanceOf(0.65, 0.5);

  /** As a loop leaves it: live, one window judged, one run that waits. */
  async function storeModel(): Promise<void> {
    await run(modelApply, ['model.yaml'], { options: { by: 'ann' } });
    const sha256 = 'a'.repeat(64);
    const move = { moveId: 'x', release: 1, by: 'policy', reason: 'first model', at, sha256, expectedEpoch: 0 };
    await store.pointers.move(model, move);
    const report = { kind: 'monitor-report', schema: 2, model, window, at, rows: 100, labelMaturity: 0.9, performance };
    const drift = { columns: [driftBy('hour', 0.3)], outputs: [driftBy('score', 0.1)] };
    const stored = (revision: number): Partial<MonitorReport> =>
      ({ ...report, revision, status: 'provisional', checks: [], drift }) as unknown as MonitorReport;
    for (const revision of [1, 2])
      await store.json.create(keys.report(model, window.from, window.to, revision), stored(revision));
    await store.records.append<DecisionRecord>(
      keys.decisions(model),
      'w',
      (seq) =>
        ({
          kind: 'decision',
          schema: 1,
          seq,
          causeId: 'w',
          model,
          action: 'retrain',
          trigger: 'performance',
          window,
          at,
          reason: 'AUC fell by 0.05',
        }) as DecisionRecord,
    );
    await store.records.append<RunRecord>(
      keys.runRecords(model, 1),
      'r',
      (seq) =>
        ({
          kind: 'run',
          schema: 1,
          seq,
          causeId: 'r',
          model,
          n: 1,
          workflowId: `train/${model}/1`,
          phase: 'awaitingApproval',
          outcome: null,
          challenger: { sha256: CHALLENGER, size: 1 },
          evidence: EVIDENCE,
          evaluation: null,
          at,
        }) as unknown as RunRecord,
    );
  }

  it.each([
    ['Temporal is down', { TEMPORAL_ADDRESS: '127.0.0.1:1' }, 'unknown', 'Temporal at 127.0.0.1:1 does not answer'],
    ['no loop runs', {}, 'none', 'no loop runs for model'],
  ])('tells what storage knows when %s', async (_name, env, state, message) => {
    await storeModel();
    const { document, text } = await run(status, [model], { env });
    expect(document).toMatchObject({
      model,
      state,
      config: { seq: 1, by: 'ann' },
      live: { release: 1, epoch: 1, since: at, by: 'policy' },
      lastReport: { revision: 2 },
      lastDecision: { action: 'retrain', reason: 'AUC fell by 0.05' },
      openRuns: [{ n: 1, phase: 'awaitingApproval', waitingFor: { challenger: CHALLENGER, deadlineAt: null } }],
    });
    expect((document as ModelStatus).problem?.message).toContain(message);
    expect(text).toContain(`npx seawall approve ${model} --run 1`);
    expect(text).toContain('2001-02-05 to 2001-02-12, revision 2 (provisional): 100 rows, 90 % labelled, AUC 0.650');
    const table = (await run(status, [], { env })).text;
    expect(table).toMatch(
      new RegExp(`${model} +(unknown|no loop) +1 +2001-02-20T00:00 +2001-02-12 +retrain +1 awaitingApproval`),
    );
  });

  it('lists models whose names begin alike, each once', async () => {
    for (const name of ['a', 'a-b', 'a0', 'ab']) {
      await writeFile(join(folder, 'model.yaml'), yaml().replace(model, name));
      await run(modelApply, ['model.yaml']);
    }
    const { document } = await run(status, [], { env: { TEMPORAL_ADDRESS: '127.0.0.1:1' } });
    const { models } = document as { models: ModelStatus[] };
    expect(models.map((entry) => entry.model)).toEqual(['a', 'a-b', 'a0', 'ab']);
  });

  it('tells of a data incident first, as the decisions in storage say', async () => {
    await storeModel();
    const blocked = { from: '2001-02-12T00:00:00.000Z', to: '2001-02-19T00:00:00.000Z' };
    await store.records.append<DecisionRecord>(keys.decisions(model), 'b', (seq) => ({
      ...({ kind: 'decision', schema: 1, seq, causeId: 'b', model, at } as DecisionRecord),
      ...{ action: 'block', trigger: 'none', window: blocked, revision: 1, reason: 'the feed is silent: find out why' },
    }));
    const { document, text } = await run(status, [model], { env: { TEMPORAL_ADDRESS: '127.0.0.1:1' } });
    const incident = { since: blocked.from, to: blocked.to, windows: 1, text: 'the feed is silent: find out why' };
    expect(document).toMatchObject({ incident });
    expect(text.split('\n').slice(1, 3)).toEqual([
      'data incident since 2001-02-12: 1 window of broken data, up to 2001-02-19',
      '  the feed is silent: find out why',
    ]);
    const world = createWorld(model);
    world.seed = { ...world.seed, incident };
    await withWorkers(temporal, world, async () => {
      await run(start, [model]);
      await run(pause, [model]); // answered once the loop has read its state; an order does not hide what is wrong
      expect((await run(status, [])).text).toMatch(new RegExp(`${model} +incident `));
      await run(stop, [model]);
    });
  });

  it("shows a running loop's own view", async () => {
    await storeModel();
    await withWorkers(temporal, createWorld(model), async () => {
      await run(start, [model]);
      await run(pause, [model]);
      expect((await run(status, [model])).document).toMatchObject({
        state: 'paused',
        problem: null,
        standing: { paused: true },
      });
      await run(stop, [model]);
    });
  });

  it('of no model, and of a model that is none', async () => {
    expect((await run(status, [])).text).toContain('There is no model yet');
    expect(await failure(run(status, ['nobody']))).toMatchObject({ type: 'NotFound' });
  });
});

describe('wrong usage', () => {
  it.each<[CommandHandler, string[], object, string]>([
    [approve, ['Not A Name'], {}, 'cannot be the name of a model'],
    [approve, ['m/1'], { run: '2' }, 'two runs'],
    [approve, ['m'], { run: 'x' }, '--run takes a number'],
    [approve, ['m/1'], { challenger: CHALLENGER }, 'both --challenger and --evidence'],
    [hold, ['m/1'], {}, '--for is missing'],
    [hold, ['m/1'], { for: 'long' }, '--for is "long"'],
  ])('%o %o %o', async (handler, args, options, message) => {
    const error = await failure(run(handler, args, { options }));
    expect(error).toBeInstanceOf(CommanderError);
    expect((error as CommanderError).exitCode).toBe(2);
    expect(error.message).toContain(message);
  });
});

it('every command of a model is in the table', () => {
  const names = buildProgram(commands).commands.map((command) => command.name());
  for (const name of [
    'model',
    'start',
    'stop',
    'status',
    'retrain',
    'approve',
    'reject',
    'hold',
    'cancel',
    'pause',
    'resume',
    'pin',
    'unpin',
    'rollback',
  ])
    expect(names).toContain(name);
});
