/**
 * A real S3 server for tests: versitygw over a temporary folder, on a free port of the loopback.
 * The folder must be on a file system with extended attributes: with `--sidecar` versitygw 1.8.0 publishes content and ETag
 * apart, and concurrent writes with `If-Match` are lost (seen in 9 of 30 races).
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { StoreOptions } from '../../src/adapters/store/index.js';

export interface S3Server {
  /** For `createStore`; the bucket exists, the prefix is `test`. */
  options: StoreOptions;
  /** Where the objects lie as files: `<folder>/<bucket>/<prefix>/<key>`. */
  folder: string;
  /** Ends the server as a crash would; its data stays. */
  kill(): Promise<void>;
  /** Starts it again on the same port. */
  restart(): Promise<void>;
  /** Ends the server and removes its data. */
  stop(): Promise<void>;
}

const ACCESS_KEY = 'seawall-test';
const SECRET_KEY = 'seawall-test-secret';
const BUCKET = 'seawall';
const READY_WITHIN_MS = 15_000;

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Starts a server of its own; call `stop` in `afterAll`. */
/** The environment in which a command finds the server. */
export const s3Environment = (
  { host, port, accessKeyId, secretAccessKey, bucket, region }: StoreOptions,
  prefix: string,
): Record<string, string> => ({
  AWS_ENDPOINT_URL_S3: `http://${host}:${port}`,
  AWS_ACCESS_KEY_ID: accessKeyId,
  AWS_SECRET_ACCESS_KEY: secretAccessKey,
  AWS_REGION: region,
  SEAWALL_BUCKET: bucket,
  SEAWALL_PREFIX: prefix,
});

export async function startS3(): Promise<S3Server> {
  const home = await mkdtemp(join(tmpdir(), 'seawall-s3-'));
  const folder = join(home, 'data');
  // In the posix backend a folder is a bucket.
  await mkdir(join(folder, BUCKET), { recursive: true });
  const binary = await findBinary();
  let port = 0;
  let child: ChildProcess | undefined;
  for (let tries = 1; child === undefined; tries++) {
    port = await freePort();
    // Another process may take the port between our look and the server's start.
    child = await launch(binary, folder, port).catch((error: unknown) => {
      if (tries >= 3) throw error;
      return undefined;
    });
  }
  let current: ChildProcess = child;
  return {
    options: {
      host: '127.0.0.1',
      port,
      useSSL: false,
      region: 'us-east-1',
      accessKeyId: ACCESS_KEY,
      secretAccessKey: SECRET_KEY,
      bucket: BUCKET,
      prefix: 'test',
    },
    folder,
    kill: () => end(current),
    restart: async () => {
      await end(current);
      current = await launch(binary, folder, port);
    },
    stop: async () => {
      await end(current);
      await rm(home, { recursive: true, force: true });
    },
  };
}

async function findBinary(): Promise<string> {
  const fromEnvironment = process.env['SEAWALL_VERSITYGW'];
  if (fromEnvironment) return fromEnvironment;
  const cached = resolve(import.meta.dirname, '../../.seawall/bin/versitygw');
  await access(cached).catch(() => {
    throw new Error(`no versitygw at ${cached}: run \`npm test\`, which fetches it, or set SEAWALL_VERSITYGW`);
  });
  return cached;
}

async function launch(binary: string, folder: string, port: number): Promise<ChildProcess> {
  const address = `127.0.0.1:${port}`;
  const child = spawn(
    binary,
    [
      '--access',
      ACCESS_KEY,
      '--secret',
      SECRET_KEY,
      '--port',
      address,
      '--health',
      '/health',
      '--quiet',
      '--keep-alive',
      'posix',
      folder,
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  running.add(child);
  let output = '';
  const collect = (chunk: Buffer): void => void (output = (output + chunk.toString()).slice(-4000));
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  let failure: string | undefined;
  child.once('error', (error) => (failure = error.message));
  child.once('exit', (code, signal) => {
    running.delete(child);
    failure ??= `it ended with ${signal ?? `code ${code}`}`;
  });
  const deadline = Date.now() + READY_WITHIN_MS;
  while (!(await isHealthy(address))) {
    if (failure !== undefined || Date.now() > deadline) {
      await end(child);
      throw new Error(`versitygw (${binary}) did not start on ${address}: ${failure ?? 'no answer'}\n${output}`);
    }
    await delay(25);
  }
  return child;
}

async function isHealthy(address: string): Promise<boolean> {
  try {
    return (await fetch(`http://${address}/health`, { signal: AbortSignal.timeout(1000) })).ok;
  } catch {
    return false;
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
