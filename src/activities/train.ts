/** Train: one attempt of a trainer on this host, under heartbeat, with nothing of it left behind. */
import { randomUUID } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Context } from '@temporalio/activity';
import {
  type FailureType,
  keys,
  type RunPlan,
  SeawallError,
  type TrainedModel,
  type TrainerConfig,
  type TrainInput,
  type TrainProgress,
} from '../contracts/index.js';
import { beginUse, endUse } from './fleet/use.js';
import { beating } from './heartbeat.js';
import type { Materialize } from './materialize.js';
import { keepLog, withLiveLog } from './live-log.js';
import { patient, waitingOut } from './outage.js';
import type { BlobStore, FileStore, JsonStore } from './ports.js';
import { readPlan } from './run.js';
import { findTrained, keepTrained, type Trained } from './trained.js';
import { runFolder } from './work-folders.js';

export interface TrainerStart {
  argv: string[];
  dataDir: string;
  /** Fresh for every attempt. */
  modelDir: string;
  /** Kept across the attempts of a run on this host. */
  checkpointDir: string;
  device: string;
  /** `<namespace>/<workerId>/<model>/<n>/<attempt>` */
  attemptId: string;
  /** Becomes `SEAWALL_PARAMS`. */
  params: unknown;
  logFile: string;
  graceMs: number;
  timeoutMs: number;
  heartbeatTimeoutMs: number;
  signal: AbortSignal;
  onProgress(progress: { progress: number; step?: number; loss?: number }): void;
}

export type TrainerFailureKind =
  'badData' | 'badParameters' | 'temporary' | 'outOfMemory' | 'killed' | 'timedOut' | 'noModel' | 'crashed';
/** How a trainer ended. When one of these is there, no process of the attempt runs any more. */
export type TrainerEnd =
  | { kind: 'done'; seconds: number; model: string; /** null: it wrote none. */ parity: string | null }
  | { kind: 'failed'; failure: TrainerFailureKind; message: string; next: string; lastLines: string[] }
  | { kind: 'cancelled' };

export interface Trainer {
  /** The configured trainer's argv. Throws `NotFound` when this host lacks it. */
  resolve(run: TrainerConfig['run']): string[];
  run(start: TrainerStart): Promise<TrainerEnd>;
}

export interface TrainPorts {
  json: JsonStore;
  blobs: BlobStore;
  files: FileStore;
  materialize: Materialize;
  trainer: Trainer;
  /** The devices of this host, as `cuda:0`. */
  devices: () => { cuda: string[] } | Promise<{ cuda: string[] }>;
  home: string;
  namespace: string;
  workerId: string;
}

export type TrainActivities = ReturnType<typeof createTrainActivities>;

/** Used where the activity has no heartbeat timeout: the guard still wants to know when its worker is gone. */
const DEFAULT_HEARTBEAT_TIMEOUT_MS = 20_000;

export function createTrainActivities(ports: TrainPorts) {
  return {
    /**
     * Trains the plan's challenger and stores it; an outage of storage is waited out. A model that an earlier attempt has trained on
     * this host and could not store is stored now. Cancelled: the trainer is stopped, and only when it is gone this rejects.
     * @throws SeawallError the trainer's way to fail (`BadData`, `OutOfMemory`, …), `NoDevice`, and those of fetching
     */
    async trainModel(input: TrainInput): Promise<TrainedModel> {
      const { workerId } = ports;
      let progress: TrainProgress = { progress: null, step: null, loss: null, workerId };
      const onProgress: TrainerStart['onProgress'] = (now) => {
        progress = { progress: now.progress, step: now.step ?? null, loss: now.loss ?? null, workerId };
      };
      return beating(
        () => progress,
        (signal) => trainOnce(ports, input, signal, onProgress),
      );
    },
  };
}

async function trainOnce(
  ports: TrainPorts,
  { model, n, attempt }: TrainInput,
  signal: AbortSignal,
  onProgress: TrainerStart['onProgress'],
): Promise<TrainedModel> {
  const plan = await readPlan(patient(ports.json, signal), model, n);
  const folder = runFolder(ports.home, ports.namespace, plan);
  const attempts = join(folder, 'attempts');
  const earlier = await findTrained(attempts, plan);
  if (earlier) return store(ports, earlier, signal);
  const device = chooseDevice(plan.config.trainer.device, (await ports.devices()).cuda);
  const argv = ports.trainer.resolve(plan.config.trainer.run);
  const { dataDir } = await ports.materialize(plan, { signal, onProgress: () => undefined });
  // A name of its own: a model of an earlier attempt must not be taken for this one's.
  const attemptDir = join(attempts, `${attempt}-${randomUUID()}`);
  // Stays on the host: the trainer's failure names it, and storage may be away.
  const logFile = join(folder, 'logs', `trainer-${attempt}.log`);
  const start = { ...startOf(ports, plan, attempt), argv, dataDir, device, logFile, signal, onProgress };
  const places = { modelDir: join(attemptDir, 'model'), checkpointDir: join(folder, 'checkpoints') };
  for (const place of [...Object.values(places), dirname(logFile)]) await mkdir(place, { recursive: true });
  const log = { key: keys.trainerLog(model, n, attempt), file: logFile };
  const use = await beginUse(patient(ports.json, signal), { model, n, attempt, device });
  const beganMs = Date.now();
  const end = await withLiveLog(ports.files, log, () => ports.trainer.run({ ...start, ...places }));
  const usedSeconds = (Date.now() - beganMs) / 1000;
  if (end.kind !== 'done') {
    await rm(attemptDir, { recursive: true, force: true });
    await endUse(ports.json, use, usedSeconds);
    throw failureOf(end, signal, await keepLog(ports, log));
  }
  const { model: file, parity, seconds } = end;
  const trained = { folder: attemptDir, model: file, parity, seconds, device, log };
  await keepTrained(trained, plan);
  await endUse(ports.json, use, usedSeconds);
  return store(ports, trained, signal);
}

/** Only what lies in storage is deleted here: hours of training must not end with a few seconds without a network. */
async function store(ports: TrainPorts, trained: Trained, signal: AbortSignal): Promise<TrainedModel> {
  const model = await waitingOut(signal, () => ports.blobs.putFile(trained.model));
  const { parity: file } = trained;
  const parity = file ? await waitingOut(signal, () => ports.blobs.putFile(file)) : undefined;
  await keepLog(ports, trained.log);
  await rm(trained.folder, { recursive: true, force: true });
  const { seconds: trainSeconds, device } = trained;
  return { workerId: ports.workerId, model, ...(parity && { parity }), trainSeconds, device };
}

function startOf({ namespace, workerId }: TrainPorts, { model, n, config }: RunPlan, attempt: number) {
  const { trainer, features, label, task, classes } = config;
  return {
    attemptId: `${namespace}/${workerId}/${model}/${n}/${attempt}`,
    params: {
      ...{ params: trainer.params, features, label: { column: label.column } },
      ...{ task, ...(classes && { classes }), seed: trainer.seed },
    },
    graceMs: trainer.graceMs,
    timeoutMs: trainer.timeoutMs,
    heartbeatTimeoutMs: Context.current().info.heartbeatTimeoutMs ?? DEFAULT_HEARTBEAT_TIMEOUT_MS,
  };
}

/** What the trainer gets of what the host has. @throws SeawallError `NoDevice` */
export function chooseDevice(wanted: TrainerConfig['device'], cuda: string[]): string {
  if (wanted === 'cpu') return 'cpu';
  const [first] = cuda;
  if (first !== undefined) return first;
  if (wanted === 'cudaOrCpu') return 'cpu';
  throw new SeawallError(
    'NoDevice',
    'The configuration asks for a CUDA device (trainer.device: cuda), and this host has none',
    'Start a worker of the pool on a host with a GPU, or set trainer.device to cudaOrCpu or cpu.',
  );
}

export const trainerFailures: Record<TrainerFailureKind, FailureType> = {
  badData: 'BadData',
  badParameters: 'BadParameters',
  temporary: 'TrainerTemporary',
  killed: 'TrainerTemporary',
  outOfMemory: 'OutOfMemory',
  timedOut: 'TrainerTimedOut',
  noModel: 'NoModel',
  crashed: 'TrainerCrashed',
};
const LINES_IN_MESSAGE = 5;

function failureOf(
  end: Exclude<TrainerEnd, { kind: 'done' }>,
  signal: AbortSignal,
  logKey: string | undefined,
): SeawallError {
  if (end.kind === 'cancelled') {
    // The reason is Temporal's own failure; without one the trainer was stopped by nobody we know.
    signal.throwIfAborted();
    return new SeawallError('TrainerTemporary', 'The trainer was stopped', 'It can be started again.');
  }
  const lines = end.lastLines.slice(-LINES_IN_MESSAGE).join('\n');
  const said = lines ? `The last lines of its output:\n${lines}` : 'It printed nothing.';
  const where = logKey ? `Its whole output is at ${logKey}.` : 'Its output could not be stored.';
  return new SeawallError(trainerFailures[end.failure], `${end.message}\n${said}`, `${end.next} ${where}`);
}
