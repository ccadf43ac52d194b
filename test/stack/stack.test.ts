import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import { describe, expect, onTestFinished, test } from 'vitest';
import { bucketExists, s3Client } from '../../src/cli/bucket.js';
import { stackOptionsFor } from '../../src/cli/servers.js';
import { missingSearchAttributes, namespaceExists } from '../../src/client/namespace.js';
import type { AppSpec, StackOptions } from '../../src/stack/options.js';
import { startStack } from '../../src/stack/stack.js';
import type { Stack } from '../../src/stack/stack.js';
import { readState } from '../../src/stack/state.js';
import { eventLog, temporaryFolder } from './support.js';

// Away from the usual ports: a stack of the developer's own may run.
const ports = { temporal: 27_233, ui: 28_233, s3: 27_070, serving: 28_080 };

async function optionsIn(folder: string, more: Partial<StackOptions> = {}) {
  const log = eventLog();
  const env = { PATH: process.env['PATH'], HOME: folder };
  const options = await stackOptionsFor({
    env,
    cwd: folder,
    stateFile: 'stack.json',
    namespace: 'tested',
    prefix: 'main',
    apps: false,
    onEvent: log.onEvent,
  });
  return { log, options: { ...options, ports, ...more } };
}

async function started(options: StackOptions): Promise<Stack> {
  const stack = await startStack(options);
  onTestFinished(() => stack.stop());
  return stack;
}

async function withTemporal<T>(address: string, work: (connection: Connection) => Promise<T>): Promise<T> {
  const connection = await Connection.connect({ address });
  try {
    return await work(connection);
  } finally {
    await connection.close();
  }
}

/** An app that reports its environment in its ready line's neighbour, and ends when its parent does. */
const app = (script: string): AppSpec => ({ name: 'app', command: process.execPath, args: ['-e', script] });

describe('the embedded stack', { timeout: 120_000 }, () => {
  test('makes namespace, attributes and bucket; restarts a dead server; keeps data over a stop; takes free ports', async () => {
    const folder = temporaryFolder();
    const occupied = createServer().listen({ host: '127.0.0.1', port: 0 });
    await once(occupied, 'listening');
    onTestFinished(() => void occupied.close());
    const taken = (occupied.address() as AddressInfo).port;
    const first = await optionsIn(folder, { ports: { ...ports, s3: taken } });
    const stack = await started(first.options);

    expect(stack.addresses.s3).not.toBe(`http://127.0.0.1:${taken}`);
    expect(first.log.seen).toContainEqual({
      kind: 'portTaken',
      server: 's3',
      wanted: taken,
      using: Number(new URL(stack.addresses.s3).port),
    });
    await withTemporal(stack.addresses.temporal, async (connection) => {
      expect(await namespaceExists(connection, 'tested')).toBe(true);
      expect(await missingSearchAttributes(connection, 'tested')).toEqual({ missing: [], wrongType: [] });
    });
    await s3Client(stack.s3).putObject('seawall', 'main/kept', 'content');

    const before = readState(first.options.homeDir, 'stack.json');
    const killed = before?.children.find(({ name }) => name === 'temporal');
    const readyAgain = first.log.next('ready', 'temporal');
    process.kill(killed?.pid ?? 0, 'SIGKILL');
    await readyAgain;
    expect(await withTemporal(stack.addresses.temporal, (c) => namespaceExists(c, 'tested'))).toBe(true);
    const after = readState(first.options.homeDir, 'stack.json')?.children.find(({ name }) => name === 'temporal');
    expect(after?.pid).not.toBe(killed?.pid);

    await stack.stop();
    expect(existsSync(join(first.options.homeDir, 'stack.json'))).toBe(false);
    const again = await started((await optionsIn(folder)).options);
    expect(await bucketExists(again.s3, 'seawall')).toBe(true);
    expect((await s3Client(again.s3).statObject('seawall', 'main/kept')).size).toBe(7);
    expect(await withTemporal(again.addresses.temporal, (c) => namespaceExists(c, 'tested'))).toBe(true);
    await expect(startStack((await optionsIn(folder)).options)).rejects.toThrow(/already runs in this folder/);
  });

  test('hands its addresses to app processes, and leaves nothing behind when one does not start', async () => {
    const folder = temporaryFolder();
    const wanted = ['TEMPORAL_ADDRESS', 'TEMPORAL_NAMESPACE', 'AWS_ENDPOINT_URL_S3', 'SEAWALL_PREFIX'];
    const script = `
      const ok = ${JSON.stringify(wanted)}.every((name) => process.env[name]) && process.channel;
      if (!ok) process.exit(1);
      console.log(JSON.stringify({ msg: 'up', ready: true }));
      setInterval(() => {}, 1000);`;
    const fine = await optionsIn(folder, { apps: [app(script)] });
    const stack = await started(fine.options);
    expect(fine.log.seen.filter(({ kind }) => kind === 'ready')).toHaveLength(3);
    await stack.stop();

    const broken = await optionsIn(folder, { apps: [app(`console.error('broken app'); process.exit(1)`)] });
    await expect(startStack(broken.options)).rejects.toThrow(/broken app/);
    expect(existsSync(join(broken.options.homeDir, 'stack.json'))).toBe(false);
    const stopped = broken.log.seen
      .filter(({ kind }) => kind === 'stopped')
      .map((event) => 'name' in event && event.name);
    expect(stopped.sort()).toEqual(['s3', 'temporal']);
  });
});
