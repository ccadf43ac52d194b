/** Options of commands. Apart from what talks to a store: loading its client would be half of a small command's time. */
import { CommanderError } from 'commander';
import type { CommandContext } from './command.js';

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
