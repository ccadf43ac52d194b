/** How a command is described (in the table of `main.ts`) and what it gets when it runs. */
import type { AppConfig, Environment, LocalConfig } from '../workers/config.js';
import type { Output } from './output.js';

export interface CommandContext {
  /** Positional arguments, in order. */
  args: string[];
  /** Options by their long name in camelCase; global ones included. */
  options: Record<string, unknown>;
  output: Output;
  env: Environment;
  cwd: string;
  /** The complete configuration; fails with a clear error when no server is known. */
  config(): AppConfig;
  /** The configuration that needs no server. */
  localConfig(): LocalConfig;
}

/** Runs a command; the exit code is what it returns (0 by default), or 1 when it throws. */
export type CommandHandler = (context: CommandContext) => Promise<number | void>;

export interface CommandSpec {
  /** As it is typed: words, then arguments (`model apply <file>`). */
  usage: string;
  summary: string;
  /** `[flags, description]`, and a default. */
  options?: readonly (readonly [flags: string, description: string, otherwise?: string])[];
  /** Loaded only when the command runs: `--help` must not wait for Temporal's SDK. */
  load: () => Promise<CommandHandler>;
}
