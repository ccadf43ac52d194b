/** `seawall evaluate MODEL CHALLENGER.onnx --data FILE…`: the contest of a training run, by hand or in CI, without Temporal. */
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { keepHeldOut, mergeRows, sliceHoldout, writeBehaviourRows } from '../adapters/duckdb/index.js';
import { renderEvaluation } from '../adapters/evaluation-page.js';
import { parseModelConfig } from '../adapters/model-config.js';
import { createScorer } from '../adapters/onnx/scoring.js';
import type { Store } from '../adapters/store/index.js';
import { type Contest, holdContest, pageOf } from '../activities/contest.js';
import {
  type ConfigRevision,
  type EvaluationSummary,
  keys,
  MAX_MODEL_BYTES,
  type ModelConfig,
  type ReleaseRecord,
  type RunPlan,
  SeawallError,
} from '../contracts/index.js';
import type { CommandContext, CommandHandler } from './command.js';
import { textOption, usageError, withStore } from './store-context.js';
import { describeEvaluation } from './verdict.js';

interface Sides {
  config: ModelConfig;
  champion: { file: string; subject: string; features: ModelConfig['features'] } | null;
}

/** Exit code 1: refused. */
export const evaluate: CommandHandler = async (context) => {
  const { challenger, model, data } = readArguments(context);
  const folder = await mkdtemp(join(tmpdir(), 'seawall-evaluate-'));
  try {
    const { config, champion } = await sidesOf(context, model, folder);
    const { rowsFile, files } = await rowsOf(context, config, data, folder);
    const taking = [challenger, ...(champion ? [champion.file] : []), ...files];
    const digests = await Promise.all(taking.map(digestOf));
    const parity = textOption(context, 'parity');
    const contest = await holdContest(portsIn(folder), {
      ...{ config, rowsFile, champion, folder, withRows: null, seed: digests.join('/') },
      challenger: {
        file: challenger,
        subject: 'the challenger',
        parityFile: parity ? resolve(context.cwd, parity) : null,
      },
      signal: new AbortController().signal,
    });
    await writePage(context, config.name, contest);
    print(context, config, contest, { challenger: digests[0]!, champion: champion ? digests[1]! : null });
    return contest.promotion.promote ? 0 : 1;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};

function readArguments(context: CommandContext): { model: string | null; challenger: string; data: string[] } {
  const fromFile = textOption(context, 'config') !== undefined;
  const [first, second, ...more] = context.args;
  if (first === undefined || more.length > 0 || (second !== undefined) === fromFile) {
    const usage = 'seawall evaluate MODEL CHALLENGER.onnx, or seawall evaluate --config FILE CHALLENGER.onnx';
    throw usageError(context, `give ${usage}`);
  }
  const data = context.options['data'];
  if (!Array.isArray(data) || data.length === 0) throw usageError(context, 'give the rows to judge on: --data FILE…');
  // A champion that was forgotten would make anything better than the base rate a winner.
  if (fromFile && textOption(context, 'champion') === undefined)
    throw usageError(context, 'with --config say what to beat: --champion FILE, or --champion none for a first model');
  const challenger = resolve(context.cwd, second ?? first);
  return { model: fromFile ? null : first, challenger, data: data.map((file) => resolve(context.cwd, String(file))) };
}

async function sidesOf(context: CommandContext, model: string | null, folder: string): Promise<Sides> {
  const given = textOption(context, 'champion');
  const file = given === undefined || given === 'none' ? null : resolve(context.cwd, given);
  const path = textOption(context, 'config');
  if (model === null && path !== undefined) {
    const config = parseModelConfig(await readFile(resolve(context.cwd, path), 'utf8').catch(unreadable(path)), path);
    return { config, champion: file === null ? null : named(file, config) };
  }
  return withStore(context, async (store) => {
    const revision = await store.records.newest<ConfigRevision>(keys.configRevisions(model ?? ''));
    if (!revision) {
      const next = 'Look at `seawall status`, or give the configuration as a file: --config FILE';
      throw new SeawallError('NotFound', `The model ${model} has no stored configuration`, next);
    }
    const { config } = revision;
    if (file !== null) return { config, champion: named(file, config) };
    return { config, champion: given === 'none' ? null : await liveChampion(store, config, folder) };
  });
}

const named = (file: string, { features }: ModelConfig) => ({ file, subject: 'the champion', features });

async function liveChampion(store: Store, config: ModelConfig, folder: string): Promise<Sides['champion']> {
  const pointer = await store.pointers.read(config.name);
  if (!pointer) return null;
  const { release, sha256 } = pointer.champion;
  const file = join(folder, 'champion.onnx');
  await store.blobs.fetchTo(sha256, file);
  const record = await store.records.read<ReleaseRecord>(keys.releases(config.name), release);
  const plan = record && (await store.json.read<RunPlan>(keys.runPlan(config.name, record.run)))?.value;
  return { file, subject: `the champion, release ${release}`, features: (plan?.config ?? config).features };
}

/** The rows of all files as one, or the part of them that the configuration holds out. */
async function rowsOf({ options }: CommandContext, config: ModelConfig, files: string[], folder: string) {
  for (const file of files) await stat(file).catch(unreadable(file));
  const merged = join(folder, 'rows.parquet');
  await mergeRows({ tempDir: join(folder, 'tmp') }, files, merged);
  if (options['heldOut'] !== true) return { rowsFile: merged, files };
  const { dataset, holdout } = config;
  const rowsFile = join(folder, 'held-out.parquet');
  const rule = { rowId: dataset.rowId, fraction: holdout.hashFraction };
  const kept = await keepHeldOut({ tempDir: join(folder, 'tmp') }, merged, rule, rowsFile);
  if (kept) return { rowsFile, files };
  const why = kept === null ? `they have no column "${rule.rowId}"` : 'no row is held out';
  throw new SeawallError(
    'BadData',
    `Nothing is left of the rows by --held-out: ${why}`,
    'Give other rows, or leave it out.',
  );
}

const portsIn = (folder: string) => ({
  scorer: createScorer(),
  sliceHoldout,
  writeBehaviourRows: (request: Parameters<typeof writeBehaviourRows>[1]) =>
    writeBehaviourRows({ tempDir: join(folder, 'tmp') }, request),
});

async function writePage(context: CommandContext, model: string, contest: Contest): Promise<void> {
  const path = textOption(context, 'html');
  if (path === undefined) return;
  await writeFile(resolve(context.cwd, path), await renderEvaluation(pageOf(`${model}: a challenger`, contest)));
}

function print(
  { output }: CommandContext,
  config: ModelConfig,
  { answers: _, promotion, ...found }: Contest,
  models: { challenger: string; champion: string | null },
): void {
  const { promote, text, rules } = promotion;
  output.print({ model: config.name, ...models, ...found, promotion: { promote, text, rules } }, () => [
    ...describeEvaluation(found.summary satisfies EvaluationSummary),
    ...rules.map((rule) => `  ${rule.fired ? output.color.green('holds') : output.color.red('FAILS')}  ${rule.text}`),
    promote ? output.color.green('promoted') : output.color.red('refused'),
  ]);
}

async function digestOf(file: string): Promise<string> {
  const { size } = await stat(file).catch(unreadable(file));
  // Refused when it is loaded; nobody waits for its digest.
  if (size > MAX_MODEL_BYTES && file.endsWith('.onnx')) return 'too-big';
  return createHash('sha256')
    .update(await readFile(file))
    .digest('hex');
}

const unreadable =
  (file: string) =>
  (error: unknown): never => {
    const type = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'NotFound' : 'AccessDenied';
    throw new SeawallError(type, `${file} cannot be read: ${(error as Error).message}`, 'Give the path of a file.', {
      cause: error,
    });
  };
