import { spawn } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { createDatasetCache } from '../../src/adapters/dataset-cache.js';
import { pullVersion } from '../../src/adapters/dataset-pull.js';
import { processTag } from '../../src/adapters/process-identity.js';
import { createStore, type Store } from '../../src/adapters/store/index.js';
import type { CommandContext } from '../../src/cli/command.js';
import { datasetCommands } from '../../src/cli/dataset/index.js';
import { colors } from '../../src/cli/output.js';
import { canonicalJson, keys } from '../../src/contracts/index.js';
import { loadLocalConfig } from '../../src/workers/config.js';
import type { AppConfig } from '../../src/workers/config.js';
import { s3Environment, startS3, type S3Server } from '../support/s3.js';
import { flipByte } from '../adapters/store/faults.js';

let s3: S3Server;
let root: string;
/** Every test has its own prefix and folders. */
let prefix: string;
let folder: string;
let store: Store;
beforeAll(async () => {
  s3 = await startS3();
  root = await mkdtemp(join(tmpdir(), 'seawall-dataset-'));
});
afterAll(async () => {
  await s3.stop();
  await rm(root, { recursive: true, force: true });
});
beforeEach(async () => {
  prefix = randomUUID();
  folder = join(root, prefix);
  await write({ 'dt=1/a.jsonl': 'one', 'dt=2/b.jsonl': 'two' });
  store = createStore({ ...s3.options, prefix });
  return () => store.close();
});

/** Files below `data`; null removes one. */
async function write(files: Record<string, string | null>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    const file = join(folder, 'data', path);
    await mkdir(dirname(file), { recursive: true });
    if (text === null) await rm(file);
    else await writeFile(file, text);
  }
}

interface Result {
  code: number;
  // eslint-disable-next-line typescript/no-explicit-any -- documents of many commands
  document: any;
  text: string;
  progress: string;
}
async function seawall(line: string, options: object = {}): Promise<Result> {
  const words = line.split(' ');
  const spec = datasetCommands.find(({ usage }) => usage.split(' ')[1] === words[0]);
  const env = {
    SEAWALL_HOME: join(folder, 'home'),
    USER: 'ann',
    ...s3Environment(s3.options, prefix),
  };
  const result: Result = { code: 0, document: undefined, text: '', progress: '' };
  const context: CommandContext = {
    args: words.slice(1),
    options: { ...options },
    env,
    cwd: folder,
    config: () => expect.fail('not needed') as AppConfig,
    localConfig: () => loadLocalConfig(env, folder),
    output: {
      json: false,
      color: colors({}, false),
      print(document, text) {
        result.document = JSON.parse(JSON.stringify(document));
        result.text = [text()].flat().join('\n');
      },
      progress: (told) => (result.progress += `${told}\n`),
    },
  };
  const handler = await spec!.load();
  result.code = (await handler(context)) ?? 0;
  return result;
}
const treeOf = async (path: string): Promise<Record<string, string>> => {
  const entries = await readdir(join(folder, path), { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const pairs = files.map(async (file) => [file.slice(join(folder, path).length + 1), await readFile(file, 'utf8')]);
  return Object.fromEntries((await Promise.all(pairs)).sort()) as Record<string, string>;
};

it('commits a folder, and again sends nothing; log, show and diff say what happened', async () => {
  const first = await seawall('commit visits data', { message: 'October' });
  expect(first.document).toMatchObject({ seq: 1, changed: true, files: 2, bytes: 6, uploadedBytes: 6, warnings: [] });
  const again = await seawall('commit visits data');
  expect(again.document).toMatchObject({ ...first.document, changed: false, uploadedBytes: 0 });
  expect(again.text).toContain('unchanged');

  await write({ 'dt=1/a.jsonl': null, 'dt=3/moved.jsonl': 'one', 'dt=2/b.jsonl': 'two!', 'dt=4/new.jsonl': 'four' });
  const second = await seawall('commit visits data');
  expect(second.document).toMatchObject({ seq: 2, uploadedBytes: 8 });
  await seawall(`tag visits@${first.document.version.slice(0, 8)} october`);

  const log = await seawall('log visits');
  expect(log.document.log).toMatchObject([
    { seq: 2, version: second.document.version, previous: first.document.version, message: null, tags: [] },
    {
      seq: 1,
      version: first.document.version,
      previous: null,
      message: 'October',
      by: expect.stringMatching(/^ann@/),
      tags: ['october'],
    },
  ]);
  expect(log.text).toMatch(/no\..*version.*\n +2 .*\n +1 .*october +October/);
  const show = await seawall('show visits@october');
  expect(show.document).toMatchObject({
    version: first.document.version,
    bytes: 6,
    tags: ['october'],
    moves: [{ seq: 1 }],
  });
  expect(show.document.files.map(({ path }: { path: string }) => path)).toEqual(['dt=1/a.jsonl', 'dt=2/b.jsonl']);
  const diff = await seawall('diff visits@october @head');
  expect(diff.document).toMatchObject({
    added: [{ path: 'dt=4/new.jsonl' }],
    removed: [],
    changed: [{ path: 'dt=2/b.jsonl' }],
    renamed: [{ from: 'dt=1/a.jsonl', to: 'dt=3/moved.jsonl' }],
    bytes: 8,
  });
});

it('tells the committer who loses; his version is there all the same, and --force makes it the newest', async () => {
  await seawall('commit visits data');
  // Between the first look of this commit and its move of the head, another commits.
  const other = await mkdtemp(join(root, 'other-'));
  await writeFile(join(other, 'x'), 'theirs');
  await write({ 'dt=1/a.jsonl': 'mine' });
  const scanned = await seawall('show visits');
  const theirs = await store.datasets.commitVersion('visits', [{ path: 'x', localFile: join(other, 'x') }], {
    by: 'bob',
  });
  const files = ['dt=1/a.jsonl', 'dt=2/b.jsonl'].map((path) => ({ path, localFile: join(folder, 'data', path) }));
  const lost = store.datasets.commitVersion('visits', files, { by: 'ann', expectedHead: scanned.document.version });
  await expect(lost).rejects.toMatchObject({
    type: 'Conflict',
    message: expect.stringContaining(`${theirs.version}, moved by bob`) as string,
  });
  const log = await seawall('log visits');
  expect(log.document.log[0].version).toBe(theirs.version);
  expect(log.document.neverHead).toHaveLength(1);
  expect((await seawall(`verify visits@${log.document.neverHead[0].version}`)).code).toBe(0);
  const forced = await seawall('commit visits data', { force: true });
  expect(forced.document).toMatchObject({ seq: 3, version: log.document.neverHead[0].version, uploadedBytes: 0 });
});

it('understands digests, tags and head, and says what it does not', async () => {
  const { document } = await seawall('commit visits data');
  for (const ref of ['head', document.version, document.version.slice(0, 4)])
    expect((await seawall(`show visits@${ref}`)).document.version).toBe(document.version);
  expect((await seawall('tag visits v1')).document).toMatchObject({ seq: 1, version: document.version });
  expect((await seawall('tag visits v1')).document).toMatchObject({ seq: 1 });
  await write({ 'dt=2/b.jsonl': 'new' });
  await seawall('commit visits data');
  expect((await seawall('tag visits v1')).document).toMatchObject({ seq: 2 });
  const history: unknown[] = [];
  for await (const each of store.records.list<never>(keys.datasetTag('visits', 'v1'))) history.push(each);
  expect(history).toMatchObject([{ version: document.version }, { seq: 2 }]);
  await expect(seawall('show visits@v2')).rejects.toMatchObject({
    type: 'NotFound',
    message: expect.stringContaining('"v2"') as string,
  });
  await expect(seawall('show nothing')).rejects.toMatchObject({ type: 'NotFound' });
  await expect(seawall('tag visits head')).rejects.toMatchObject({ type: 'BadInput' });
  await expect(seawall('show Visits')).rejects.toThrow(/cannot be the name/);
});

it('pulls exactly the version, fetching only what the host lacks, read-only', async () => {
  await seawall('commit visits data');
  await seawall('tag visits v1');
  const first = await seawall('pull visits@v1 out');
  expect(first.document).toMatchObject({ changed: true, files: 2, fetchedBytes: 6 });
  expect(await treeOf('out')).toEqual(await treeOf('data'));
  expect((await stat(join(folder, 'out/dt=1/a.jsonl'))).mode & 0o222).toBe(0);
  await write({ 'dt=2/b.jsonl': 'other', 'dt=3/c.jsonl': 'three' });
  await seawall('commit visits data');
  expect((await seawall('pull visits out')).document).toMatchObject({ changed: true, fetchedBytes: 10 });
  expect(await treeOf('out')).toEqual(await treeOf('data'));
  const before = await stat(join(folder, 'out'));
  expect((await seawall('pull visits out')).document).toMatchObject({ changed: false, fetchedBytes: 0 });
  expect((await stat(join(folder, 'out'))).ino).toBe(before.ino);
  expect((await seawall('pull visits@v1 out')).document).toMatchObject({ changed: true, fetchedBytes: 0 });
  expect(await treeOf('out')).toEqual({ 'dt=1/a.jsonl': 'one', 'dt=2/b.jsonl': 'two' });
});

it('pulls a slice of time, and asks for nothing else', async () => {
  const day = (ago: number) => new Date(Date.now() - ago * 864e5).toISOString().slice(0, 10);
  await write({ 'dt=1/a.jsonl': null, 'dt=2/b.jsonl': null });
  await write({ [`dt=${day(9)}/a`]: 'nine', [`dt=${day(2)}/b`]: 'two', [`dt=${day(0)}/c`]: 'now' });
  const { version } = (await seawall('commit visits data')).document;
  const { files } = await store.datasets.manifest('visits', version);
  const oldest = files.find(({ path }) => path.startsWith(`dt=${day(9)}`))!;
  await rm(join(s3.folder, s3.options.bucket, prefix, keys.blob(oldest.sha256)));
  const pulled = await seawall('pull visits out', { last: '2d' });
  expect(pulled.document).toMatchObject({
    changed: true,
    version,
    files: 2,
    fetchedBytes: 6,
    since: `${day(2)}T00:00:00.000Z`,
  });
  expect(await treeOf('out')).toEqual({ [`dt=${day(2)}/b`]: 'two', [`dt=${day(0)}/c`]: 'now' });
  expect((await seawall('pull visits out', { last: '2d' })).document.changed).toBe(false);
  // Another slice is another content: what an earlier pull has put there is replaced.
  expect((await seawall('pull visits out', { since: day(1) })).document).toMatchObject({ changed: true, files: 1 });
  await expect(seawall('pull visits out')).rejects.toMatchObject({ type: 'NotFound' });
  expect(await treeOf('out')).toEqual({ [`dt=${day(0)}/c`]: 'now' });
  await expect(seawall('pull visits out', { last: '2d', since: day(1) })).rejects.toThrow(/two slices/);
  await expect(seawall('pull visits out', { last: 'long' })).rejects.toThrow(/a duration is/);
  await expect(seawall('pull visits out', { since: 'monday' })).rejects.toThrow(/takes a day/);
  await expect(seawall('pull visits out', { since: '2999-01-01' })).rejects.toMatchObject({
    message: expect.stringContaining(`its 3 files are of ${day(9)} to ${day(0)}`) as string,
  });
});

it('looks once more before it replaces a folder, and puts back what a pull that died has moved away', async () => {
  await seawall('commit visits data');
  await seawall('pull visits out');
  await write({ 'dt=2/b.jsonl': 'other' });
  const { document } = await seawall('commit visits data');
  const { homeDir: home } = loadLocalConfig({ SEAWALL_HOME: join(folder, 'home') }, folder);
  const cache = createDatasetCache({ home, limitBytes: 1e9, blobs: store.blobs });
  const request = {
    ...{ cache, home, name: 'visits', version: document.version, folder: join(folder, 'out'), force: false },
    manifest: (of: string) => store.datasets.manifest('visits', of),
    signal: new AbortController().signal,
  };
  const meanwhile = async (): Promise<void> => {
    await chmod(join(folder, 'out'), 0o755);
    await writeFile(join(folder, 'out/precious'), 'x');
  };
  const slow = { ...cache, tree: (...args: Parameters<typeof cache.tree>) => cache.tree(...args).then(meanwhile) };
  await expect(pullVersion({ ...request, cache: slow })).rejects.toThrow(/"precious" was added/);
  expect(await readFile(join(folder, 'out/precious'), 'utf8')).toBe('x');
  await rm(join(folder, 'out/precious'));
  // Died between its two renames, and the next one fails, too.
  const gone = processTag().replace(/^\d+/, '4194303');
  await rename(join(folder, 'out'), join(folder, `out.pulling-${gone}-0123abcd-old`));
  const broken = { ...cache, tree: () => Promise.reject(new Error('no space left')) };
  await expect(pullVersion({ ...request, cache: broken })).rejects.toThrow('no space left');
  expect(await treeOf('out')).toEqual({ 'dt=1/a.jsonl': 'one', 'dt=2/b.jsonl': 'two' });
  expect((await pullVersion(request)).changed).toBe(true);
  expect((await readdir(folder)).filter((name) => name.includes('pulling'))).toEqual([]);
});

it('replaces nothing that a person has put there, unless told to', async () => {
  await seawall('commit visits data');
  await mkdir(join(folder, 'mine'));
  await writeFile(join(folder, 'mine/precious'), 'x');
  await expect(seawall('pull visits mine')).rejects.toMatchObject({
    type: 'BadInput',
    message: expect.stringContaining('no pull on this host') as string,
  });
  await seawall('pull visits out');
  await writeFile(join(folder, 'out/added'), 'x');
  await expect(seawall('pull visits out')).rejects.toThrow(/"added" was added/);
  await rm(join(folder, 'out/added'));
  await rm(join(folder, 'out/dt=1/a.jsonl'));
  await expect(seawall('pull visits out')).rejects.toThrow(/"dt=1\/a.jsonl" was removed/);
  expect((await seawall('pull visits out', { force: true })).document.changed).toBe(true);
  // Written through the link, same size, as only root or a chmod can.
  await chmod(join(folder, 'out/dt=1/a.jsonl'), 0o644);
  await writeFile(join(folder, 'out/dt=1/a.jsonl'), 'ONE');
  await expect(seawall('pull visits out')).rejects.toThrow(/"dt=1\/a.jsonl" was changed/);
  // The cache has the same inode: it notices, and fetches that file again.
  expect((await seawall('pull visits out', { force: true })).document).toMatchObject({
    changed: true,
    fetchedBytes: 3,
  });
  expect(await treeOf('out')).toEqual(await treeOf('data'));
  expect((await readdir(folder)).filter((name) => name.includes('pulling'))).toEqual([]);
});

it.each(['../escaped', '/tmp/escaped', 'a/../../escaped'])(
  'writes nothing outside for a manifest with %s',
  async (path) => {
    const { document } = await seawall('commit visits data');
    const { files } = await store.datasets.manifest('visits', document.version);
    const hostile = { kind: 'dataset-version', schema: 1, files: [{ ...files[0], path }] };
    const version = createHash('sha256').update(canonicalJson(hostile)).digest('hex');
    await store.json.create(keys.datasetVersion('visits', version), hostile);
    const before = await readdir(folder);
    await expect(seawall(`pull visits@${version} deep`)).rejects.toMatchObject({ type: 'BadInput' });
    expect(await readdir(folder)).toEqual(before);
    expect((await seawall(`verify visits@${version}`)).document.problems).toMatchObject([{ type: 'BadInput' }]);
  },
);

it('verify names what is damaged or missing; --resend repairs it', async () => {
  const { document } = await seawall('commit visits data');
  expect(await seawall('verify visits')).toMatchObject({ code: 0, document: { ok: true, objects: 2, bytes: 6 } });
  const { files } = await store.datasets.manifest('visits', document.version);
  const [a, b] = files.map(({ sha256 }) => keys.blob(sha256)) as [string, string];
  await flipByte({ ...s3, options: { ...s3.options, prefix } }, a);
  await rm(join(s3.folder, s3.options.bucket, prefix, b));
  const bad = await seawall('verify visits', { all: true });
  expect(bad.code).toBe(1);
  expect(bad.text).toContain(a);
  expect(bad.text).toContain(b);
  await seawall('commit visits data', { resend: true });
  expect((await seawall('verify visits')).code).toBe(0);
  // The manifest, too.
  await flipByte({ ...s3, options: { ...s3.options, prefix } }, keys.datasetVersion('visits', document.version));
  await expect(seawall('show visits')).rejects.toMatchObject({ type: 'Corrupt' });
  await seawall('commit visits data', { resend: true });
  expect((await seawall('verify visits')).code).toBe(0);
});

it('a head that moved before there was a log: log says so, and collection keeps every version', async () => {
  await seawall('commit visits data');
  await write({ 'dt=2/b.jsonl': 'other' });
  await seawall('commit visits data');
  await rm(join(s3.folder, s3.options.bucket, prefix, keys.datasetHistory('visits'), '00000001.json'));
  const log = await seawall('log visits');
  expect(log.document).toMatchObject({ log: [{ seq: 2 }], unrecorded: 1 });
  expect(log.document.neverHead).toHaveLength(1);
  expect(log.text).toContain('1 move of the head stand in no log');
  expect((await seawall('gc', { dryRun: true })).document.versions).toEqual([]);
  expect((await seawall('show visits')).document.moves).toHaveLength(1);
});

it('detects a file that changes while it is committed', async () => {
  await write({ big: 'x'.repeat(50_000_000) });
  const writer = spawn('sh', ['-c', 'while :; do printf y >> "$0"; done', join(folder, 'data/big')], {
    stdio: 'ignore',
  });
  try {
    await expect(seawall('commit visits data')).rejects.toMatchObject({
      type: 'Conflict',
      message: expect.stringMatching(/data\/big changed while it was read/) as string,
    });
  } finally {
    writer.kill('SIGKILL');
  }
  expect(await store.datasets.head('visits')).toBeUndefined();
});
