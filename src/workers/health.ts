/**
 * How a worker tells its container's health check how it is: a worker has no port to ask, so it writes a small file. Temporal
 * being away does not make it unhealthy: restarting the worker would not bring Temporal back.
 */
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { WorkerStatus } from '@temporalio/worker';

const EVERY_MS = 5_000;
/** Several reports missed: the event loop is blocked, or the process is gone. */
const STALE_AFTER_MS = 30_000;

type Status = Pick<WorkerStatus, 'runState' | 'workflowPollerState' | 'activityPollerState'>;
type Report = Status & { at: string; pid: number };

export const healthFile = (homeDir: string, worker: 'loop' | 'gpu'): string =>
  join(homeDir, 'health', `${worker}.json`);

/** Writes `worker`'s state to `path` now and then; the function returned ends that, and removes the file. */
export function reportHealth(worker: { getStatus(): Status }, path: string): () => Promise<void> {
  let writing = write(worker.getStatus(), path);
  const timer = setInterval(() => {
    writing = writing.then(() => write(worker.getStatus(), path));
  }, EVERY_MS);
  timer.unref();
  return async () => {
    clearInterval(timer);
    await writing;
    await rm(path, { force: true }).catch(() => undefined); // an old report is unhealthy soon enough
  };
}

async function write(status: Status, path: string): Promise<void> {
  const { runState, workflowPollerState, activityPollerState } = status;
  const at = new Date().toISOString();
  const report: Report = { at, pid: process.pid, runState, workflowPollerState, activityPollerState };
  const draft = `${path}.${process.pid}`;
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(draft, JSON.stringify(report));
    await rename(draft, path);
  } catch {
    // A full disk must not end the worker: the file grows old, and that is what the check sees.
  }
}

/** What the newest report says: healthy when it is recent, the worker runs and no poller has failed. */
export async function readHealth(path: string, nowMs = Date.now()): Promise<{ healthy: boolean; found: string }> {
  let report: Report;
  try {
    report = JSON.parse(await readFile(path, 'utf8')) as Report;
  } catch {
    return { healthy: false, found: `no report at ${path}: the worker has not started yet, or has ended` };
  }
  const ageMs = nowMs - Date.parse(report.at);
  const { runState, workflowPollerState, activityPollerState } = report;
  const found = `worker ${runState}, workflow poller ${workflowPollerState}, activity poller ${activityPollerState}, ${Math.round(ageMs / 1000)} s ago`;
  const working = runState === 'RUNNING' && workflowPollerState !== 'FAILED' && activityPollerState !== 'FAILED';
  return { healthy: working && ageMs < STALE_AFTER_MS, found };
}
