/** One start of the trainer that is checked, with everything worth seeing about it. */
import { mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Answering, Feature } from '../../../contracts/index.js';
import type { TrainerResult } from '../outcome.js';
import type { TrainerProgress } from '../output.js';
import { runTrainer, type TrainerEnding } from '../run-trainer.js';

/** The trainer, and what it is asked to learn. */
export interface CheckedTrainer {
  argv: readonly string[];
  cwd: string;
  /** What it may have of this process's environment. */
  env: Record<string, string>;
  features: Feature[];
  label: string;
  answering: Answering;
  params: Record<string, unknown>;
  seed: number;
  device: string;
  graceMs: number;
  /** For one start. */
  timeoutMs: number;
}

/** SIGTERM (`stop`) or SIGKILL (`kill`), and when. */
export interface Interference {
  kind: 'stop' | 'kill';
  when: { at: 'progress' | 'checkpoint' } | { at: 'time'; afterMs: number };
}

export interface StartOptions {
  /** For the folders of this start. */
  name: string;
  root: string;
  dataDir: string;
  /** A folder of an earlier start; absent: its own, empty. */
  checkpointDir?: string;
  /** Beside or in place of the trainer's own. */
  params?: Record<string, unknown>;
  interference?: Interference;
}

export interface Started {
  result: TrainerResult;
  ending: TrainerEnding | undefined;
  /** Since the start. */
  ms: number;
  /** From the interference to the end; undefined: it came to no interference. */
  endedAfterMs: number | undefined;
  progress: (TrainerProgress & { atMs: number })[];
  modelDir: string;
  checkpointDir: string;
  /** Name, size and time of what lies in the folder of checkpoints, when it was interfered with and at the end. */
  checkpoints: { interfered: string[]; end: string[] };
}

const HEARTBEAT_TIMEOUT_MS = 10_000;
const LOOK_EVERY_MS = 5;

/** Starts it in fresh folders below `root`; resolves when nothing of it runs any more. */
export async function startTrainer(trainer: CheckedTrainer, options: StartOptions): Promise<Started> {
  const { name, root, dataDir, interference } = options;
  const folder = join(root, name);
  const modelDir = join(folder, 'model');
  const checkpointDir = options.checkpointDir ?? join(folder, 'checkpoints');
  for (const place of [modelDir, checkpointDir]) await mkdir(place, { recursive: true });
  const attemptId = `check/${process.pid}/trainer/1/${name}`;
  const signals = { stop: new AbortController(), kill: new AbortController() };
  const progress: Started['progress'] = [];
  const from = performance.now();
  let ending: TrainerEnding | undefined;
  const running = runTrainer({
    ...{ argv: trainer.argv, cwd: trainer.cwd, dataDir, modelDir, checkpointDir, attemptId },
    env: trainer.env,
    device: trainer.device,
    params: paramsOf(trainer, options.params),
    logFile: join(folder, 'trainer.log'),
    graceMs: trainer.graceMs,
    timeoutMs: trainer.timeoutMs,
    heartbeatTimeoutMs: HEARTBEAT_TIMEOUT_MS,
    signal: signals.stop.signal,
    killSignal: signals.kill.signal,
    onProgress: (line) => progress.push({ ...line, atMs: performance.now() - from }),
    onEnd: (end) => (ending = end),
  });
  const ended = new AbortController();
  const interfered = interference
    ? interfere(interference, { checkpointDir, progress, signals, ended: ended.signal })
    : Promise.resolve(undefined);
  const result = await running.finally(() => ended.abort());
  const ms = performance.now() - from;
  const at = await interfered;
  return {
    ...{ result, ending, ms, progress, modelDir, checkpointDir },
    endedAfterMs: at && performance.now() - at.atMs,
    checkpoints: { interfered: at?.checkpoints ?? [], end: await contents(checkpointDir) },
  };
}

function paramsOf(trainer: CheckedTrainer, params: Record<string, unknown> = {}): unknown {
  const { features, label, answering, seed } = trainer;
  return { params: { ...trainer.params, ...params }, features, label: { column: label }, ...answering, seed };
}

interface Running {
  checkpointDir: string;
  progress: unknown[];
  signals: Record<Interference['kind'], AbortController>;
  ended: AbortSignal;
}

/** undefined: it ended first. */
async function interfere(
  { kind, when }: Interference,
  { checkpointDir, progress, signals, ended }: Running,
): Promise<{ atMs: number; checkpoints: string[] } | undefined> {
  const isTime = async (): Promise<boolean> => {
    if (when.at === 'progress') return progress.length > 0;
    return (await contents(checkpointDir)).length > 0;
  };
  if (when.at === 'time') await sleep(when.afterMs, undefined, { signal: ended }).catch(() => undefined);
  else while (!ended.aborted && !(await isTime())) await sleep(LOOK_EVERY_MS);
  if (ended.aborted) return undefined;
  const checkpoints = await contents(checkpointDir);
  const atMs = performance.now();
  signals[kind].abort();
  return { atMs, checkpoints };
}

/** Every file that is not hidden and not empty, as `path size time`: what changes is another text. */
export async function contents(folder: string, skip: (name: string) => boolean = isHidden): Promise<string[]> {
  const found: string[] = [];
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    if (skip(entry.name)) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) found.push(...(await contents(path, skip)));
    else {
      const file = await stat(path).catch(() => undefined);
      if (file?.isFile() && file.size > 0) found.push(`${path} ${file.size} ${file.mtimeMs}`);
    }
  }
  return found.sort();
}

const isHidden = (name: string): boolean => name.startsWith('.');
