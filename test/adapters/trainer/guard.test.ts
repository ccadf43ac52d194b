import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { runs, shell, trainerOptions, untilGone } from './harness.js';

const HEARTBEAT_TIMEOUT_MS = 2000;
/** Looking at processes takes a moment, too, on a busy machine. */
const SLACK_MS = 500;
const worker = fileURLToPath(new URL('fixtures/worker.mjs', import.meta.url));

/** A worker process with a trainer and the trainer's child, all alive. */
async function startWorker(): Promise<{ workerPid: number; trainerPids: number[]; lines: AsyncIterator<string> }> {
  const argv = shell('trap "" TERM; sleep 300 & echo $! $$ $PPID; wait');
  const options = trainerOptions({ argv, heartbeatTimeoutMs: HEARTBEAT_TIMEOUT_MS });
  const child = spawn(process.execPath, [worker, JSON.stringify(options)], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const first = (await lines.next()) as IteratorYieldResult<string>;
  const trainerPids = first.value.split(' ').map(Number);
  expect(await Promise.all(trainerPids.map(runs))).toEqual([true, true, true]);
  return { workerPid: child.pid as number, trainerPids, lines };
}

test('a worker killed by SIGKILL leaves no trainer behind', async () => {
  const { workerPid, trainerPids } = await startWorker();
  process.kill(workerPid, 'SIGKILL');
  const times = await Promise.all(trainerPids.map(untilGone));
  // The pipe closes with the worker: much sooner than by silence.
  expect(Math.max(...times)).toBeLessThan(HEARTBEAT_TIMEOUT_MS / 2);
});

test('a worker stopped by SIGSTOP loses its trainer within half the heartbeat timeout, and says so when it goes on', async () => {
  const { workerPid, trainerPids, lines } = await startWorker();
  process.kill(workerPid, 'SIGSTOP');
  const times = await Promise.all(trainerPids.map(untilGone));
  expect(Math.max(...times)).toBeLessThan(HEARTBEAT_TIMEOUT_MS / 2 + SLACK_MS);
  process.kill(workerPid, 'SIGCONT');
  const last = (await lines.next()) as IteratorYieldResult<string>;
  const result = JSON.parse(last.value.replace('result ', '')) as object;
  expect(result).toMatchObject({ failure: 'killed', message: expect.stringContaining('was silent') });
});

test('a trainer lives on as long as its worker beats', async () => {
  const { trainerPids, lines } = await startWorker();
  const ended = lines.next();
  const quiet = new Promise((resolve) => setTimeout(resolve, HEARTBEAT_TIMEOUT_MS * 1.5, 'still running'));
  expect(await Promise.race([ended, quiet])).toBe('still running');
  expect(await Promise.all(trainerPids.map(runs))).toEqual([true, true, true]);
  process.kill(trainerPids[1] as number, 'SIGKILL');
  expect(((await ended) as IteratorYieldResult<string>).value).toContain('"signal":"SIGKILL"');
});
