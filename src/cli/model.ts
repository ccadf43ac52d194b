/** `seawall model apply FILE` and `seawall model schema`. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { followedVersion } from '../activities/followed-dataset.js';
import { modelConfigJsonSchema, parseModelConfig } from '../adapters/model-config.js';
import type { Store } from '../adapters/store/index.js';
import {
  canonicalJson,
  type ConfigRevision,
  keys,
  type ModelConfig,
  nothingToLearnFrom,
  SeawallError,
} from '../contracts/index.js';
import type { CommandHandler } from './command.js';
import { actor, withStore } from './control-context.js';

export const modelApply: CommandHandler = async (context) => {
  const file = context.args[0] ?? '';
  // Before anything is asked of a server: a mistake in the file is told without one.
  const path = resolve(context.cwd, file);
  const config = parseModelConfig(readText(path), file, (named) => readText(resolve(dirname(path), named)));
  const result = await withStore(context, async (store) => ({
    ...(await applyConfig(store, config, actor(context))),
    datasetVersion: (await followedVersion(store, config.dataset)) ?? null,
  }));
  const { revision, changed, datasetVersion } = result;
  const { what, next } = nothingToLearnFrom(config.dataset);
  const warnings = datasetVersion === null ? [`${what}: nothing can be trained until then; ${next}`] : [];
  for (const warning of warnings) context.output.progress(`warning: ${warning}`);
  const { seq, digest } = revision;
  context.output.print({ model: config.name, seq, digest, changed, datasetVersion, warnings }, () =>
    changed
      ? `${config.name}: configuration ${seq} (${digest.slice(0, 12)}) is stored; the next decision and the next run go by it.`
      : `${config.name}: unchanged, configuration ${seq} (${digest.slice(0, 12)}) is the newest.`,
  );
};

/** Stores the configuration as the next revision, unless the newest is the same. */
export async function applyConfig(
  store: Pick<Store, 'records'>,
  config: ModelConfig,
  by: string,
): Promise<{ revision: ConfigRevision; changed: boolean }> {
  const folder = keys.configRevisions(config.name);
  const digest = createHash('sha256').update(canonicalJson(config)).digest('hex');
  const newest = await store.records.newest<ConfigRevision>(folder);
  if (newest?.digest === digest) return { revision: newest, changed: false };
  const previous = newest?.seq ?? 0;
  // With the number before it in the cause: going back to an older configuration is a new revision.
  const causeId = `config/${digest}/${previous}`;
  const at = new Date().toISOString();
  const make = (seq: number): ConfigRevision => ({
    kind: 'model-config',
    schema: 1,
    seq,
    causeId,
    digest,
    config,
    by,
    at,
  });
  return { revision: await store.records.append<ConfigRevision>(folder, causeId, make, previous), changed: true };
}

export const modelSchema: CommandHandler = async ({ output }) => {
  const schema = modelConfigJsonSchema();
  output.print(schema, () => JSON.stringify(schema, null, 2));
};

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new SeawallError(
      (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'NotFound' : 'AccessDenied',
      `${path} cannot be read: ${(error as Error).message}`,
      'Give the path of the YAML file of the model, and in it that of its schema, from where it lies.',
      { cause: error },
    );
  }
}
