/** A model's configuration for work without Temporal: from a file, or from storage. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parseModelConfig, validateConfig } from '../../adapters/model-config.js';
import { type ConfigRevision, keys, type ModelConfig, SeawallError } from '../../contracts/index.js';
import type { CommandContext } from '../command.js';
import { textOption, withStore } from '../store-context.js';

/** @param model a name in storage; undefined: `--config FILE`. undefined, if neither is given */
export async function configOf(context: CommandContext, model: string | undefined): Promise<ModelConfig | undefined> {
  const file = textOption(context, 'config');
  if (file !== undefined) return parseModelConfig(await readText(resolve(context.cwd, file)), file);
  if (model === undefined) return undefined;
  const revision = await withStore(context, ({ records }) =>
    records.newest<ConfigRevision>(keys.configRevisions(model)),
  );
  if (revision) return validateConfig(revision.config);
  throw new SeawallError(
    'NotFound',
    `there is no model ${model} in storage`,
    'Give its file with --config FILE, or store it: seawall model apply FILE',
  );
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new SeawallError('BadInput', `${path} cannot be read: ${(cause as Error).message}`, 'Check the path.');
  }
}
