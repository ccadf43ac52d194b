/** How the two servers of the embedded stack are started. */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { searchAttributes } from '../contracts/index.js';
import type { ChildSpec } from './child.js';
import { accepts, LOOPBACK } from './ports.js';
import type { S3Keys } from './secrets.js';

const attributeTypes: Record<string, string> = { KEYWORD: 'Keyword', INT: 'Int' };

/** Temporal's dev server over a database file, so that workflows survive a stop. */
export function temporalSpec(options: {
  homeDir: string;
  binary: string;
  port: number;
  uiPort: number;
  env: NodeJS.ProcessEnv;
}): ChildSpec {
  const { homeDir, binary, port, uiPort, env } = options;
  const attributes = Object.entries(searchAttributes).flatMap(([name, type]) => [
    '--search-attribute',
    `${name}=${attributeTypes[type] ?? type}`,
  ]);
  return {
    name: 'temporal',
    command: binary,
    args: [
      ...['server', 'start-dev', '--ip', LOOPBACK, '--port', String(port), '--ui-port', String(uiPort)],
      ...['--db-filename', join(homeDir, 'temporal.db'), '--log-level', 'warn', '--ui-disable-news-fetch'],
      ...attributes,
    ],
    // The CLI reads TEMPORAL_* as its own settings; an address or a profile in there is not meant for this server.
    env: Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('TEMPORAL_'))),
    logFile: join(homeDir, 'logs', 'temporal.log'),
    readiness: { kind: 'probe', check: () => accepts(LOOPBACK, port) },
    readyWithinMs: 60_000,
    stopGraceMs: 10_000,
  };
}

/** versitygw over a folder. Its keys go in by environment: arguments are visible to every user of the machine. */
export async function s3Spec(options: {
  homeDir: string;
  binary: string;
  port: number;
  region: string;
  keys: S3Keys;
  env: NodeJS.ProcessEnv;
}): Promise<ChildSpec> {
  const { homeDir, binary, port, region, keys } = options;
  const data = join(homeDir, 's3');
  mkdirSync(data, { recursive: true });
  const env = {
    ...options.env,
    ROOT_ACCESS_KEY_ID: keys.accessKeyId,
    ROOT_SECRET_ACCESS_KEY: keys.secretAccessKey,
  };
  const server = ['--port', `${LOOPBACK}:${port}`, '--region', region, '--health', HEALTH, '--quiet', '--keep-alive'];
  const sidecar = join(homeDir, 's3-metadata');
  const needsSidecar = existsSync(sidecar) || (await lacksExtendedAttributes(binary, data, env));
  if (needsSidecar) mkdirSync(sidecar, { recursive: true });
  return {
    name: 's3',
    command: binary,
    args: [...server, 'posix', ...(needsSidecar ? ['--sidecar', sidecar] : []), data],
    env,
    logFile: join(homeDir, 'logs', 's3.log'),
    readiness: { kind: 'probe', check: () => answersHealth(port) },
    readyWithinMs: 30_000,
    stopGraceMs: 10_000,
  };
}

const HEALTH = '/health';

async function answersHealth(port: number): Promise<boolean> {
  try {
    const response = await fetch(`http://${LOOPBACK}:${port}${HEALTH}`, { signal: AbortSignal.timeout(1_000) });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}

/**
 * versitygw keeps metadata in extended attributes and refuses to start where there are none; Node cannot ask the file system,
 * so versitygw is asked, on a port that cannot be bound: it checks the folder first and then ends in either case.
 */
function lacksExtendedAttributes(binary: string, data: string, env: NodeJS.ProcessEnv): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(binary, ['--port', '127.0.0.1:99999', '--quiet', 'posix', data], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    const limit = setTimeout(() => child.kill('SIGKILL'), 5_000);
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text) => (output += text));
    const answer = () => {
      clearTimeout(limit);
      resolve(/xattrs are not supported/.test(output));
    };
    child.once('error', answer).once('close', answer);
  });
}
