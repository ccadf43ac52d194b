/** `seawall trainer check -- CMD…`: for people who write trainers. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type CheckedTrainer, checkTrainer, makeSample, type Point } from '../../adapters/trainer/check/index.js';
import { allowedEnvironment, resolveTrainer } from '../../adapters/trainer/index.js';
import {
  DURATION_RULE,
  type Feature,
  type FeatureType,
  type ModelConfig,
  parseDurationMs,
  type Task,
} from '../../contracts/index.js';
import { packageRoot } from '../../workers/package-root.js';
import type { CommandContext, CommandHandler } from '../command.js';
import { countOption, textOption, usageError } from '../store-context.js';
import { configOf } from './config.js';

/** Exit code 1 when a point fails without which a run cannot go well. */
export const trainerCheck: CommandHandler = async (context) => {
  const config = await configOf(context, textOption(context, 'model'));
  const trainer = trainerOf(context, config);
  const root = await mkdtemp(join(tmpdir(), 'seawall-trainer-check-'));
  const own = textOption(context, 'data');
  const dataDir = own === undefined ? undefined : resolve(context.cwd, own);
  const rows = countOption(context, 'rows', '--rows') ?? 4000;
  let points: Point[] = [];
  const keep = context.options['keep'] === true;
  try {
    const sample = await makeSample({ ...trainer, dataDir, rows, root });
    const onStart = (what: string): void => context.output.progress(`… ${what}`);
    points = await checkTrainer({ trainer, sample, root, onStart });
  } finally {
    if (!keep) await rm(root, { recursive: true, force: true });
  }
  const ok = !points.some(({ verdict, required }) => required && verdict === 'fail');
  const document = { ok, command: trainer.argv, task: trainer.answering.task, points, folder: keep ? root : null };
  context.output.print(document, () => [
    ...lines(points, context),
    summary(points),
    ...(keep ? [`Kept: ${root}`] : []),
  ]);
  return ok ? 0 : 1;
};

function trainerOf(context: CommandContext, config: ModelConfig | undefined): CheckedTrainer {
  const { pythons, childEnv } = context.localConfig();
  const run = context.args.length > 0 ? { command: context.args } : config?.trainer.run;
  if (!run) throw usageError(context, 'name the trainer: seawall trainer check -- PROGRAM ARGUMENT…, or --config FILE');
  const params = textOption(context, 'params');
  return {
    argv: resolveTrainer(run, { ...pythons, trainersDir: join(packageRoot, 'trainers') }),
    cwd: context.cwd,
    env: allowedEnvironment(childEnv),
    ...(config ? learningOf(config) : learningFromOptions(context)),
    params: params === undefined ? (config?.trainer.params ?? {}) : parseParams(context, params),
    seed: config?.trainer.seed ?? 7,
    device: textOption(context, 'device') ?? 'cpu',
    graceMs: durationOption(context, 'grace') ?? config?.trainer.graceMs ?? 20_000,
    timeoutMs: durationOption(context, 'timeout') ?? 600_000,
  };
}

type Learning = Pick<CheckedTrainer, 'features' | 'label' | 'answering'>;

const learningOf = ({ features, label, task, classes }: ModelConfig): Learning => ({
  features,
  label: label.column,
  answering: { task, ...(classes && { classes }) },
});

function learningFromOptions(context: CommandContext): Learning {
  const task = textOption(context, 'task') as Task;
  if (!['binary', 'multiclass', 'regression'].includes(task)) {
    throw usageError(context, '--task is binary, multiclass or regression');
  }
  const classes = (textOption(context, 'classes') ?? 'low,middle,high').split(',');
  return {
    features: parseFeatures(context, textOption(context, 'features') ?? 'amount:float32,hour:int64,place:string'),
    label: textOption(context, 'label') ?? 'label',
    answering: { task, ...(task === 'multiclass' && { classes }) },
  };
}

function parseFeatures(context: CommandContext, list: string): Feature[] {
  return list.split(',').map((entry) => {
    const [, name, type] = /^([A-Za-z][A-Za-z0-9_.-]*):(float32|int64|string)$/.exec(entry.trim()) ?? [];
    if (name === undefined)
      throw usageError(context, `--features: "${entry}" is not name:float32, name:int64 or name:string`);
    return { name, type: type as FeatureType };
  });
}

function parseParams(context: CommandContext, text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (value !== null && typeof value === 'object' && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // Said below.
  }
  throw usageError(context, '--params takes a JSON object');
}

function durationOption(context: CommandContext, name: string): number | undefined {
  const text = textOption(context, name);
  if (text === undefined) return undefined;
  const ms = parseDurationMs(text);
  if (ms === undefined) throw usageError(context, `--${name}: ${DURATION_RULE}`);
  return ms;
}

function lines(points: Point[], { output: { color } }: CommandContext): string[] {
  const width = Math.max(...points.map(({ title }) => title.length));
  return points.flatMap(({ verdict, required, title, seen, next }) => {
    const mark = {
      pass: color.green('pass'),
      fail: required ? color.red('FAIL') : color.yellow('fail'),
      notJudged: color.dim('  – '),
    }[verdict];
    const indent = ' '.repeat(6);
    const more = seen.split('\n');
    return [
      `${mark}  ${title.padEnd(width)}  ${more[0]}`,
      ...more.slice(1).map((line) => `${indent}${line}`),
      ...(next === undefined ? [] : [`${indent}${color.dim(next)}`]),
    ];
  });
}

function summary(points: Point[]): string {
  const count = (choose: (point: Point) => boolean): number => points.filter(choose).length;
  const failed = count(({ verdict, required }) => verdict === 'fail' && required);
  const advised = count(({ verdict, required }) => verdict === 'fail' && !required);
  const passed = count(({ verdict }) => verdict === 'pass');
  return `${passed} hold, ${failed} fail (FAIL: a run cannot go well), ${advised} could be better, ${count(({ verdict }) => verdict === 'notJudged')} not judged`;
}
