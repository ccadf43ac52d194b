/** Shared by the tests of the trainer adapter: places on disk, small trainers, and looking at processes. */
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll } from 'vitest';
import { allowedEnvironment } from '../../../src/adapters/trainer/index.js';
import type { RunTrainerOptions } from '../../../src/adapters/trainer/index.js';

const folders: string[] = [];
afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

/** A folder that goes away after the file's tests. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'seawall-trainer-'));
  folders.push(folder);
  return folder;
}

let attempts = 0;

/** Options for one start in fresh folders; `overrides` win. */
export function trainerOptions(overrides: Partial<RunTrainerOptions> & { argv: readonly string[] }): RunTrainerOptions {
  const root = temporaryFolder();
  mkdirSync(join(root, 'data'));
  return {
    cwd: root,
    env: allowedEnvironment(process.env),
    dataDir: join(root, 'data'),
    modelDir: join(root, 'model'),
    checkpointDir: join(root, 'checkpoints'),
    params: { seed: 7 },
    device: 'cpu',
    attemptId: `test-${process.pid}/worker/flights/1/${++attempts}`,
    logFile: join(root, 'trainer.log'),
    graceMs: 5000,
    timeoutMs: 60_000,
    heartbeatTimeoutMs: 10_000,
    signal: new AbortController().signal,
    onProgress: () => undefined,
    ...overrides,
  };
}

/** argv of a trainer written in shell. */
export const shell = (script: string): string[] => ['/bin/sh', '-c', script];

/** True while the process runs (a zombie does not). */
export async function runs(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  return stat !== undefined && !/\) [ZX] /.test(stat);
}

/** Milliseconds until the process has ended. */
export async function untilGone(pid: number): Promise<number> {
  const from = performance.now();
  while (await runs(pid)) await sleep(10);
  return performance.now() - from;
}

/** The interpreter with the trainers' packages. */
export function trainersPython(): string {
  const python = process.env['SEAWALL_PYTHON'] ?? join(process.cwd(), '.seawall/venv/bin/python');
  if (!existsSync(python)) throw new Error(`${python} is missing; npm test makes it, or set SEAWALL_PYTHON`);
  return python;
}
