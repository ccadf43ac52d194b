/** What both workers do alike: connect, trust nothing unchecked, run until they are told to stop. */
import { setTimeout as sleep } from 'node:timers/promises';
import { NativeConnection, Runtime, type Worker } from '@temporalio/worker';
import { ensureSearchAttributes, namespaceExists } from '../client/namespace.js';
import { SeawallError } from '../contracts/index.js';
import { createStore, type Store } from '../adapters/store/index.js';
import type { AppConfig } from './config.js';
import { reportHealth } from './health.js';
import { type Logger, temporalLogger } from './logger.js';

/** A server that is being restarted is back within seconds; one that is not there should be told about. */
const CONNECT_FOR_MS = 60_000;

/** Temporal's own logs go where ours go. Once per process. */
export function installRuntime(logger: Logger): void {
  Runtime.install({ logger: temporalLogger(logger), telemetryOptions: { logging: { forward: {} } } });
}

/** Connects, with patience; then checks the namespace and its search attributes. */
export async function connect(config: AppConfig, logger: Logger): Promise<NativeConnection> {
  const connection = await connectPatiently(config, logger);
  const { address, namespace } = config.temporal;
  if (!(await namespaceExists(connection, namespace))) {
    throw new SeawallError(
      'NotFound',
      `Temporal at ${address} has no namespace ${namespace}`,
      `Create it (temporal operator namespace create --namespace ${namespace}), or set TEMPORAL_NAMESPACE.`,
    );
  }
  if (config.searchAttributes) await ensureSearchAttributes(connection, namespace);
  return connection;
}

async function connectPatiently({ temporal }: AppConfig, logger: Logger): Promise<NativeConnection> {
  const giveUpAt = Date.now() + CONNECT_FOR_MS;
  for (let pauseMs = 250; ; pauseMs = Math.min(pauseMs * 2, 5_000)) {
    try {
      return await NativeConnection.connect(temporal.connectionOptions);
    } catch (error) {
      if (Date.now() + pauseMs > giveUpAt) {
        throw new SeawallError(
          'Unavailable',
          `Temporal at ${temporal.address} does not answer: ${(error as Error).message}`,
          'Start it, or set TEMPORAL_ADDRESS. `seawall doctor` checks every part.',
          { cause: error },
        );
      }
      logger.warn({ address: temporal.address, error: String(error) }, 'Temporal does not answer yet');
      await sleep(pauseMs);
    }
  }
}

/** The store, once it has proved that it refuses what it must refuse, and that the prefix belongs to this namespace. */
export async function openStore(config: AppConfig): Promise<Store> {
  const store = createStore(config.s3);
  await store.checkAccess();
  await store.verifyConditionalWrites();
  await store.openWorkspace(config.temporal.namespace);
  return store;
}

/** Runs until SIGTERM or SIGINT, then lets the worker finish as its grace times say; `healthPath` says meanwhile how it is. */
export async function runUntilStopped(
  worker: Worker,
  connection: NativeConnection,
  logger: Logger,
  healthPath: string,
): Promise<void> {
  const running = worker.run();
  const endReports = reportHealth(worker, healthPath);
  logger.info({ ready: true, taskQueue: worker.options.taskQueue, namespace: worker.options.namespace }, 'ready');
  try {
    await running;
  } finally {
    await endReports();
    await connection.close();
  }
  logger.info('stopped');
}
