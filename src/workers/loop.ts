/** The loop worker: the workflows, and every step that needs no GPU host. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { WorkflowNotFoundError } from '@temporalio/client';
import { Client } from '@temporalio/client';
import { type NativeConnection, Worker } from '@temporalio/worker';
import { createAuditActivities } from '../activities/audit.js';
import { createDeployActivities } from '../activities/deploy.js';
import { classifyAll } from '../activities/errors.js';
import { createEvaluateActivities } from '../activities/evaluate.js';
import { createFleetActivities } from '../activities/fleet/fleet.js';
import { createGateActivities } from '../activities/gate.js';
import { createHydrateActivities } from '../activities/hydrate.js';
import { createLogsDatasetActivities } from '../activities/logs-dataset.js';
import { createMonitorActivities, type WorkflowInspector } from '../activities/monitor.js';
import { createRunActivities } from '../activities/run.js';
import {
  buildReference,
  createLogAnalysis,
  keepHeldOut,
  sliceHoldout,
  writeBehaviourRows,
  writeWindowRows,
} from '../adapters/duckdb/index.js';
import { createScorer } from '../adapters/onnx/scoring.js';
import type { Store } from '../adapters/store/index.js';
import { type RunStatus, SeawallError, statusQuery, taskQueues } from '../contracts/index.js';
import type { AppConfig } from './config.js';
import { healthFile } from './health.js';
import type { Logger } from './logger.js';
import { packageRoot } from './package-root.js';
import { connect, installRuntime, openStore, runUntilStopped } from './runtime.js';
import { sweepScratch } from './tidy.js';

export async function run(config: AppConfig, logger: Logger): Promise<void> {
  installRuntime(logger);
  await sweepScratch(scratchOf(config)); // by age: another loop worker may share the folder
  const store = await openStore(config);
  const connection = await connect(config, logger);
  const worker = await Worker.create({
    connection,
    namespace: config.temporal.namespace,
    taskQueue: taskQueues.loop,
    workflowBundle: { codePath: builtBundle() },
    dataConverter: { payloadConverterPath: join(packageRoot, 'dist/src/workflows/payload-converter.js') },
    activities: loopActivities(config, store, connection),
    maxCachedWorkflows: 200, // an unlimited cache grows until the process dies
    maxConcurrentActivityTaskExecutions: 20,
    shutdownGraceTime: '5s',
    shutdownForceTime: '8s',
  });
  await runUntilStopped(worker, connection, logger, healthFile(config.homeDir, 'loop'));
  store.close();
}

const scratchOf = ({ homeDir }: AppConfig): string => join(homeDir, 'tmp', 'loop');

/** Exported for tests, which run the same steps in a worker of their own. */
export function loopActivities(config: AppConfig, store: Store, connection: NativeConnection) {
  const { json, blobs, files, records, pointers, datasets, watermarks } = store;
  const { searchAttributes } = config;
  const tempDir = scratchOf(config);
  const inspector = createInspector(connection, config.temporal.namespace);
  const logs = createLogAnalysis({ tempDir });
  return {
    ...classifyAll(createHydrateActivities({ json, records, pointers, searchAttributes })),
    ...classifyAll(
      createMonitorActivities({
        ...{ json, blobs, files, records, pointers, datasets, watermarks, inspector, logs },
        workDir: tempDir,
        wallNow: Date.now,
      }),
    ),
    ...classifyAll(
      createLogsDatasetActivities({
        ...{ json, records, blobs, files, datasets },
        writeWindowRows: (request) => writeWindowRows({ tempDir }, request),
        workDir: tempDir,
      }),
    ),
    ...classifyAll(createGateActivities({ records, json, pointers, datasets })),
    ...classifyAll(createRunActivities({ json, records, pointers, datasets, watermarks, searchAttributes })),
    ...classifyAll(
      createEvaluateActivities({
        ...{ json, blobs, records, tempDir },
        scorer: createScorer(),
        sliceHoldout,
        // Loaded when it is needed: drawing takes a library of some megabytes.
        renderEvaluation: async (page) => (await import('../adapters/evaluation-page.js')).renderEvaluation(page),
        writeBehaviourRows: (request) => writeBehaviourRows({ tempDir }, request),
        buildReference: (request) => buildReference({ tempDir }, request),
        keepHeldOut: (file, rule, target) => keepHeldOut({ tempDir }, file, rule, target),
      }),
    ),
    ...classifyAll(createDeployActivities({ json, blobs, records, pointers, tempDir })),
    ...classifyAll(createAuditActivities({ records })),
    ...classifyAll(createFleetActivities({ json, records, inspector, searchAttributes, wallNow: Date.now })),
  };
}

/** A worker that is there answers in milliseconds. */
const DEADLINE_QUERY_MS = 2_000;

/** How a workflow stands, asked of Temporal. */
function createInspector(connection: NativeConnection, namespace: string): WorkflowInspector {
  const client = new Client({ connection, namespace });
  return {
    async state(workflowId) {
      try {
        const { status } = await client.workflow.getHandle(workflowId).describe();
        return status.name === 'RUNNING' ? 'running' : 'closed';
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return 'missing';
        throw error;
      }
    },
    async deadlineOf(workflowId) {
      const ask = () => client.workflow.getHandle(workflowId).query<RunStatus, []>(statusQuery);
      try {
        const status = await client.withDeadline(Date.now() + DEADLINE_QUERY_MS, ask);
        return status.waitingFor?.deadlineAt ?? null;
      } catch {
        return null; // for the reader only: no look fails because of it
      }
    },
  };
}

/** Built beforehand: bundling at start-up would make the code that runs depend on the machine it runs on. */
function builtBundle(): string {
  const path = join(packageRoot, 'dist', 'workflow-bundle.js');
  if (existsSync(path)) return path;
  throw new SeawallError('NotFound', `the workflow bundle is missing: ${path}`, 'Run `npm run build`.');
}
