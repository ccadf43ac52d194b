/** What answers: the folder's stack, Temporal, S3, workers, serving. */
import { Connection } from '@temporalio/client';
import { createStore } from '../adapters/store/index.js';
import {
  ensureNamespace,
  ensureSearchAttributes,
  missingSearchAttributes,
  namespaceExists,
} from '../client/namespace.js';
import { taskQueues } from '../contracts/index.js';
import { findStack, loadS3Config, loadTemporalConfig } from '../workers/config.js';
import type { LocalConfig, TemporalConfig } from '../workers/config.js';
import { ensureBucket } from './bucket.js';
import type { CommandContext } from './command.js';
import { fail, ok, warn } from './check.js';
import type { Check } from './check.js';
import { reportOf } from './output.js';

export async function checkServers(context: CommandContext): Promise<Check[]> {
  const local = context.localConfig();
  const groups = await Promise.all([temporalChecks(context, local), s3Checks(context), serving(local)]);
  return [stack(local), ...groups.flat()];
}

function stack({ homeDir }: LocalConfig): Check {
  const found = findStack(homeDir);
  if (!found)
    return warn(
      'stack',
      `none runs in this folder (${homeDir})`,
      'Start one with `seawall up`, unless your servers are elsewhere.',
    );
  const { supervisor, ready } = found.state;
  return ok('stack', `${found.source} runs (pid ${supervisor.pid})${ready ? '' : ', still starting'}`);
}

async function temporalChecks(context: CommandContext, local: LocalConfig): Promise<Check[]> {
  let config: TemporalConfig;
  try {
    config = loadTemporalConfig(context.env, context.cwd);
  } catch (error) {
    return [failure('Temporal', error)];
  }
  let connection: Connection;
  try {
    connection = await Connection.connect({ ...(config.connectionOptions as object), connectTimeout: 5_000 });
  } catch (error) {
    return [unreachable(config, error)];
  }
  try {
    const found = await namespaceChecks(connection, config, context.options['fix'] === true, local.searchAttributes);
    const hasNamespace = found.every(({ name, status }) => name !== 'namespace' || status === 'ok');
    const workers = hasNamespace ? await workerChecks(connection, config.namespace, local.pool) : [];
    return [ok('Temporal', `${config.address} (from ${config.source})`), ...found, ...workers];
  } catch (error) {
    return [failure('Temporal', error)];
  } finally {
    await connection.close();
  }
}

async function namespaceChecks(
  connection: Connection,
  { namespace }: TemporalConfig,
  fix: boolean,
  wanted: boolean,
): Promise<Check[]> {
  if (fix) await ensureNamespace(connection, namespace);
  else if (!(await namespaceExists(connection, namespace))) {
    return [
      fail(
        'namespace',
        `${namespace} does not exist`,
        'Make it with `seawall doctor --fix`, or set TEMPORAL_NAMESPACE.',
      ),
    ];
  }
  const found = ok('namespace', namespace);
  if (!wanted) return [found, ok('search attributes', 'switched off')];
  if (fix) await ensureSearchAttributes(connection, namespace);
  const { missing, wrongType } = await missingSearchAttributes(connection, namespace);
  if (missing.length + wrongType.length === 0) return [found, ok('search attributes', 'all there')];
  const problem = [
    ...(missing.length > 0 ? [`missing: ${missing.join(', ')}`] : []),
    ...(wrongType.length > 0 ? [`of another type: ${wrongType.join(', ')}`] : []),
  ].join('; ');
  return [
    found,
    fail('search attributes', problem, 'Make them with `seawall doctor --fix`, or set SEAWALL_SEARCH_ATTRIBUTES=off.'),
  ];
}

/** A queue that nobody polls: its workflows or trainings wait for ever. */
async function workerChecks(connection: Connection, namespace: string, pool: string): Promise<Check[]> {
  const queues = [
    { name: 'loop worker', queue: taskQueues.loop, taskQueueType: 1, command: 'seawall worker loop' },
    { name: 'gpu worker', queue: taskQueues.gpuPool(pool), taskQueueType: 2, command: 'seawall worker gpu' },
  ];
  return Promise.all(
    queues.map(async ({ name, queue, taskQueueType, command }) => {
      const { pollers } = await connection.workflowService.describeTaskQueue({
        namespace,
        taskQueue: { name: queue },
        taskQueueType,
      });
      const identities = (pollers ?? []).map(({ identity }) => identity).join(', ');
      return identities
        ? ok(name, `${identities} polls ${queue}`)
        : warn(name, `nobody polls ${queue} in namespace ${namespace}`, `Start one: ${command}`);
    }),
  );
}

async function s3Checks(context: CommandContext): Promise<Check[]> {
  try {
    const config = loadS3Config(context.env, context.cwd);
    if (context.options['fix'] === true) await ensureBucket(config, config.bucket);
    // A diagnosis should not wait as long as a worker would.
    const store = createStore({ ...config, retries: 1, deadlineMs: 5_000 });
    try {
      await store.checkAccess();
      const place = `${config.endpoint}, bucket ${config.bucket}, prefix ${config.prefix} (from ${config.source})`;
      return [ok('S3', place), await conditionalWrites(store), await rollbacks(store), await lifecycle(store)];
    } finally {
      store.close();
    }
  } catch (error) {
    return [failure('S3', error)];
  }
}

async function conditionalWrites(store: ReturnType<typeof createStore>): Promise<Check> {
  try {
    await store.verifyConditionalWrites();
    return ok('conditional writes', 'If-None-Match and If-Match work');
  } catch (error) {
    return failure('conditional writes', error);
  }
}

/** What was released must stay: without it nobody can go back to it. */
async function rollbacks(store: ReturnType<typeof createStore>): Promise<Check> {
  try {
    const missing = await store.missingForRollback();
    const [first] = missing;
    if (!first) return ok('rollbacks', 'every release has what it needs');
    const more = missing.length > 1 ? ` and ${missing.length - 1} more` : '';
    return warn(
      'rollbacks',
      `release ${first.release} of ${first.model} has lost its ${first.what}: ${first.object} is missing${more}`,
      'Restore it from a copy of the bucket; do not go back to this release before.',
    );
  } catch (error) {
    return failure('rollbacks', error);
  }
}

async function lifecycle(store: ReturnType<typeof createStore>): Promise<Check> {
  try {
    const rules = await store.expiryRules();
    if (rules.length === 0) return ok('bucket lifecycle', 'no rule removes objects below the prefix');
    return warn(
      'bucket lifecycle',
      `${rules.join(', ')} will remove what rollbacks and dataset versions need`,
      'Remove the rule, or limit it to another prefix; `seawall dataset gc` removes what nothing needs.',
    );
  } catch (error) {
    return warn(
      'bucket lifecycle',
      `cannot be read: ${reportOf(error).message}`,
      'Look at the rules of the bucket yourself.',
    );
  }
}

async function serving({ serving: { url } }: LocalConfig): Promise<Check> {
  try {
    const response = await fetch(`${url}/v2/health/ready`, { signal: AbortSignal.timeout(3_000) });
    await response.arrayBuffer();
    if (response.ok) return ok('serving', `${url} is ready`);
    return warn(
      'serving',
      `${url} answers ${response.status}`,
      'It has no model yet, or is starting: look at its log.',
    );
  } catch {
    return warn('serving', `nothing answers at ${url}`, 'Start it: seawall serve');
  }
}

function failure(name: string, error: unknown): Check {
  const { message, next } = reportOf(error);
  return fail(name, message.split('\n')[0] ?? message, next);
}

function unreachable({ address, source }: TemporalConfig, error: unknown): Check {
  const { type, message, next } = reportOf(error);
  if (type === 'AccessDenied') return fail('Temporal', `${address} refuses us: ${message}`, next);
  return fail(
    'Temporal',
    `${address} (from ${source}) does not answer: ${message.split('\n')[0]}`,
    'Check that the server runs and that TEMPORAL_ADDRESS, TEMPORAL_TLS and TEMPORAL_API_KEY fit it.',
  );
}
