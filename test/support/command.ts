/** Runs a command's handler against a test's store, and keeps what it prints. */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { CommandContext, CommandHandler } from '../../src/cli/command.js';
import { colors } from '../../src/cli/output.js';
import { loadLocalConfig } from '../../src/workers/config.js';

export interface CommandResult {
  code: number;
  // eslint-disable-next-line typescript/no-explicit-any -- documents of many commands
  document: any;
  text: string;
}

export async function runCommand(
  handler: CommandHandler,
  args: string[],
  { env, options = {}, cwd = tmpdir() }: { env: Record<string, string>; options?: object; cwd?: string },
): Promise<CommandResult> {
  const result: CommandResult = { code: 0, document: undefined, text: '' };
  const whole = { SEAWALL_HOME: join(tmpdir(), 'none'), ...env };
  const none = (): never => expect.fail('not needed by this command');
  const context: CommandContext = {
    args,
    options: { ...options },
    env: whole,
    cwd,
    config: none,
    localConfig: () => loadLocalConfig(whole, cwd),
    output: {
      json: false,
      color: colors({}, false),
      print(document, text) {
        result.document = JSON.parse(JSON.stringify(document));
        result.text = [text()].flat().join('\n');
      },
      progress: () => undefined,
    },
  };
  result.code = (await handler(context)) ?? 0;
  return result;
}
