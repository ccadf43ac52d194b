/** A real Temporal server for workflow tests: the time-skipping one, or the dev server. The activities are scripted. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { taskQueues } from '../../src/contracts/index.js';
import type { World } from './scripted-activities.js';

const inProject = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
export const BUNDLE = inProject('dist/workflow-bundle.js');
export const CONVERTER = inProject('dist/src/workflows/payload-converter.js');

/** The first of: the named variable of the environment, the project's cache. */
export function binary(variable: string, name: string): string {
  const path = process.env[variable] ?? inProject(`.seawall/bin/${name}`);
  if (!existsSync(path))
    throw new Error(`${name} is not at ${path}: run \`npm test\`, which fetches it, or set ${variable}`);
  return path;
}

Runtime.install({
  logger: new DefaultLogger('ERROR'),
  telemetryOptions: { logging: { filter: { core: 'ERROR', other: 'ERROR' } } },
});

export async function startTimeSkipping(): Promise<TestWorkflowEnvironment> {
  const path = binary('SEAWALL_TEMPORAL_TEST_SERVER', 'temporal-test-server');
  return TestWorkflowEnvironment.createTimeSkipping({ server: { executable: { type: 'existing-path', path } } });
}

export async function startDevServer(): Promise<TestWorkflowEnvironment> {
  const path = binary('SEAWALL_TEMPORAL_CLI', 'temporal');
  return TestWorkflowEnvironment.createLocal({
    server: { executable: { type: 'existing-path', path }, ip: '127.0.0.1' },
  });
}

/** Runs `body` beside a loop worker and a gpu worker whose activities are the world's. */
export async function withWorkers<T>(env: TestWorkflowEnvironment, world: World, body: () => Promise<T>): Promise<T> {
  const common = {
    connection: env.nativeConnection,
    namespace: env.namespace ?? 'default',
    dataConverter: { payloadConverterPath: CONVERTER },
  };
  const loop = await Worker.create({
    ...common,
    taskQueue: taskQueues.loop,
    workflowBundle: { codePath: BUNDLE },
    activities: world.loopActivities,
  });
  const gpu = await Worker.create({
    ...common,
    taskQueue: taskQueues.gpuPool('default'),
    activities: world.gpuActivities,
  });
  return loop.runUntil(gpu.runUntil(body));
}
