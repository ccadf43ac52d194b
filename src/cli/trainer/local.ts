/** `seawall train local`: what a run fetches, trains and first looks at, on this machine and without Temporal. */
import { mkdir, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { chooseDevice, trainerFailures } from '../../activities/train.js';
import { removeTree } from '../../activities/work-folders.js';
import { createDatasetCache } from '../../adapters/dataset-cache.js';
import { scanFolder } from '../../adapters/dataset-folder.js';
import { type DatasetFile, splitHoldout } from '../../adapters/duckdb/index.js';
import { createScorer } from '../../adapters/onnx/scoring.js';
import { allowedEnvironment, resolveTrainer, runTrainer, type TrainerResult } from '../../adapters/trainer/index.js';
import { type ModelConfig, SeawallError } from '../../contracts/index.js';
import { measure } from '../../domain/evaluation/performance.js';
import { findDevices } from '../../workers/devices.js';
import { packageRoot } from '../../workers/package-root.js';
import type { CommandContext, CommandHandler } from '../command.js';
import { resolveVersion, short, versionArgument } from '../dataset/arguments.js';
import { untilSignalled } from '../lifetime.js';
import { textOption, usageError, withStore } from '../store-context.js';
import { configOf } from './config.js';

/** Nobody else watches this trainer: its guard waits as long for this process as for a busy worker. */
const HEARTBEAT_TIMEOUT_MS = 20_000;

interface Prepared {
  /** A folder, or `name@version`. */
  from: string;
  trainDir: string;
  holdoutFile: string;
  trainRows: number;
  holdoutRows: number;
}

export const trainLocal: CommandHandler = async (context) => {
  const config = await configOf(context, context.args[0]);
  if (!config) throw usageError(context, 'name a model in storage, or give its file: --config FILE');
  const out = resolve(
    context.cwd,
    textOption(context, 'out') ?? join(context.localConfig().homeDir, 'local', config.name),
  );
  const { signal } = untilSignalled();
  const data = await prepare(context, config, join(out, 'data'), signal);
  context.output.progress(`${data.from}: ${data.trainRows} rows to learn from, ${data.holdoutRows} held out`);
  const device = chooseDevice(config.trainer.device, await findDevices());
  const result = await train(context, config, { out, device, dataDir: data.trainDir, signal });
  if (result.kind !== 'done') throw failureOf(result, out);
  const judged = await judge(config, result, { out, holdoutFile: data.holdoutFile, signal });
  const { from, trainRows, holdoutRows } = data;
  const { model, seconds } = result;
  const document = { model: config.name, data: from, trainRows, holdoutRows, device, seconds, file: model, ...judged };
  context.output.print(document, () => [
    `${model}: trained in ${seconds.toFixed(1)} s on ${device}, ${judged.servable.bytes} bytes, can serve`,
    `on ${holdoutRows} held-out rows: ${numbersOf(judged.performance)}`,
  ]);
};

async function prepare(
  context: CommandContext,
  config: ModelConfig,
  folder: string,
  signal: AbortSignal,
): Promise<Prepared> {
  await removeTree(folder);
  const source = join(folder, 'source');
  const [trainDir, holdoutFile] = [join(folder, 'train'), join(folder, 'holdout.parquet')];
  const { files, from } = await filesOf(context, config, source, signal);
  const { dataset, holdout, features, label } = config;
  const columns = [...features.map(({ name }) => name), label.column];
  const rule = { rowId: dataset.rowId, fraction: holdout.hashFraction, columns };
  const rows = await splitHoldout({ tempDir: join(folder, 'scratch') }, files, rule, trainDir, holdoutFile);
  await removeTree(source);
  return { from, trainDir, holdoutFile, ...rows };
}

/** A folder as it lies there, or a version's files, linked from this machine's cache. */
async function filesOf(
  context: CommandContext,
  config: ModelConfig,
  source: string,
  signal: AbortSignal,
): Promise<{ from: string; files: DatasetFile[] }> {
  const given = textOption(context, 'data');
  const folder = given === undefined ? undefined : resolve(context.cwd, given);
  if (folder !== undefined && (await stat(folder).catch(() => undefined))?.isDirectory()) {
    const { files } = await scanFolder(folder);
    return { from: folder, files: files.map(({ path }) => ({ path, local: join(folder, path) })) };
  }
  const wanted = versionArgument(context, given ?? config.dataset.name);
  const { homeDir: home, cacheBytes: limitBytes } = context.localConfig();
  return withStore(context, async (store) => {
    const version = await resolveVersion(store, wanted);
    const { files } = await store.datasets.manifest(wanted.name, version);
    await createDatasetCache({ home, limitBytes, blobs: store.blobs }).tree(files, source, { signal });
    const from = `${wanted.name}@${short(version)}`;
    return { from, files: files.map(({ path }) => ({ path, local: join(source, path) })) };
  });
}

async function train(
  context: CommandContext,
  { name, trainer, features, label, task, classes }: ModelConfig,
  { out, device, dataDir, signal }: { out: string; device: string; dataDir: string; signal: AbortSignal },
): Promise<TrainerResult> {
  const { pythons, childEnv } = context.localConfig();
  const modelDir = join(out, 'model');
  await rm(modelDir, { recursive: true, force: true });
  const tell = (line: string): void => context.output.progress(line);
  return runTrainer({
    ...{ dataDir, modelDir, device, signal, cwd: context.cwd },
    argv: resolveTrainer(trainer.run, { ...pythons, trainersDir: join(packageRoot, 'trainers') }),
    env: allowedEnvironment(childEnv),
    checkpointDir: join(out, 'checkpoints'),
    attemptId: `local/${process.pid}/${name}/0/1`,
    params: {
      ...{ params: trainer.params, features, label: { column: label.column } },
      ...{ task, ...(classes && { classes }), seed: trainer.seed },
    },
    logFile: join(out, 'trainer.log'),
    graceMs: trainer.graceMs,
    timeoutMs: trainer.timeoutMs,
    heartbeatTimeoutMs: HEARTBEAT_TIMEOUT_MS,
    onProgress: ({ progress, step, loss }) =>
      tell(
        `${(100 * progress).toFixed(0).padStart(3)} %${step === undefined ? '' : `, step ${step}`}${loss === undefined ? '' : `, loss ${loss.toPrecision(4)}`}`,
      ),
    onLog: tell,
  });
}

function failureOf(result: Exclude<TrainerResult, { kind: 'done' }>, out: string): SeawallError {
  if (result.kind === 'failed') {
    const next = `${result.next} Its whole output is in ${join(out, 'trainer.log')}.`;
    return new SeawallError(trainerFailures[result.failure], result.message, next);
  }
  const next = `The same command goes on from what lies in ${join(out, 'checkpoints')}.`;
  return new SeawallError('TrainerTemporary', 'The training was interrupted', next);
}

/** As evaluation begins: can it serve, does it say what its trainer said, how well does it do on rows it never saw. */
async function judge(
  { features, label, task, classes }: ModelConfig,
  { model, parity }: Extract<TrainerResult, { kind: 'done' }>,
  { out, holdoutFile, signal }: { out: string; holdoutFile: string; signal: AbortSignal },
) {
  const workDir = join(out, 'scoring');
  await rm(workDir, { recursive: true, force: true });
  await mkdir(workDir, { recursive: true });
  try {
    const { answers, servable } = await createScorer().score({
      ...{ subject: 'the model', modelFile: model, rowsFile: holdoutFile, features },
      ...{ answering: { task, ...(classes && { classes }) }, labelColumn: label.column },
      ...{ workDir, parityFile: parity, withRows: null, signal },
    });
    return { servable, performance: measure(answers) };
  } finally {
    await rm(workDir, { recursive: true, force: true });
  }
}

function numbersOf(performance: object): string {
  return Object.entries(performance)
    .flatMap(([name, value]) => (typeof value === 'number' ? [`${name} ${value.toPrecision(4)}`] : []))
    .join(', ');
}
