/** What commands share that need no Temporal: storage, options, who acts. Loading Temporal's client would be half of their time. */
import { hostname, userInfo } from 'node:os';
import { CommanderError } from 'commander';
import { createStore, type Store } from '../adapters/store/index.js';
import { loadS3Config } from '../workers/config.js';
import type { CommandContext } from './command.js';

export type Place = Pick<CommandContext, 'env' | 'cwd'>;

export async function withStore<T>({ env, cwd }: Place, use: (store: Store) => Promise<T>): Promise<T> {
  const store = createStore(loadS3Config(env, cwd));
  try {
    return await use(store);
  } finally {
    store.close();
  }
}

/** Wrong usage: exit code 2. */
export function usageError({ output }: Pick<CommandContext, 'output'>, message: string): CommanderError {
  if (!output.json) output.progress(`error: ${message}`);
  return new CommanderError(2, 'seawall.usage', message);
}

/** An option that takes a text. */
export function textOption({ options }: Pick<CommandContext, 'options'>, name: string): string | undefined {
  const value = options[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** An option that counts from 1. */
export function countOption(context: CommandContext, name: string, flag: string): number | undefined {
  const text = textOption(context, name);
  if (text === undefined) return undefined;
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw usageError(context, `${flag} takes a number from 1 on, not "${text}"`);
}

/** Who acts: `--by`, else the user of this machine. */
export function actor(context: Pick<CommandContext, 'options' | 'env'>): string {
  const own = `${context.env['USER'] || userName()}@${hostname()}`;
  return (textOption(context, 'by') ?? own).slice(0, 200);
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return 'unknown'; // in a container a user can be without a name
  }
}
