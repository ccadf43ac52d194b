/** The commands about datasets. To add one: a row here, and a module that exports a `CommandHandler`. */
import type { CommandSpec } from '../command.js';

const byOption = ['--by <name>', 'who you are (default: user@host)'] as const;

export const datasetCommands: readonly CommandSpec[] = [
  {
    usage: 'dataset commit <name> <dir>',
    summary: "make a folder's files a version, and the newest one",
    options: [
      ['--message <text>', 'what it is; stands in the log'],
      ['--force', 'also over a head that somebody else has moved meanwhile'],
      ['--rehash', 'read every file, also those that have not changed since they were last read'],
      ['--resend', 'send everything again: repairs damaged objects'],
      byOption,
    ],
    load: async () => (await import('./commit.js')).datasetCommit,
  },
  {
    usage: 'dataset log <name>',
    summary: 'every version that was the newest, latest first',
    load: async () => (await import('./log.js')).datasetLog,
  },
  {
    usage: 'dataset show <version>',
    summary: 'the files of NAME, NAME@DIGEST or NAME@TAG',
    load: async () => (await import('./show.js')).datasetShow,
  },
  {
    usage: 'dataset diff <from> <to>',
    summary: 'what was added, removed, changed and renamed between two versions',
    load: async () => (await import('./diff.js')).datasetDiff,
  },
  {
    usage: 'dataset pull <version> <dir>',
    summary: 'make a folder hold exactly a version; only what this host lacks travels',
    options: [
      ['--last <duration>', 'only files of that time, by what their paths say (as 90d)'],
      ['--since <day>', 'only files from that day on'],
      ['--force', 'replace a folder that no pull has made, or that was changed since'],
    ],
    load: async () => (await import('./pull.js')).datasetPull,
  },
  {
    usage: 'dataset verify <version>',
    summary: 'read every object of a version and compare its SHA-256',
    options: [['--all', 'of every version of the dataset']],
    load: async () => (await import('./verify.js')).datasetVerify,
  },
  {
    usage: 'dataset tag <version> <tag>',
    summary: 'give a version a name; the tag keeps its history',
    options: [byOption],
    load: async () => (await import('./tag.js')).datasetTag,
  },
  {
    usage: 'dataset import-dvc <name> <repository> [targets...]',
    summary: 'commit what a DVC repository tracks as a dataset version; DVC need not be installed',
    options: [byOption],
    load: async () => (await import('./import-dvc.js')).datasetImportDvc,
  },
  {
    usage: 'dataset gc',
    summary: 'remove what nothing needs, and say what keeps the rest',
    options: [
      ['--dry-run', 'only show'],
      ['--older-than <days>', 'also versions that stopped being the newest so long ago and that nothing needs'],
    ],
    load: async () => (await import('./gc.js')).datasetGc,
  },
];
