import { createHash, randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CommanderError } from 'commander';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createStore } from '../../../src/adapters/store/index.js';
import type { CommandContext } from '../../../src/cli/command.js';
import { datasetImportDvc } from '../../../src/cli/dataset/import-dvc.js';
import { buildProgram, commands } from '../../../src/cli/main.js';
import { colors } from '../../../src/cli/output.js';
import { loadLocalConfig } from '../../../src/workers/config.js';
import { s3Environment, startS3, type S3Server } from '../../support/s3.js';

let s3: S3Server;
let folder: string;
beforeAll(async () => {
  [s3, folder] = await Promise.all([startS3(), mkdtemp(join(tmpdir(), 'seawall-cli-dvc-'))]);
});
afterAll(async () => {
  await s3?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** What the shell hands to the command. */
async function parsed(...words: string[]): Promise<Pick<CommandContext, 'args' | 'options'>> {
  let context: CommandContext | undefined;
  const spec = commands.find(({ usage }) => usage.startsWith('dataset import-dvc'));
  if (!spec) throw new Error('there is no such command');
  const load = async () => async (given: CommandContext) => void (context = given);
  await buildProgram([{ ...spec, load }]).parseAsync(['node', 'seawall', 'dataset', 'import-dvc', ...words]);
  return context ?? expect.fail('it did not run');
}

async function run(...words: string[]): Promise<{ document: unknown; text: string }> {
  const env = {
    SEAWALL_HOME: join(folder, 'home'),
    USER: 'ann',
    ...s3Environment(s3.options, s3.options.prefix),
  };
  const result = { document: undefined as unknown, text: '' };
  await datasetImportDvc({
    ...(await parsed(...words)),
    env,
    cwd: folder,
    config: () => expect.fail('needs no Temporal'),
    localConfig: () => loadLocalConfig(env, folder),
    output: {
      json: false,
      color: colors({}, false),
      print: (document, text) => void Object.assign(result, { document, text: [text()].flat().join('\n') }),
      progress: () => undefined,
    },
  });
  return result;
}

it('imports the targets into the dataset, and says what came of it', async () => {
  const content = 'a'.repeat(1500);
  const md5 = createHash('md5').update(content).digest('hex');
  await mkdir(join(folder, 'repo/.dvc'), { recursive: true });
  await writeFile(join(folder, 'repo/a.csv'), content);
  await writeFile(join(folder, 'repo/a.csv.dvc'), `outs:\n- {md5: ${md5}, hash: md5, path: a.csv}\n`);
  await writeFile(join(folder, 'repo/b.csv.dvc'), `outs:\n- {md5: ${md5}, hash: md5, path: b.csv}\n`);
  await writeFile(join(folder, 'repo/c.csv.dvc'), `outs:\n- {path: c.csv}\n`);
  const name = `d-${randomUUID()}`;
  const { document, text } = await run(name, 'repo', 'a.csv', 'b.csv', '--by', 'bob');
  const store = createStore(s3.options);
  const head = await store.datasets.head(name);
  store.close();
  expect(document).toEqual({
    dataset: name,
    ...head,
    files: 2,
    bytes: 3000,
    uploadedBytes: 1500,
    from: { store: 0, cache: 0, workspace: 1, remote: 0 },
    outs: ['a.csv', 'b.csv'],
    revision: null,
    message: 'DVC import of a.csv, b.csv',
    loops: [],
  });
  expect(text).toBe(
    `${name}: version ${head?.version.slice(0, 12)} (number 1), 2 files, 3.0 kB; DVC import of a.csv, b.csv\n` +
      '  contents: 0 known from the last import, 0 from the cache, 1 from the workspace, 0 from a remote; 1.5 kB uploaded',
  );
  await expect(run(name, 'repo')).rejects.toMatchObject({ type: 'BadInput' });
  await expect(run(name, 'nowhere')).rejects.toMatchObject({
    type: 'NotFound',
    message: expect.stringContaining(folder),
  });
  await expect(run('No/Name', 'repo')).rejects.toBeInstanceOf(CommanderError);
});
