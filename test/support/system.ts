/** The whole system for end-to-end tests: real servers and real processes in a folder of their own, and hands to hurt them. */
import { execFile, spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { createStore, type Store } from '../../src/adapters/store/index.js';
import { stackOptionsFor } from '../../src/cli/servers.js';
import { keys, type RunRecord, sequenceOf } from '../../src/contracts/index.js';
import { type Stack, startStack } from '../../src/stack/stack.js';
import { readState } from '../../src/stack/state.js';
import { loadConfig } from '../../src/workers/config.js';
import { packageRoot } from '../../src/workers/package-root.js';
import { binary } from './workflow-env.js';

export interface System {
  stack: Stack;
  store: Store;
  client: Client;
  folder: string;
  /** Runs `seawall …` in the system's folder. */
  seawall(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }>;
  /** Runs Temporal's own command line against the system. */
  temporal(...args: string[]): Promise<string>;
  /** The pid of a child of the stack, as its state file says now; undefined while it is being started again. */
  pidOf(name: string): number | undefined;
  stop(): Promise<void>;
}

/** Ports of this test worker's own: two stacks that start at once would both find the same ones free. */
function portsOfWorker(): { temporal: number; ui: number; s3: number; serving: number } {
  const first = 17_000 + 100 * (Number(process.env['VITEST_POOL_ID'] ?? 0) % 100);
  return { temporal: first, ui: first + 20, s3: first + 40, serving: first + 60 };
}

/** `apps` false: servers only, as where somebody starts the workers. */
export async function startSystem(namespace: string, apps = true): Promise<System> {
  const folder = await mkdtemp(join(tmpdir(), 'seawall-e2e-'));
  const homeDir = join(folder, '.seawall');
  const env = { ...process.env };
  const options = await stackOptionsFor({
    env,
    cwd: folder,
    stateFile: 'stack.json',
    namespace,
    prefix: namespace,
    apps,
    onEvent: () => undefined,
  });
  const stack = await startStack({ ...options, ports: portsOfWorker() });
  const commandEnv = { ...env, ...stack.appEnv };
  const store = createStore(loadConfig(commandEnv, folder).s3);
  const connection = await Connection.connect({ address: stack.addresses.temporal });
  return {
    stack,
    store,
    folder,
    client: new Client({ connection, namespace }),
    seawall: (...args) =>
      runCommand(process.execPath, [join(packageRoot, 'bin', 'seawall.js'), ...args], commandEnv, folder),
    temporal: async (...args) => {
      const where = ['--address', stack.addresses.temporal, '--namespace', namespace];
      const { code, stdout, stderr } = await runCommand(
        binary('SEAWALL_TEMPORAL_CLI', 'temporal'),
        [...args, ...where],
        env,
        folder,
      );
      if (code !== 0) throw new Error(`temporal ${args.join(' ')}: ${stderr}`);
      return stdout;
    },
    pidOf: (name) => {
      return readState(homeDir, 'stack.json')?.children.find((entry) => entry.name === name)?.pid;
    },
    stop: async () => {
      store.close();
      await connection.close();
      await stack.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export function runCommand(file: string, args: string[], env: NodeJS.ProcessEnv, cwd: string) {
  return new Promise<{ code: number; stdout: string; stderr: string }>((resolve, reject) => {
    const child = spawn(file, args, { env, cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.once('error', reject);
    child.once('close', (code) => resolve({ code: code ?? 1, stdout, stderr }));
  });
}

/** The newest record of a run; undefined before its first. */
export async function newestRecord(store: Store, model: string, n: number): Promise<RunRecord | undefined> {
  let newest: string | undefined;
  for await (const { key } of store.json.list(`${keys.runRecords(model, n)}/`)) {
    if (sequenceOf(key) !== undefined) newest = key;
  }
  return newest === undefined ? undefined : (await store.json.read<RunRecord>(newest))?.value;
}

/** Pids of live processes whose SEAWALL_ATTEMPT is `<namespace>/<any worker>/<rest>`; of all attempts when there is no `rest`. */
export async function processesOf(namespace: string, rest = ''): Promise<number[]> {
  const found: number[] = [];
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const environ = await readFile(`/proc/${entry}/environ`, 'latin1').catch(() => '');
    const attempt = environ.split('\0').find((line) => line.startsWith(`SEAWALL_ATTEMPT=${namespace}/`));
    if (attempt?.endsWith(rest === '' ? '' : `/${rest}`)) found.push(Number(entry));
  }
  return found;
}

export async function until<T>(
  what: string,
  look: () => Promise<T | undefined | false>,
  withinMs = 60_000,
): Promise<T> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const seen = await look();
    if (seen !== undefined && seen !== false) return seen;
    if (Date.now() > deadline) throw new Error(`not within ${withinMs / 1000} s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

export const sha256sum = (path: string): Promise<string> =>
  new Promise((resolve, reject) =>
    execFile('sha256sum', [path], (error, out) => (error ? reject(error) : resolve(out.slice(0, 64)))),
  );

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
