/**
 * The very commands of docker-compose.yml, with the very environment of their services, from the files that the image would
 * hold. Only addresses differ: host names of the Compose network become ports of the loopback.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ownServices, readCompose, seconds, type ComposeService } from './files.js';
import { assembleImage, type Image } from './image.js';
import { freePort, killAll, start, type Program } from './processes.js';
import { binary, startDevServer } from '../support/workflow-env.js';

const compose = readCompose();
const service = (name: string): ComposeService => compose.services[name] ?? {};
const daemons = ownServices(compose).filter(([name]) => name !== 'init');

let image: Image;
let temporal: TestWorkflowEnvironment;
let s3: Program;
let volumes: string;
let ports: { s3: number; serving: number };

beforeAll(async () => {
  image = assembleImage();
  volumes = mkdtempSync(join(tmpdir(), 'seawall-volumes-'));
  ports = { s3: await freePort(), serving: await freePort() };
  [temporal, s3] = await Promise.all([startDevServer(), startS3()]);
});
afterAll(async () => {
  killAll();
  await temporal?.teardown();
  image?.remove();
  if (volumes) rmSync(volumes, { recursive: true, force: true });
});

/** The S3 server by its own line in docker-compose.yml. */
async function startS3(): Promise<Program> {
  const data = join(volumes, 's3-data');
  mkdirSync(data);
  const { command = [], environment = {}, healthcheck } = service('s3');
  const near: Record<string, string> = { ':7070': `127.0.0.1:${ports.s3}`, '/data': data };
  const args = command.map((word) => near[word] ?? word);
  const program = start([binary('SEAWALL_VERSITYGW', 'versitygw'), ...args], environment, volumes);
  const health = healthcheck?.test.at(-1)?.replace(':7070', `:${ports.s3}`) ?? '';
  const answers = async (): Promise<void> => {
    if (!(await fetch(health)).ok) throw new Error(`${health} is not healthy:\n${program.output()}`);
  };
  await vi.waitFor(answers, { timeout: 15_000 });
  return program;
}

function environmentOf(name: string): Record<string, string> {
  const near: Record<string, string> = {
    'temporal:7233': temporal.address,
    'http://s3:7070': `http://127.0.0.1:${ports.s3}`,
    '0.0.0.0': '127.0.0.1',
  };
  const given = Object.entries(service(name).environment ?? {}).map(([key, value]) => [key, near[value] ?? value]);
  return {
    ...image.environment,
    SEAWALL_HOME: join(volumes, name),
    ...(Object.fromEntries(given) as Record<string, string>),
    ...(name === 'serving' ? { SEAWALL_SERVING_PORT: String(ports.serving) } : {}),
  };
}

const startService = (name: string): Program =>
  start([...image.entrypoint, ...(service(name).command ?? [])], environmentOf(name), image.workdir);

async function isHealthy(name: string): Promise<{ code: number | string; output: string }> {
  const [, ...command] = service(name).healthcheck?.test ?? [];
  const check = start(command.map(image.at), environmentOf(name), image.workdir);
  return { code: await check.ended, output: check.output() };
}

async function initialise(): Promise<Program> {
  const init = startService('init');
  expect(await init.ended, init.output()).toBe(0);
  return init;
}

describe("docker-compose.yml's own services on the loopback", () => {
  it('init makes namespace, search attributes and bucket, and finds nothing to do the second time', async () => {
    const before = start([...image.entrypoint, 'doctor'], environmentOf('init'), image.workdir);
    expect(await before.ended).toBe(1);
    expect(before.output()).toMatch(/FAIL\s+namespace\s+seawall does not exist/);
    const first = await initialise();
    expect(first.output()).toMatch(/ok\s+search attributes\s+all there/);
    expect(first.output()).toMatch(/ok\s+conditional writes/);
    await initialise();
  }, 180_000);

  it('every other one becomes ready and healthy, and leaves in time and without error on SIGTERM', async () => {
    await initialise();
    for (const [name] of daemons) expect((await isHealthy(name)).code, `${name} before its start`).toBe(1);
    const programs = daemons.map(([name]) => ({ name, program: startService(name) }));
    await Promise.all(programs.map(({ program }) => program.prints('"ready":true')));
    for (const { name } of programs) {
      const { code, output } = await isHealthy(name);
      expect(code, `${name}: ${output}`).toBe(0);
    }
    expect((await initialise()).output()).toMatch(/ok\s+gpu worker\s+.*polls gpu\/default/);
    await Promise.all(
      programs.map(async ({ name, program }) => {
        const since = performance.now();
        program.child.kill('SIGTERM');
        expect(await program.ended, `${name}:\n${program.output()}`).toBe(0);
        expect((performance.now() - since) / 1000, name).toBeLessThan(seconds(service(name).stop_grace_period));
      }),
    );
    for (const { name } of programs) expect((await isHealthy(name)).code, `${name} after its end`).toBe(1);
    expect(s3.child.exitCode).toBeNull();
  }, 300_000);
});
