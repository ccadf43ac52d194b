/** Commands about data that need no model, no store and no Temporal. */
import type { CommandSpec } from '../command.js';

const qualityOptions = [
  ['--label <column>', 'what really happened: judge how good the predictions were'],
  ['--prediction <column>', 'classes, numbers, or probabilities of the positive class'],
  ['--score <column>', 'probabilities of the positive class, where --prediction holds classes'],
  ['--task <task>', 'binary, multiclass or regression (default: by the values)'],
  ['--slice <columns>', 'judge their parts too, as origin,hour'],
] as const;

export const profileCommands: readonly CommandSpec[] = [
  {
    usage: 'profile <files...>',
    summary: 'count what the rows of Parquet, CSV or JSON-lines files look like',
    options: [...qualityOptions, ['--out <file>', 'store the profile as JSON, to compare with later']],
    load: async () => (await import('./profile.js')).profile,
  },
  {
    usage: 'compare <reference> <current>',
    summary: 'what has changed: two files, folders, quoted patterns, or stored profiles',
    options: [
      ...qualityOptions,
      ['--html <file>', 'write a report with charts'],
      ['--fail-on <verdict>', 'exit with 1 when a column is "drifted", or also when one is "undecided"'],
    ],
    load: async () => (await import('./compare.js')).compare,
  },
];
