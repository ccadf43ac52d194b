/** `seawall doctor`: what Seawall needs, what was found, and what to do about it. */
import { checkMachine } from './doctor-machine.js';
import { checkServers } from './doctor-servers.js';
import type { Check } from './check.js';
import type { CommandContext, CommandHandler } from './command.js';

/** Exit code 1 when a check fails; warnings are things that one can live without. */
export const doctor: CommandHandler = async (context) => {
  const checks = [...(await checkMachine(context)), ...(await checkServers(context))];
  const failed = checks.filter(({ status }) => status === 'fail').length;
  context.output.print({ ok: failed === 0, checks }, () => lines(checks, context));
  return failed === 0 ? 0 : 1;
};

function lines(checks: Check[], { output: { color } }: CommandContext): string[] {
  const marks = { ok: color.green('ok  '), warn: color.yellow('warn'), fail: color.red('FAIL') };
  const width = Math.max(...checks.map(({ name }) => name.length));
  return checks.flatMap(({ name, status, found, next }) => [
    `${marks[status]}  ${name.padEnd(width)}  ${found}`,
    ...(next === undefined ? [] : [`${' '.repeat(width + 8)}${color.dim(next)}`]),
  ]);
}
