import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { describe, expect, onTestFinished, test } from 'vitest';
import { sweepStrays } from '../../../src/adapters/trainer/index.js';
import { runs, shell } from './harness.js';

const namespace = `sweep-${process.pid}`;

/** Starts a shell script in its own session with SEAWALL_ATTEMPT; resolves with the numbers on its first line. */
async function start(script: string, attemptId: string): Promise<number[]> {
  const [program, ...rest] = shell(script) as [string, ...string[]];
  const env = { PATH: process.env['PATH'], SEAWALL_ATTEMPT: attemptId };
  const child = spawn(program, rest, { env, detached: true, stdio: ['ignore', 'pipe', 'ignore'] });
  const line = await new Promise<string>((resolve) => createInterface({ input: child.stdout }).once('line', resolve));
  const pids = line.split(' ').map(Number);
  onTestFinished(() => {
    for (const pid of pids) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // Gone already, as it should be.
      }
    }
  });
  return pids;
}

describe.runIf(process.platform === 'linux')('sweepStrays', () => {
  test("kills this worker's processes wherever they went, and nobody else's", async () => {
    const own = `${namespace}/gpu-1/flights/3/1`;
    const inGroup = await start('sleep 300 & echo $! $$; wait', own);
    // Left its group, and its parent has ended.
    const [detached] = (await start(`setsid sh -c 'echo $$; exec sleep 300' &`, own)) as [number];
    // Cleared its environment, but stayed in a group that we lead.
    const cleared = await start('env -i sleep 300 & echo $! $$; wait', own);
    const others = [
      ...(await start('echo $$; exec sleep 300', `${namespace}/gpu-10/flights/3/1`)),
      ...(await start('echo $$; exec sleep 300', `${namespace}-b/gpu-1/flights/3/1`)),
      ...(await start('echo $$; exec sleep 300', 'unrelated')),
    ];
    const ours = [...inGroup, detached, ...cleared];
    expect(await Promise.all(ours.map(runs))).toEqual(ours.map(() => true));

    const killed = await sweepStrays({ namespace, workerId: 'gpu-1' });

    expect(await Promise.all(ours.map(runs))).toEqual(ours.map(() => false));
    expect(await Promise.all(others.map(runs))).toEqual([true, true, true]);
    expect(killed).toContainEqual({ pid: detached, attemptId: own, command: 'sleep 300' });
    expect(killed.every((stray) => stray.attemptId === own)).toBe(true);
    expect(await sweepStrays({ namespace, workerId: 'gpu-1' })).toEqual([]);
  });

  test('kills a process that is stopped', async () => {
    const [pid] = (await start('echo $$; exec sleep 300', `${namespace}/gpu-2/flights/1/1`)) as [number];
    process.kill(pid, 'SIGSTOP');
    expect((await sweepStrays({ namespace, workerId: 'gpu-2' })).map((stray) => stray.pid)).toEqual([pid]);
    expect(await runs(pid)).toBe(false);
  });
});
