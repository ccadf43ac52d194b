/** The gpu worker: fetch and train, on one host of a pool. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Worker } from '@temporalio/worker';
import { classifyAll } from '../activities/errors.js';
import { createFetchActivities } from '../activities/fetch.js';
import { createMaterialize } from '../activities/materialize.js';
import { createTrainActivities, type Trainer } from '../activities/train.js';
import { createDatasetCache } from '../adapters/dataset-cache.js';
import { splitHoldout } from '../adapters/duckdb/index.js';
import type { Store } from '../adapters/store/index.js';
import { allowedEnvironment, resolveTrainer, runTrainer, sweepStrays } from '../adapters/trainer/index.js';
import { taskQueues } from '../contracts/index.js';
import type { AppConfig } from './config.js';
import { findDevices } from './devices.js';
import { healthFile } from './health.js';
import type { Logger } from './logger.js';
import { packageRoot } from './package-root.js';
import { connect, installRuntime, openStore, runUntilStopped } from './runtime.js';
import { createTidy, followedBy, sweepScratch } from './tidy.js';
import { lockWorkerId } from './worker-lock.js';

export async function run(config: AppConfig, logger: Logger): Promise<void> {
  installRuntime(logger);
  const { namespace } = config.temporal;
  const { workerId, pool } = config;
  const release = lockWorkerId(config.homeDir, namespace, workerId);
  try {
    for (const stray of await sweepStrays({ namespace, workerId })) logger.warn({ stray }, 'ended a stray trainer');
    await sweepScratch(scratchOf(config), 0); // nobody else's, by the lock
    const devices = await findDevices();
    logger.info({ pool, workerId, devices }, describeDevices(devices));
    const store = await openStore(config);
    const tidy = createTidy({ home: config.homeDir, namespace, records: store.records }, logger);
    tidy.soon();
    const connection = await connect(config, logger);
    const worker = await Worker.create({
      connection,
      namespace,
      taskQueue: taskQueues.gpuPool(pool),
      activities: followedBy(gpuActivities(config, store, devices), () => tidy.soon()),
      // One run at a time: two trainers on one device, or on the same cores, are slower than one after the other.
      maxConcurrentActivityTaskExecutions: 1,
      // The default sends a beat only after 0.8 of the timeout: too late for the guard, and for a person who cancels.
      maxHeartbeatThrottleInterval: '2s',
      defaultHeartbeatThrottleInterval: '2s',
      shutdownGraceTime: '0s', // training takes longer than any grace: it is told at once, and saves a checkpoint
      shutdownForceTime: '60s',
    });
    await runUntilStopped(worker, connection, logger, healthFile(config.homeDir, 'gpu'));
    await tidy.ended();
    store.close();
  } finally {
    release();
  }
}

/** One folder per worker, since workers of one host may share a home. */
const scratchOf = ({ homeDir, temporal, workerId }: AppConfig): string =>
  join(homeDir, 'tmp', 'gpu', temporal.namespace, workerId);

/** Exported for tests, which run the same steps in a worker of their own. */
export function gpuActivities(config: AppConfig, store: Store, devices: string[]) {
  const { json, blobs, files, datasets } = store;
  const { homeDir: home, workerId } = config;
  const { namespace } = config.temporal;
  const tempDir = scratchOf(config);
  const materialize = createMaterialize({
    ...{ datasets, home, namespace },
    cache: createDatasetCache({ home, blobs, limitBytes: config.cacheBytes }),
    splitHoldout: (parts, rule, trainDir, holdoutFile) => splitHoldout({ tempDir }, parts, rule, trainDir, holdoutFile),
  });
  const trainer = createTrainer(config, tempDir);
  return {
    ...classifyAll(createFetchActivities({ json, blobs, materialize, workerId })),
    ...classifyAll(
      createTrainActivities({
        ...{ json, blobs, files, materialize, trainer, home, namespace, workerId },
        devices: () => ({ cuda: devices }),
      }),
    ),
  };
}

/** Trainers start in the folder where the worker was started: a relative path in a command means that folder. */
function createTrainer(config: AppConfig, tempDir: string): Trainer {
  const places = { ...config.pythons, trainersDir: join(packageRoot, 'trainers') };
  return {
    resolve: (how) => resolveTrainer(how, places),
    run: async (start) => {
      await mkdir(tempDir, { recursive: true });
      return runTrainer({ ...start, cwd: process.cwd(), env: allowedEnvironment(config.childEnv) });
    },
  };
}

function describeDevices(devices: string[]): string {
  if (devices.length > 0) return `trains on ${devices.join(', ')}`;
  return 'no GPU here: takes runs whose configuration allows the CPU (trainer.device: cpu or cudaOrCpu)';
}
