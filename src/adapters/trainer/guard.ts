/**
 * The guard: a small process that leads the trainer's process group, so that no trainer outlives its worker.
 *
 *     node guard.js <heartbeatTimeoutMs> <graceMs> <program> [argument…]
 *
 * It is started detached (leader of a session and a group of its own) with the trainer's environment and folder, and
 * starts the trainer in its group. When the worker's pipe closes or stays silent, it sends SIGKILL to the whole group
 * at once. It ends by killing its group in every case: what a trainer leaves running must not stay.
 */
import { spawn } from 'node:child_process';
import { writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { GUARD_FDS, guardWords, silenceLimitMs } from './guard-protocol.js';
import type { GuardReport } from './guard-protocol.js';

const [heartbeatTimeoutMs, graceMs] = process.argv.slice(2, 4).map(Number) as [number, number];
const [program, ...programArguments] = process.argv.slice(4) as [string, ...string[]];

function report(message: GuardReport): void {
  try {
    // Synchronous: the next act of this process may be its end.
    writeSync(GUARD_FDS.toWorker, `${JSON.stringify(message)}\n`);
  } catch {
    // The worker is gone; nobody is left to tell.
  }
}

function endGroup(): void {
  process.kill(-process.pid, 'SIGKILL');
}

function watchWorker(onStop: () => void): void {
  const limitMs = silenceLimitMs(heartbeatTimeoutMs);
  let lastBeatAt = performance.now();
  const silent = (): boolean => performance.now() - lastBeatAt >= limitMs;
  const killFor = (why: 'silence' | 'workerGone'): void => {
    report({ event: 'killing', why });
    endGroup();
  };
  const socket = new Socket({ fd: GUARD_FDS.fromWorker, readable: true, writable: false });
  socket.on('error', () => killFor('workerGone'));
  socket.on('close', () => killFor('workerGone'));
  createInterface({ input: socket }).on('line', (line) => {
    lastBeatAt = performance.now();
    if (`${line}\n` === guardWords.stop) onStop();
  });
  // Timers run before input: after a pause of the whole machine, beats may lie unread. One more turn reads them.
  const look = (): void => {
    if (silent()) setImmediate(() => setImmediate(() => silent() && killFor('silence')));
  };
  setInterval(look, Math.max(5, limitMs / 20));
}

const trainer = spawn(program, programArguments, { stdio: ['ignore', 'inherit', 'inherit'] });

let stopping = false;
function stop(): void {
  if (stopping) return;
  stopping = true;
  trainer.kill('SIGTERM');
  setTimeout(() => {
    report({ event: 'killing', why: 'graceOver' });
    endGroup();
  }, graceMs);
}

trainer.on('spawn', () => report({ event: 'started', pid: trainer.pid as number }));
trainer.on('error', (error: NodeJS.ErrnoException) => {
  // Also emitted when a signal could not be sent; only a trainer that never lived is an end.
  if (trainer.pid !== undefined) return;
  report({ event: 'notStarted', code: error.code ?? 'unknown', message: error.message });
  endGroup();
});
trainer.on('exit', (code, signal) => {
  report({ event: 'exited', code, signal });
  endGroup();
});

watchWorker(stop);
// A service manager may signal every process at once: the guard stays, to report how its trainer ended.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, stop);
