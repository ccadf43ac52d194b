/** The command line: a table of commands, each loaded when it runs. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { loadConfig, loadLocalConfig, processEnvironment } from '../workers/config.js';
import { packageRoot } from '../workers/package-root.js';
import type { CommandSpec } from './command.js';
import { byOption, controlCommands, messageOptions } from './control-commands.js';
import { datasetCommands } from './dataset/index.js';
import { trainerCommands } from './trainer/index.js';
import { monitorCommands } from './monitor/index.js';
import { exitWithParent } from './lifetime.js';
import { createOutput, printError } from './output.js';

const stackOptions = [
  ['--namespace <name>', 'Temporal namespace', 'seawall'],
  ['--prefix <prefix>', 'folder in the bucket; belongs to one namespace', 'main'],
  ['--no-apps', 'servers only: no workers, no serving'],
] as const;
const parentOption = ['--exit-with-parent', 'end when the process that started this one is gone'] as const;

/** Every command. To add one: a row here, and a module that exports a `CommandHandler`. */
export const commands: readonly CommandSpec[] = [
  {
    usage: 'up',
    summary: 'start Temporal, S3, workers and serving on this machine',
    options: [...stackOptions, ['--detach', 'return when everything is ready; it runs on in the background']],
    load: async () => (await import('./up.js')).up,
  },
  {
    usage: 'down',
    summary: "end this folder's stack and demo; data stay",
    load: async () => (await import('./down.js')).down,
  },
  {
    usage: 'env',
    summary: "print the stack's address for `temporal`, to be evaluated by a shell",
    load: async () => (await import('./env.js')).printEnvironment,
  },
  {
    usage: 'doctor',
    summary: 'check everything that Seawall needs, and say what to do',
    options: [['--fix', 'make a missing namespace, search attributes and bucket']],
    load: async () => (await import('./doctor.js')).doctor,
  },
  {
    usage: 'worker loop',
    summary: 'run the worker for workflows and light activities',
    options: [parentOption],
    load: async () => (await import('./worker.js')).workerLoop,
  },
  {
    usage: 'worker gpu',
    summary: 'run the worker that fetches data and trains',
    options: [parentOption],
    load: async () => (await import('./worker.js')).workerGpu,
  },
  {
    usage: 'serve',
    summary: 'run the inference server (Open Inference Protocol v2)',
    options: [parentOption],
    load: async () => (await import('./serve.js')).serve,
  },
  {
    usage: 'model apply <file>',
    summary: "check a model's YAML file and store it as its configuration",
    options: [byOption],
    load: async () => (await import('./model.js')).modelApply,
  },
  {
    usage: 'model schema',
    summary: 'print the JSON Schema of the YAML file, for editors',
    load: async () => (await import('./model.js')).modelSchema,
  },
  {
    usage: 'evaluate <model-and-challenger...>',
    summary: 'judge a model file against the champion on your rows, as a run would; exit code 1: refused',
    options: [
      ['--data <file...>', 'rows with features and labels: Parquet or JSON lines'],
      ['--config <file>', "the model's YAML file, in the place of MODEL"],
      ['--champion <file>', 'an ONNX file, or none (default: what is live, with --config none)'],
      ['--held-out', 'judge on the rows only that the configuration holds out'],
      ['--parity <file>', "the trainer's own answers (parity.parquet)"],
      ['--html <file>', 'write a page with plots'],
    ],
    load: async () => (await import('./evaluate.js')).evaluate,
  },
  ...datasetCommands,
  ...trainerCommands,
  ...monitorCommands,
  {
    usage: 'start <model>',
    summary: "start the model's loop",
    load: async () => (await import('./start.js')).start,
  },
  {
    usage: 'stop <model>',
    summary: "end the model's loop; the model keeps serving",
    options: [['--cancel-runs', 'cancel its open training runs too'], ...messageOptions],
    load: async () => (await import('./stop.js')).stop,
  },
  {
    usage: 'status [model]',
    summary: 'what is live, what was decided and why, what waits for whom',
    load: async () => (await import('./status.js')).status,
  },
  {
    usage: 'logs <run>',
    summary: 'what the trainer of run MODEL/N printed, also while it runs',
    options: [
      ['-f, --follow', 'go on until the run has ended'],
      ['--attempt <n>', 'only that one (default: all)'],
    ],
    load: async () => (await import('./logs.js')).logs,
  },
  {
    usage: 'decisions <model>',
    summary: 'what the gate decided, newest first; "wait" included',
    options: [
      ['--last <n>', 'how many', '20'],
      ['--action <action>', 'only retrain, wait, block or escalate'],
    ],
    load: async () => (await import('./decisions.js')).decisions,
  },
  {
    usage: 'explain <decision>',
    summary: 'why MODEL/N (or the newest of MODEL) came out as it did, and what nearly decided otherwise',
    load: async () => (await import('./decisions.js')).explain,
  },
  {
    usage: 'decide <decision>',
    summary: 'take a past decision MODEL/N again from what is stored: it must agree',
    options: [['--replay', 'required']],
    load: async () => (await import('./decisions.js')).decide,
  },
  {
    usage: 'retrain <model>',
    summary: 'ask for a training run now',
    options: [['--force', 'despite cooldown and pin'], ...messageOptions],
    load: async () => (await import('./retrain.js')).retrain,
  },
  ...controlCommands,
  {
    usage: 'budget show [pool]',
    summary: 'what a GPU pool may spend and has spent, who runs, who waits and why',
    load: async () => (await import('./budget.js')).budgetShow,
  },
  {
    usage: 'budget set <pool>',
    summary: 'what the models of a pool may spend together',
    options: [
      ['--gpu-hours <n>', 'in total, as 12 or 0.5'],
      ['--per <period>', 'day, week or month (UTC)'],
      ['--model <limits...>', 'of single models: NAME=HOURS …'],
      ['--collect-for <duration>', 'how long requests are collected before the best are chosen (default: 1m)'],
      byOption,
      ['--reason <text>', 'why; stands beside the budget'],
    ],
    load: async () => (await import('./budget.js')).budgetSet,
  },
  {
    usage: 'budget history <pool>',
    summary: 'every budget, reservation and settlement; checks that each step follows from the one before',
    options: [['--last <n>', 'how many entries', '50']],
    load: async () => (await import('./budget-history.js')).budgetHistory,
  },
  {
    usage: 'freeze <pool>',
    summary: 'start no run in a GPU pool until it is lifted; rollbacks go on',
    options: [['--cancel-running', 'cancel what runs there, too'], ...messageOptions],
    load: async () => (await import('./budget.js')).freeze,
  },
  {
    usage: 'unfreeze <pool>',
    summary: 'the opposite of freeze',
    options: messageOptions,
    load: async () => (await import('./budget.js')).unfreeze,
  },
  {
    usage: 'demo flights',
    summary: 'real flights through the whole loop, on a stack of its own',
    options: [
      ['--weeks <n>', 'production weeks, 1 to 21', '21'],
      ['--slice <share>', 'share of the flights to keep, above 0 and up to 1', '1'],
      ['--approve-after <seconds>', 'how long a person has to decide (default: 10 on a terminal, else 0)'],
      ['--fresh', 'begin anew, also where the last run was cut off'],
      ['--stay', 'stay up at the end (default on a terminal)'],
      ['--exit', 'end when the example has ended (default elsewhere)'],
    ],
    load: async () => (await import('./demo.js')).demoFlights,
  },
];

/** Runs the command line. Exit codes: 0 done, 1 failed, 2 wrong usage. */
export async function run(argv: readonly string[]): Promise<void> {
  const env = processEnvironment();
  const json = argv.includes('--json');
  surviveClosedTerminal();
  if (argv.includes('--exit-with-parent')) exitWithParent();
  try {
    // Taken out here, so that it may stand anywhere: the bootstrap puts it before the command.
    await buildProgram(commands).parseAsync(argv.filter((word) => word !== '--exit-with-parent'));
  } catch (error) {
    if (error instanceof CommanderError) {
      // commander ends with 1 on wrong usage; help and version end with 0.
      process.exitCode = error.exitCode === 0 ? 0 : 2;
      if (json && error.exitCode !== 0) printUsageError(error);
      return;
    }
    printError(error, { json, debug: Boolean(env['SEAWALL_DEBUG']) });
    process.exitCode = 1;
  }
}

/** A window that is closed takes its terminal with it: a line that cannot be written must not end us before the stack is stopped. */
function surviveClosedTerminal(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
}

function printUsageError(error: CommanderError): void {
  const message = error.message.replace(/^error: /, '');
  const report = { type: 'Usage', message, next: 'See `seawall --help`.' };
  process.stdout.write(`${JSON.stringify({ error: report }, null, 2)}\n`);
}

/** The commander program for a table of commands. */
export function buildProgram(table: readonly CommandSpec[]): Command {
  const program = new Command('seawall')
    .description('Keeps machine-learning models standing as their data drifts: continuous training on Temporal.')
    .version(version(), '-V, --version')
    .exitOverride()
    .showHelpAfterError('(seawall --help shows all commands)');
  for (const spec of table) addCommand(program, spec);
  return program;
}

function addCommand(program: Command, spec: CommandSpec): void {
  const words = spec.usage.split(' ');
  const firstArgument = words.findIndex((word) => /^[<[]/.test(word));
  const names = firstArgument === -1 ? words : words.slice(0, firstArgument);
  const args = firstArgument === -1 ? [] : words.slice(firstArgument);
  let parent = program;
  for (const group of names.slice(0, -1)) parent = groupOf(parent, group);
  const command = parent.command([names.at(-1), ...args].join(' ')).description(spec.summary);
  command.option('--json', 'print one JSON document');
  for (const [flags, description, otherwise] of spec.options ?? []) command.option(flags, description, otherwise);
  command.exitOverride().action(async () => {
    const options = command.optsWithGlobals();
    const env = processEnvironment();
    const cwd = process.cwd();
    const handler = await spec.load();
    const code = await handler({
      args: command.args,
      options,
      output: createOutput(env, options['json'] === true),
      env,
      cwd,
      config: () => loadConfig(env, cwd),
      localConfig: () => loadLocalConfig(env, cwd),
    });
    process.exitCode = code ?? 0;
  });
}

const groupSummaries: Record<string, string> = {
  worker: 'run a worker',
  model: "a model's configuration",
  dataset: 'versions of training data',
  trainer: 'programs that train',
  train: 'the training step by hand',
  monitor: 'what monitoring sees of a model',
  schema: 'what is known of the data',
  release: 'what was accepted',
  budget: "a GPU pool's ledger",
  demo: 'run an example from beginning to end',
};

function groupOf(parent: Command, name: string): Command {
  const existing = parent.commands.find((command) => command.name() === name);
  if (existing) return existing;
  return parent
    .command(name)
    .description(groupSummaries[name] ?? '')
    .exitOverride();
}

function version(): string {
  return (JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as { version: string }).version;
}
