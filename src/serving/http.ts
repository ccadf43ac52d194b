import fastify from 'fastify';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { SeawallError } from '../contracts/index.js';
import { gaugesOf } from './gauges.js';
import type { Metrics } from './metrics.js';
import type { ModelSource } from './model-source.js';
import type { ServingLogger } from './ports.js';
import type { PredictionLog } from './prediction-log.js';
import { HttpProblem, badRequest, notReady, textOf } from './problem.js';
import { inferReply, modelMetadata } from './reply.js';
import { parseInfer } from './request.js';
import type { Champion, Slot } from './slot.js';

export interface HttpOptions {
  source: ModelSource;
  log: PredictionLog;
  metrics: Metrics;
  logger: ServingLogger;
  bodyLimitBytes: number;
  isDraining(): boolean;
}

interface ModelParams {
  model: string;
  version?: string;
}
const JSON_TYPE = 'application/json; charset=utf-8';

/** The Open Inference Protocol v2 over REST, the log's flush and the metrics. */
export function createHttp(options: HttpOptions): FastifyInstance {
  const app = fastify({
    logger: false,
    bodyLimit: options.bodyLimitBytes,
    forceCloseConnections: 'idle',
    routerOptions: { ignoreTrailingSlash: true },
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => {
    try {
      done(null, body === '' ? undefined : JSON.parse(body as string));
    } catch (error) {
      done(badRequest(`the body is not JSON: ${textOf(error)}`));
    }
  });
  app.setErrorHandler((error: FastifyError, request, reply) => sendError(options, error, request, reply));
  app.setNotFoundHandler((request, reply) => {
    void reply.code(404).send({ error: `there is no ${request.method} ${request.url.split('?')[0]}` });
  });
  serverRoutes(app, options);
  for (const path of ['/v2/models/:model', '/v2/models/:model/versions/:version']) modelRoutes(app, path, options);
  operationRoutes(app, options);
  return app;
}

function serverRoutes(app: FastifyInstance, { source, isDraining }: HttpOptions): void {
  app.get('/v2', () => ({ name: 'seawall', version: '2', extensions: [] }));
  app.get('/v2/health/live', () => ({ live: true }));
  app.get('/v2/health/ready', (_request, reply) => {
    const models = [...source.slots.values()].map(readiness);
    const ready =
      !isDraining() &&
      (source.isDiscovered() || models.length > 0) &&
      models.every((model) => model.ready || !model.released);
    if (!ready) void reply.code(503).header('retry-after', '1');
    return reply.send({ ready, draining: isDraining(), models });
  });
}

/** A model without a release is nothing to wait for: it makes nobody unready. */
function readiness(slot: Slot): {
  name: string;
  ready: boolean;
  released: boolean;
  release: number | null;
  epoch: number | null;
  problem: string | null;
} {
  const { model, champion, hasPointer, problem } = slot;
  return {
    name: model,
    ready: champion !== undefined,
    released: hasPointer,
    release: champion?.release ?? null,
    epoch: champion?.epoch ?? null,
    problem: problem ?? null,
  };
}

function modelRoutes(app: FastifyInstance, path: string, options: HttpOptions): void {
  app.get<{ Params: ModelParams }>(path, ({ params }) => {
    const { release, session } = championFor(options, params);
    return modelMetadata(params.model, release, session.model);
  });
  app.get<{ Params: ModelParams }>(`${path}/ready`, ({ params }) => {
    championFor(options, params);
    return readiness(options.source.slots.get(params.model) as Slot);
  });
  app.post<{ Params: ModelParams }>(`${path}/infer`, async ({ params, body }, reply) => {
    const startedAt = performance.now();
    const champion = championFor(options, params);
    const { text, rows } = await infer(options, params.model, champion, body);
    options.metrics.request(params.model, 200, rows, (performance.now() - startedAt) / 1000);
    if (options.isDraining()) void reply.header('connection', 'close');
    return reply.type(JSON_TYPE).send(text);
  });
}

/** Scores on the session that was live when the request came, and logs before it answers. */
async function infer(
  { log }: HttpOptions,
  model: string,
  champion: Champion,
  body: unknown,
): Promise<{ text: string; rows: number }> {
  const { release, epoch, session } = champion;
  session.acquire();
  try {
    const { inputs, outputs } = session.model;
    const request = parseInfer(body, session.model, () => new Date());
    const scored = await session.model.predict(request.columns, request.rows);
    log.append({ model, release, epoch, arm: 'champion', inputs, outputs, ...request, scored });
    return { text: inferReply(model, release, request, outputs, scored), rows: request.rows };
  } finally {
    session.release();
  }
}

/** Throws 404 for what is unknown, and 503 for what is not there yet. */
function championFor({ source }: HttpOptions, { model, version }: ModelParams): Champion {
  const slot = source.slots.get(model);
  if (!slot) {
    if (!source.isDiscovered()) throw notReady('object storage has not been reached yet: the models are unknown');
    throw new HttpProblem(404, `model "${model}" is unknown`);
  }
  const { champion } = slot;
  if (!champion) throw notReady(`model "${model}" is not ready: ${slot.problem ?? 'it has no release yet'}`);
  if (version !== undefined && version !== String(champion.release)) {
    throw new HttpProblem(
      404,
      `version "${version}" of model "${model}" does not serve; release ${champion.release} does`,
    );
  }
  return champion;
}

function operationRoutes(app: FastifyInstance, { source, log, metrics }: HttpOptions): void {
  app.get('/metrics', (_request, reply) =>
    reply.type('text/plain; version=0.0.4; charset=utf-8').send(metrics.text(gaugesOf(source.slots.values(), log))),
  );
  app.post('/seawall/log/flush', async (request) => {
    if (!isLoopback(request.ip)) throw new HttpProblem(403, 'the log can be flushed from this machine only');
    try {
      return await log.flush();
    } catch (error) {
      throw new HttpProblem(503, `the prediction log is not all in object storage: ${textOf(error)}`, 5);
    }
  });
}

const isLoopback = (ip: string): boolean => ip === '::1' || /^(::ffff:)?127\./.test(ip);

function sendError(options: HttpOptions, error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  const problem = problemOf(error, options.bodyLimitBytes);
  if (problem.status === 500) options.logger.error({ url: request.url, error: textOf(error) }, 'a request failed');
  const { model } = request.params as Partial<ModelParams>;
  // Only names that exist: a caller must not be able to make up time series.
  if (model !== undefined && options.source.slots.has(model)) options.metrics.request(model, problem.status, 0, 0);
  if (problem.retryAfterSeconds !== undefined) void reply.header('retry-after', String(problem.retryAfterSeconds));
  void reply.code(problem.status).type(JSON_TYPE).send({ error: problem.message });
}

function problemOf(error: FastifyError, bodyLimitBytes: number): HttpProblem {
  if (error instanceof HttpProblem) return error;
  if (error instanceof SeawallError) {
    const status = error.type === 'BadInput' ? 400 : error.type === 'Unavailable' ? 503 : 500;
    return new HttpProblem(status, error.message, status === 503 ? 1 : undefined);
  }
  if (error.statusCode === 413) {
    return new HttpProblem(413, `the body is larger than ${bodyLimitBytes} bytes: send smaller batches`);
  }
  if (error.statusCode === 415) return new HttpProblem(415, 'the content type must be application/json');
  if (error.statusCode !== undefined && error.statusCode < 500) return badRequest(error.message);
  return new HttpProblem(500, 'internal error: the log of the serving process says more');
}
