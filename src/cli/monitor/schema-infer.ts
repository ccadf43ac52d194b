/** `seawall schema infer FILE… | MODEL`: a schema to edit, from files or from the reference of what is live. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { tableSchemaYaml } from '../../adapters/table-schema.js';
import {
  keys,
  outputsOf,
  type ReferenceProfile,
  type ReleaseRecord,
  SeawallError,
  type TableSchema,
} from '../../contracts/index.js';
import { answeringOf } from '../../activities/monitor/reference.js';
import { inferSchema } from '../../domain/profiles/infer-schema.js';
import type { CommandContext, CommandHandler } from '../command.js';
import { loadSide } from '../profile/side.js';
import { withStore } from '../store-context.js';

export const schemaInfer: CommandHandler = async (context) => {
  const { schema, from } = await infer(context);
  context.output.print(schema, () => tableSchemaYaml(schema, from).trimEnd());
};

/** A name that is no file is a model's. */
async function infer(context: CommandContext): Promise<{ schema: TableSchema; from: string }> {
  const [first = ''] = context.args;
  const isModel = context.args.length === 1 && /^[a-z0-9][a-z0-9-]{0,62}$/.test(first);
  if (isModel && !existsSync(resolve(context.cwd, first))) return ofModel(context, first);
  const { profile, from } = await loadSide(context, context.args, {});
  return { schema: inferSchema(profile.columns), from };
}

async function ofModel(context: CommandContext, model: string): Promise<{ schema: TableSchema; from: string }> {
  return withStore(context, async ({ pointers, records, blobs }) => {
    const release = (await pointers.read(model))?.champion.release;
    const record = release && (await records.read<ReleaseRecord>(keys.releases(model), release));
    if (!record)
      throw new SeawallError(
        'NotFound',
        `there is neither a file ${model} nor a model of that name with a release`,
        'Name a file, or a model that `seawall status` lists as live.',
      );
    const { profile, labelColumn } = await blobs.readJson<ReferenceProfile>(record.reference);
    const answers = outputsOf(answeringOf(profile.quality)).map(({ name }) => name);
    return {
      schema: inferSchema(profile.columns, [labelColumn, ...answers]),
      from: `the reference of release ${record.release} of ${model} (${profile.rows} rows)`,
    };
  });
}
