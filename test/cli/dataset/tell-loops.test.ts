/** Loops are told of a moved dataset, on a real Temporal server and a real store. */
import { randomUUID } from 'node:crypto';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { createStore, type Store } from '../../../src/adapters/store/index.js';
import { tellLoops, toldText } from '../../../src/cli/dataset/tell-loops.js';
import { type ConfigRevision, type DatasetPolicy, keys, modelLoopId } from '../../../src/contracts/index.js';
import { config } from '../../domain/decisions/samples.js';
import { startS3, type S3Server } from '../../support/s3.js';
import { startDevServer } from '../../support/workflow-env.js';

let s3: S3Server;
let temporal: TestWorkflowEnvironment;
let store: Store;
/** Workflow ids are shared by the tests. */
let id: string;
beforeAll(async () => {
  [s3, temporal] = await Promise.all([startS3(), startDevServer()]);
}, 60_000);
afterAll(async () => {
  await Promise.all([s3?.stop(), temporal?.teardown()]);
});
beforeEach(() => {
  id = randomUUID().slice(0, 8);
  store = createStore({ ...s3.options, prefix: id });
  return () => store.close();
});

async function apply(model: string, dataset: Partial<DatasetPolicy>): Promise<void> {
  await store.records.append<ConfigRevision>(keys.configRevisions(model), 'test', (seq) => ({
    ...{ kind: 'model-config', schema: 1, seq, causeId: 'test', digest: '0'.repeat(64), by: 'test', at: '' },
    config: { ...config, name: model, dataset: { ...config.dataset, ...dataset } },
  }));
}
const start = (model: string) =>
  temporal.client.workflow.start('modelLoop', {
    workflowId: modelLoopId(model),
    taskQueue: 'nobody',
    args: [{ model }],
  });
const signalsOf = async (model: string): Promise<unknown[]> => {
  const { events } = await temporal.client.workflow.getHandle(modelLoopId(model)).fetchHistory();
  return (events ?? []).flatMap(({ workflowExecutionSignaledEventAttributes: signal }) =>
    signal ? [signal.signalName] : [],
  );
};
const place = (address?: string) => ({
  cwd: '/',
  env: {
    SEAWALL_HOME: '/nowhere',
    TEMPORAL_NAMESPACE: temporal.namespace ?? 'default',
    ...(address ? { TEMPORAL_ADDRESS: address } : {}),
  },
});

it('tells the loops that follow what has moved, and no others', async () => {
  const [head, tagged, pinned, other, none] = ['head', 'tagged', 'pinned', 'other', 'none'].map(
    (what) => `${what}-${id}`,
  ) as [string, string, string, string, string];
  await apply(head, {});
  await apply(tagged, { follow: { tag: 'golden' } });
  await apply(pinned, { follow: { pinned: '0'.repeat(12) } });
  await apply(other, { name: 'other' });
  await apply(none, {});
  for (const model of [head, tagged, pinned, other]) await start(model);
  const here = place(temporal.address);
  const told = await tellLoops(here, store, 'flights', null);
  expect(told).toEqual([
    { model: head, told: true, why: null },
    { model: none, told: false, why: null },
  ]);
  expect(toldText(told)).toEqual([`The loop of ${head} was told.`, `${none} follows it, and no loop of ${none} runs.`]);
  expect(await tellLoops(here, store, 'flights', 'golden')).toEqual([{ model: tagged, told: true, why: null }]);
  expect(await tellLoops(here, store, 'flights', 'silver')).toEqual([]);
  expect(await signalsOf(head)).toEqual(['dataset']);
  expect(await signalsOf(tagged)).toEqual(['dataset']);
  for (const model of [pinned, other]) expect(await signalsOf(model)).toEqual([]);
});

it('fails nothing and does not wait long where there is no Temporal', async () => {
  await apply(`m-${id}`, {});
  for (const address of [undefined, '127.0.0.1:1']) {
    const begun = performance.now();
    const [told] = await tellLoops(place(address), store, 'flights', null);
    expect(told).toMatchObject({
      told: false,
      why: expect.stringMatching(/no Temporal to talk to|does not answer/) as string,
    });
    expect(toldText([told!])[0]).toContain('it sees the change by itself at its next look');
    expect(performance.now() - begun).toBeLessThan(8_000);
  }
  store.close();
  expect(
    await tellLoops(
      place(),
      {
        ...store,
        json: {
          ...store.json,
          list: () => {
            throw new Error('gone');
          },
        },
      },
      'flights',
      null,
    ),
  ).toEqual([]);
});
