import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { healthFile, readHealth, reportHealth } from '../../src/workers/health.js';

type Status = ReturnType<Parameters<typeof reportHealth>[0]['getStatus']>;
const working: Status = { runState: 'RUNNING', workflowPollerState: 'POLLING', activityPollerState: 'POLLING' };

let home: string;
let end: (() => Promise<void>) | undefined;
beforeEach(async () => void (home = await mkdtemp(join(tmpdir(), 'seawall-health-'))));
afterEach(async () => {
  await end?.();
  end = undefined;
  await rm(home, { recursive: true, force: true });
});

/** Reports once; the first report is written at once, and `end` would take it away. */
async function reported(status: Status, nowMs?: number) {
  const path = healthFile(home, 'loop');
  end = reportHealth({ getStatus: () => status }, path);
  await expect.poll(() => readdir(join(home, 'health')).catch(() => [])).toEqual(['loop.json']);
  return readHealth(path, nowMs);
}

describe("a worker's health", () => {
  it('is good while it runs and polls, also when it has no workflows to poll for', async () => {
    expect(await reported(working)).toMatchObject({ healthy: true });
    await end?.();
    expect(await reported({ ...working, workflowPollerState: 'SHUTDOWN' })).toMatchObject({ healthy: true });
  });

  it('is bad before it starts, and after it has ended', async () => {
    const path = healthFile(home, 'loop');
    expect(await readHealth(path)).toMatchObject({ healthy: false, found: expect.stringContaining('not started') });
    await reported(working);
    await end?.();
    expect(await readHealth(path)).toMatchObject({ healthy: false });
  });

  it.each([
    ['a poller failed', { ...working, activityPollerState: 'FAILED' }],
    ['it is shutting down', { ...working, runState: 'DRAINING' }],
  ] as [string, Status][])('is bad when %s', async (_what, status) => {
    expect(await reported(status)).toMatchObject({ healthy: false });
  });

  it('is bad when it has said nothing for half a minute: blocked, or killed', async () => {
    expect(await reported(working, Date.now() + 20_000)).toMatchObject({ healthy: true });
    expect(await readHealth(healthFile(home, 'loop'), Date.now() + 31_000)).toMatchObject({ healthy: false });
  });

  it('costs the worker nothing where the report cannot be written', async () => {
    const notAFolder = join(home, 'file');
    await writeFile(notAFolder, '');
    end = reportHealth({ getStatus: () => working }, healthFile(notAFolder, 'loop'));
    await expect(end()).resolves.toBeUndefined();
  });
});
