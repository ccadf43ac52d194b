/** Messages to what runs: verdicts, orders, rollbacks. */
import type { CommandSpec } from './command.js';

export const byOption = ['--by <name>', 'who you are (default: user@host)'] as const;
export const messageOptions = [
  byOption,
  ['--reason <text>', 'why; stands in the audit log'],
  ['--message-id <id>', 'the same id again is the same message'],
] as const;
const runOption = ['--run <n>', 'the training run (default: the one that waits)'] as const;

export const controlCommands: readonly CommandSpec[] = [
  ...(['approve', 'reject'] as const).map((verdict): CommandSpec => ({
    usage: `${verdict} <model>`,
    summary: `${verdict} the challenger that waits for a person`,
    options: [
      runOption,
      ['--challenger <sha256>', 'what you looked at (default: what waits now)'],
      ['--evidence <sha256>', 'its evaluation'],
      ...messageOptions,
    ],
    load: async () => (await import('./verdict.js'))[verdict],
  })),
  {
    usage: 'hold <model>',
    summary: 'give the person who decides more time',
    options: [runOption, ['--for <duration>', 'as 12h or 2d'], ...messageOptions],
    load: async () => (await import('./control.js')).hold,
  },
  {
    usage: 'cancel <model>',
    summary: 'cancel a training run',
    options: [['--run <n>', 'the training run (default: the open one)'], ...messageOptions],
    load: async () => (await import('./control.js')).cancel,
  },
  {
    usage: 'pause <model>',
    summary: 'monitor and record, but start nothing',
    options: messageOptions,
    load: async () => (await import('./control.js')).pause,
  },
  {
    usage: 'resume <model>',
    summary: 'the opposite of pause',
    options: messageOptions,
    load: async () => (await import('./control.js')).resume,
  },
  {
    usage: 'pin <model>',
    summary: 'keep the champion, whatever the gate would do',
    options: messageOptions,
    load: async () => (await import('./control.js')).pin,
  },
  {
    usage: 'unpin <model>',
    summary: 'the opposite of pin',
    options: messageOptions,
    load: async () => (await import('./control.js')).unpin,
  },
  {
    usage: 'rollback <model>',
    summary: 'make an earlier release live again',
    options: [['--to <release>', 'its number (default: the one before the champion)'], ...messageOptions],
    load: async () => (await import('./control.js')).rollback,
  },
  {
    usage: 'releases <model>',
    summary: 'every release, newest first: what it is, who accepted it, when it served',
    load: async () => (await import('./releases.js')).releases,
  },
  {
    usage: 'release show <release>',
    summary: 'what MODEL/N (or the champion of MODEL) is bound to: data, bytes, evidence, approval',
    load: async () => (await import('./releases.js')).releaseShow,
  },
  {
    usage: 'live-at <model> <time>',
    summary: 'which release was live at that time, and who had moved it',
    load: async () => (await import('./releases.js')).liveAt,
  },
];
