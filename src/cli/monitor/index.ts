/** Commands about data: of tables, and of a model in production. */
import type { CommandSpec } from '../command.js';
import { profileCommands } from '../profile/index.js';

export const monitorCommands: readonly CommandSpec[] = [
  ...profileCommands,
  {
    usage: 'monitor run <model> [window]',
    summary: 'look at a window now, the newest that is over, beside the loop (window: its begin, as 2026-11-02)',
    options: [['--store', 'keep what was found as the next revision of its report']],
    load: async () => (await import('./run.js')).monitorRun,
  },
  {
    usage: 'monitor report <model> [window]',
    summary: 'what the newest report on a window says (window: its begin, as 2026-11-02)',
    options: [['--html <file>', 'write it as a page with charts']],
    load: async () => (await import('./report.js')).monitorReport,
  },
  {
    usage: 'schema infer <files...>',
    summary: "print a schema to edit, from files or from the reference of a model's release",
    load: async () => (await import('./schema-infer.js')).schemaInfer,
  },
];
