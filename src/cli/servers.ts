/** From the environment and the machine to the options of an embedded stack: binaries, servers given by address, app processes. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import { SeawallError } from '../contracts/index.js';
import { ensureNamespace, ensureSearchAttributes } from '../client/namespace.js';
import type { AppSpec, S3Access, StackOptions } from '../stack/options.js';
import type { StateFileName } from '../stack/state.js';
import { readLiveState } from '../stack/state.js';
import { loadLocalConfig, loadS3Config, loadTemporalConfig, readTemporalEnvironment } from '../workers/config.js';
import type { Environment } from '../workers/config.js';
import { packageRoot } from '../workers/package-root.js';
import { ensureBucket } from './bucket.js';

export interface StackRequest {
  env: Environment;
  cwd: string;
  stateFile: StateFileName;
  namespace: string;
  prefix: string;
  /** False: servers only. */
  apps: boolean;
  onEvent: StackOptions['onEvent'];
  signal?: AbortSignal;
}

/**
 * Options for `startStack`. A server whose address the environment gives is used, not started; a demo also uses the servers of
 * a stack that runs in the same folder. Missing binaries are fetched, which can take minutes (progress on standard error).
 */
export async function stackOptionsFor(request: StackRequest): Promise<StackOptions> {
  const { env, cwd } = request;
  const { homeDir, searchAttributes } = loadLocalConfig(env, cwd);
  const neighbour = request.stateFile === 'demo.json' ? readLiveState(homeDir, 'stack.json') : undefined;
  const useTemporal = Boolean(readTemporalEnvironment(env).connectionOptions.address) || neighbour !== undefined;
  const useS3 = Boolean(env['AWS_ENDPOINT_URL_S3']) || neighbour !== undefined;
  const needed = [...(useTemporal ? [] : ['temporal']), ...(useS3 ? [] : ['versitygw'])];
  const binaries = needed.length === 0 ? {} : await findBinaries(needed);
  const connectionOptions = useTemporal ? loadTemporalConfig(env, cwd).connectionOptions : undefined;
  return {
    homeDir,
    stateFile: request.stateFile,
    temporal: connectionOptions
      ? { kind: 'external', address: connectionOptions.address }
      : { kind: 'embedded', binary: binaries['temporal'] ?? 'temporal' },
    s3: useS3
      ? { kind: 'external', access: loadS3Config(env, cwd) }
      : { kind: 'embedded', binary: binaries['versitygw'] ?? 'versitygw' },
    namespace: request.namespace,
    prefix: request.prefix,
    bucket: env['SEAWALL_BUCKET'] || 'seawall',
    apps: request.apps ? appProcesses() : [],
    env,
    prepareTemporal: (address, namespace) =>
      prepareTemporal(connectionOptions ?? { address }, namespace, searchAttributes),
    prepareS3: (access: S3Access, bucket) => ensureBucket(access, bucket),
    onEvent: request.onEvent,
    ...(request.signal ? { signal: request.signal } : {}),
  };
}

function appProcesses(): AppSpec[] {
  const app = (name: string, ...words: string[]): AppSpec => ({
    name,
    command: process.execPath,
    args: [join(packageRoot, 'bin', 'seawall.js'), ...words, '--exit-with-parent'],
  });
  return [
    app('worker-loop', 'worker', 'loop'),
    // It saves a checkpoint and ends its trainer before it leaves.
    { ...app('worker-gpu', 'worker', 'gpu'), stopGraceMs: 25_000 },
    app('serving', 'serve'),
  ];
}

type ConnectionOptions = NonNullable<Parameters<typeof Connection.connect>[0]>;

async function prepareTemporal(options: object, namespace: string, withAttributes: boolean): Promise<void> {
  const connection = await Connection.connect({ ...(options as ConnectionOptions), connectTimeout: 20_000 });
  try {
    await ensureNamespace(connection, namespace);
    if (withAttributes) await ensureSearchAttributes(connection, namespace);
  } finally {
    await connection.close();
  }
}

/** Paths of binaries, through set-up: found on PATH or in the project's cache, else fetched. */
export function findBinaries(names: readonly string[]): Promise<Record<string, string>> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(packageRoot, 'scripts', 'setup.mjs'), '--json', ...names], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve(JSON.parse(text) as Record<string, string>);
      else reject(binariesMissing(names));
    });
  });
}

function binariesMissing(names: readonly string[]): SeawallError {
  return new SeawallError(
    'Unavailable',
    `${names.join(' and ')} could not be had (see above)`,
    'Do what it says above, then try again.',
  );
}
