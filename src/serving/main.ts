import { join } from 'node:path';
import { createStore, type StoreOptions } from '../adapters/store/index.js';
import type { ServingLogger, ServingStore } from './ports.js';
import { startServing } from './server.js';

/** The part of the application's configuration that serving needs. */
export interface ServingConfig {
  homeDir: string;
  s3: StoreOptions;
  serving: { host: string; port: number };
}

/** Above the drain's own deadline: a process that still hangs then is of no use to anybody. */
const EXIT_AFTER_MS = 9_000;

/** The serving process: serves until SIGTERM or SIGINT, drains, and resolves. Logs `ready: true` once it listens. */
export async function run(config: ServingConfig, logger: ServingLogger): Promise<void> {
  const store = createStore(config.s3);
  const ports: ServingStore = {
    read: (key) => store.json.read(key),
    list: (prefix, after) => store.json.list(prefix, after),
    fetchTo: (sha256, path, signal) => store.blobs.fetchTo(sha256, path, signal),
    upload: (key, path) => store.files.upload(key, path),
  };
  const stopped = stopSignal();
  const serving = await startServing({ home: homeOf(config), ...config.serving }, ports, logger);
  const signal = await stopped;
  logger.info({ signal }, 'draining');
  setTimeout(() => process.exit(0), EXIT_AFTER_MS).unref();
  await serving.close();
  store.close();
  logger.info({}, 'serving has stopped');
}

/** One per workspace: what could not be uploaded yet must never reach the log of another prefix. */
function homeOf({ homeDir, s3 }: ServingConfig): string {
  return join(homeDir, 'workspaces', `${s3.bucket}_${s3.prefix.replaceAll('/', '_')}`);
}

function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    process.on('SIGTERM', resolve);
    process.on('SIGINT', resolve);
  });
}
