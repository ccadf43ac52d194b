/** `seawall env`: the environment in which Temporal's own command line talks to the stack of this folder (a running demo first). */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../workers/package-root.js';
import type { CommandHandler } from './command.js';

export const printEnvironment: CommandHandler = async ({ output, config }) => {
  const { address, namespace } = config().temporal;
  const variables: Record<string, string> = { TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: namespace };
  const bin = join(packageRoot, '.seawall', 'bin');
  const path = existsSync(join(bin, 'temporal')) ? [`export PATH="$PATH":${quoted(bin)}`] : [];
  const exports = Object.entries(variables).map(([name, value]) => `export ${name}=${quoted(value)}`);
  output.print(variables, () => [...exports, ...path]);
};

/** For a POSIX shell. */
const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
