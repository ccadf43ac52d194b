import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { SeawallError } from '../contracts/index.js';
import { openJsonLinesConverter } from '../adapters/duckdb/json-lines.js';
import { openServingHome } from './home.js';
import { createHttp } from './http.js';
import { createMetrics } from './metrics.js';
import { openModelCache } from './model-cache.js';
import { createModelSource, within } from './model-source.js';
import type { ModelSource } from './model-source.js';
import { DEFAULT_LOG_LIMITS } from './ports.js';
import type { LogLimits, ServingLogger, ServingOptions, ServingStore } from './ports.js';
import { createPredictionLog } from './prediction-log.js';
import type { PredictionLog } from './prediction-log.js';
import { textOf } from './problem.js';
import { openSpool } from './spool.js';

export interface Serving {
  url: string;
  /** Not ready from now on; requests in flight end, the log is flushed; within `deadlineMs`, and never rejects. */
  close(deadlineMs?: number): Promise<void>;
}

/** How long a start waits for object storage before it serves from its local copies. */
const FIRST_LOOK_MS = 3_000;
const DRAIN_MS = 7_500;

/** Starts everything: model source, prediction log, HTTP server. Throws `Conflict` when the folder or the port is taken. */
export async function startServing(
  options: ServingOptions,
  store: ServingStore,
  logger: ServingLogger,
): Promise<Serving> {
  const home = openServingHome(options.home);
  const limits: LogLimits = { ...DEFAULT_LOG_LIMITS, ...options.log };
  const spool = await openSpool(join(home.folder, 'log'), limits, logger);
  const converter = await openJsonLinesConverter();
  const log = createPredictionLog({ spool, converter, store, servingId: home.servingId, limits, logger });
  const source = createModelSource({
    store,
    cache: await openModelCache(home.folder),
    logger,
    models: options.models,
    intraOpThreads: options.intraOpThreads ?? 1,
    pointerPollMs: options.pointerPollMs ?? 1_000,
    discoveryPollMs: options.discoveryPollMs ?? 2_000,
  });
  let draining = false;
  const bodyLimitBytes = options.bodyLimitBytes ?? 32 << 20;
  const metrics = createMetrics();
  const app = createHttp({ source, log, metrics, logger, bodyLimitBytes, isDraining: () => draining });
  const close = async (deadlineMs = DRAIN_MS): Promise<void> => {
    draining = true;
    const endAt = Date.now() + deadlineMs;
    await drain(app, deadlineMs);
    await source.stop();
    await lastFlush(log, logger, Math.max(1_000, endAt - Date.now()));
    await log.stop();
    converter.close();
    home.unlock();
  };
  try {
    await source.start(FIRST_LOOK_MS);
    await listen(app, options);
  } catch (error) {
    await close(1_000);
    throw error;
  }
  const { address, port } = app.server.address() as AddressInfo;
  const url = `http://${address.includes(':') ? `[${address}]` : address}:${port}`;
  logger.info({ ready: true, url, models: modelsOf(source) }, 'serving is ready');
  return { url, close };
}

const modelsOf = (source: ModelSource): object[] =>
  [...source.slots.values()].map(({ model, champion }) => ({ model, release: champion?.release ?? null }));

async function listen(app: ReturnType<typeof createHttp>, { host, port }: ServingOptions): Promise<void> {
  try {
    await app.listen({ host, port });
  } catch (cause) {
    throw new SeawallError(
      'Conflict',
      `Serving cannot listen on ${host}:${port}: ${textOf(cause)}`,
      'Free the port, or set SEAWALL_SERVING_PORT to another.',
      { cause },
    );
  }
}

/** A connection that falls idle after the close would be kept alive for a minute, and hold up the end. */
async function drain(app: ReturnType<typeof createHttp>, deadlineMs: number): Promise<void> {
  const sweep = setInterval(() => app.server.closeIdleConnections(), 50);
  await within(app.close(), deadlineMs);
  clearInterval(sweep);
  app.server.closeAllConnections();
}

async function lastFlush(log: PredictionLog, logger: ServingLogger, ms: number): Promise<void> {
  const flushed = log.flush().catch((error: unknown) => {
    logger.warn(
      { error: textOf(error) },
      'the prediction log could not be uploaded at the end; the next start does it',
    );
  });
  await within(flushed, ms);
}
