/** The commands about trainers, for the table of `main.ts`. */
import type { CommandSpec } from '../command.js';

const configOptions = [
  ['--config <file>', "the model's YAML file: features, label, task, and the trainer if no command is given"],
  ['--model <name>', 'the same from storage'],
] as const;

export const trainerCommands: readonly CommandSpec[] = [
  {
    usage: 'trainer check [command...]',
    summary: 'run a trainer (after --) on a sample, and say point by point whether it keeps the contract',
    options: [
      ...configOptions,
      ['--data <dir>', 'Parquet to learn from (default: made up for the features and the task)'],
      ['--rows <n>', 'how many rows are made up', '4000'],
      ['--features <list>', 'without a configuration, as amount:float32,hour:int64,place:string'],
      ['--label <column>', 'without a configuration', 'label'],
      ['--task <task>', 'binary, multiclass or regression', 'binary'],
      ['--classes <list>', 'with multiclass, as low,middle,high'],
      ['--params <json>', "the trainer's parameters (default: the configuration's)"],
      ['--device <device>', 'cpu, cuda:0, …', 'cpu'],
      ['--grace <duration>', 'between SIGTERM and SIGKILL (default: the configuration’s, else 20s)'],
      ['--timeout <duration>', 'for one start', '10m'],
      ['--keep', 'keep the folders and logs of all starts'],
    ],
    load: async () => (await import('./check.js')).trainerCheck,
  },
  {
    usage: 'train local [model]',
    summary:
      "the training step on this machine, without Temporal: the model's configuration and data, or a file and a folder",
    options: [
      ['--config <file>', "the model's YAML file (default: MODEL's configuration in storage)"],
      ['--data <data>', 'a folder of Parquet or JSON lines, or NAME@VERSION (default: the newest version)'],
      ['--out <dir>', 'for model, checkpoints, data and log (default: .seawall/local/MODEL)'],
    ],
    load: async () => (await import('./local.js')).trainLocal,
  },
  {
    usage: 'trainer setup <name>',
    summary: 'make the Python environment of a ready trainer: xgboost, lightgbm, sklearn',
    load: async () => (await import('./setup.js')).trainerSetup,
  },
];
