/** Against repositories that the real DVC made. */
import { createHash, randomUUID } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DvcImportProgress } from '../../../src/adapters/dvc/contents.js';
import { importDvc, type DvcImported } from '../../../src/adapters/dvc/import.js';
import { createStore, type Store } from '../../../src/adapters/store/index.js';
import { keys, type DatasetImport } from '../../../src/contracts/index.js';
import { commandsIn, installedDvc } from '../../support/dvc/index.js';
import { startS3, type S3Server } from '../../support/s3.js';

const dvc = await installedDvc();
const bin = 'bin' in dvc ? dvc.bin : '';
const why = 'missing' in dvc ? ` (skipped: DVC cannot be had here: ${dvc.missing})` : '';

let s3: S3Server;
let store: Store;
let home: string;
let run: ReturnType<typeof commandsIn>;

const newName = (): string => `d-${randomUUID()}`;
const sha256 = (bytes: Buffer | string): string => createHash('sha256').update(bytes).digest('hex');
const md5 = (bytes: Buffer | string): string => createHash('md5').update(bytes).digest('hex');
const text = (pattern: RegExp): string => expect.stringMatching(pattern) as string;

async function write(folder: string, files: Record<string, string | Buffer>): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
}

/** A repository under git, with a commit of what `dvc add` made of these files; the first parts of their paths are added. */
async function repository(files: Record<string, string | Buffer>, under = home): Promise<string> {
  const root = await mkdtemp(join(under, 'repo-'));
  await run(root, 'git', 'init', '-q');
  await run(root, 'dvc', 'init', '-q');
  await write(root, files);
  const tops = [...new Set(Object.keys(files).map((path) => path.split('/')[0] ?? ''))];
  if (tops.length > 0) await run(root, 'dvc', 'add', '-q', ...tops);
  await commit(root);
  return root;
}

async function commit(root: string): Promise<string> {
  await run(root, 'git', 'add', '-A');
  await run(root, 'git', 'commit', '-q', '--allow-empty', '-m', 'data');
  return (await run(root, 'git', 'rev-parse', 'HEAD')).trim();
}

/** What git has of it: no cache, no workspace files. */
async function clone(root: string): Promise<string> {
  const copy = await mkdtemp(join(dirname(root), 'clone-'));
  await run(copy, 'git', 'clone', '-q', root, '.');
  return copy;
}

const cached = (root: string, digest: string): string =>
  join(root, '.dvc/cache/files/md5', digest.slice(0, 2), digest.slice(2));

async function overwrite(file: string, content: string): Promise<void> {
  await chmod(file, 0o644);
  await writeFile(file, content);
}

function importInto(
  dataset: string,
  repository: string,
  targets: string[] = [],
  env: Record<string, string | undefined> = {},
  onProgress?: (progress: DvcImportProgress) => void,
): Promise<DvcImported> {
  const base = { PATH: process.env['PATH'], HOME: home };
  const scratch = join(home, 'scratch');
  return importDvc(store, { dataset, repository, targets, by: 'ann', env: { ...base, ...env }, scratch, onProgress });
}

const manifestOf = async (name: string, version: string): Promise<Record<string, string>> =>
  Object.fromEntries(
    (await store.datasets.manifest(name, version)).files.map(({ path, sha256, size }) => [path, `${size} ${sha256}`]),
  );
const expected = (files: Record<string, string | Buffer>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(files).map(([path, content]) => [path, `${Buffer.byteLength(content)} ${sha256(content)}`]),
  );

const FILES = {
  'single.csv': 'a,b\r\n1,2\r\n',
  'data/part.csv': 'one',
  'data/empty.csv': '',
  'data/ü folder/日本/b c.csv': 'two',
  'data/copy.csv': 'one',
};

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'seawall-dvc-'));
  run = commandsIn(bin, home);
  s3 = await startS3();
  store = createStore(s3.options);
});
afterAll(async () => {
  store?.close();
  await s3?.stop();
  await rm(home, { recursive: true, force: true });
});

describe.skipIf(bin === '')(`import of a DVC repository${why}`, () => {
  it('takes files and folders from the cache, with the git revision, and sends nothing a second time', async () => {
    const root = await repository(FILES);
    const head = await commit(root);
    const name = newName();
    const first = await importInto(name, root);
    expect(first).toMatchObject({
      seq: 1,
      files: 5,
      bytes: 19,
      outs: ['data', 'single.csv'],
      // Two files of equal content are one content.
      from: { store: 0, cache: 4, workspace: 0, remote: 0 },
      revision: { commit: head, changed: false },
      message: `DVC import of data, single.csv at ${head.slice(0, 12)}`,
    });
    expect(await manifestOf(name, first.version)).toEqual(expected(FILES));
    const record = await store.records.newest<DatasetImport>(keys.datasetImports(name));
    expect(record).toMatchObject({ seq: 1, version: first.version, by: 'ann', revision: { commit: head } });
    expect(record?.files.find(({ path }) => path === 'data/part.csv')).toEqual({
      path: 'data/part.csv',
      hash: 'md5',
      md5: md5('one'),
      sha256: sha256('one'),
      size: 3,
    });

    // Not even read: known from the last import, however long ago that was.
    const longAgo = new Date(Date.now() - 30 * 86_400_000);
    for (const entry of await readdir(s3.folder, { recursive: true, withFileTypes: true }))
      if (entry.isFile()) await utimes(join(entry.parentPath, entry.name), longAgo, longAgo);
    await rm(join(root, 'single.csv'));
    await rm(cached(root, md5(FILES['single.csv'])));
    const again = await importInto(name, root);
    expect(again).toMatchObject({ version: first.version, seq: 1, uploadedBytes: 0, from: { store: 4, cache: 0 } });
    expect((await store.records.newest(keys.datasetImports(name)))?.seq).toBe(1);
  });

  it('imports of a changed folder only what changed, and says that DVC files are not committed', async () => {
    const old = randomUUID();
    const root = await repository({ 'data/a': old, 'data/b': `b ${old}`, 'data/c': `c ${old}` });
    const name = newName();
    await importInto(name, root);
    const changed = `changed ${old}`;
    await rm(join(root, 'data/c'));
    await write(root, { 'data/b': changed });
    await run(root, 'dvc', 'add', '-q', 'data');
    const second = await importInto(name, root);
    expect(second).toMatchObject({
      seq: 2,
      uploadedBytes: changed.length,
      from: { store: 1, cache: 1 },
      revision: { changed: true },
      message: text(/ with uncommitted changes$/),
    });
    expect(await manifestOf(name, second.version)).toEqual(expected({ 'data/a': old, 'data/b': changed }));
  });

  it('takes what targets name: outs, parts of folders, folders above, files that track', async () => {
    const root = await repository(FILES);
    await mkdir(join(root, 'deep/er'), { recursive: true });
    await write(root, { 'deep/er/x.csv': 'x' });
    await run(root, 'dvc', 'add', '-q', 'deep/er/x.csv');
    const pathsOf = async (...targets: string[]): Promise<string[]> => {
      const name = newName();
      return Object.keys(await manifestOf(name, (await importInto(name, root, targets)).version));
    };
    expect(await pathsOf('single.csv')).toEqual(['single.csv']);
    expect(await pathsOf('./data/ü folder/', 'single.csv.dvc')).toEqual(['data/ü folder/日本/b c.csv', 'single.csv']);
    expect(await pathsOf('data/part.csv', 'data/copy.csv')).toEqual(['data/copy.csv', 'data/part.csv']);
    expect(await pathsOf('deep')).toEqual(['deep/er/x.csv']);
    expect(await pathsOf('data', 'data/part.csv')).toHaveLength(4);
    const refused = {
      type: 'NotFound',
      message: text(/tracks nothing at "nope"/),
      next: text(/data deep\/er\/x.csv single.csv/),
    };
    await expect(importInto(newName(), root, ['data', 'nope'])).rejects.toMatchObject(refused);
    await expect(importInto(newName(), root, ['data/nope'])).rejects.toMatchObject({
      message: text(/no "data\/nope"/),
    });
  });

  it('takes the outs of pipelines, and says what of them it cannot take', async () => {
    const root = await repository({ 'in.csv': 'in' });
    await write(root, {
      'dvc.yaml': `
stages:
  prepare:
    cmd: mkdir -p out/deep && cp in.csv out/deep/x && cp in.csv model.bin && echo 1 > score.json
    deps: [in.csv]
    outs: [out, model.bin]
    metrics: [score.json: {cache: false}]
  each:
    foreach: [a, b]
    do:
      cmd: cp ../in.csv part-\${item}.csv && cp ../in.csv plot-\${item}.csv
      wdir: parts
      outs: ["part-\${item}.csv"]
      plots: ["plot-\${item}.csv": {cache: false}]
`,
      'parts/.keep': '',
    });
    await run(root, 'dvc', 'repro', '-q');
    const name = newName();
    const taken = await importInto(name, root, ['out', 'model.bin', 'parts/part-a.csv', 'parts/part-b.csv', 'in.csv']);
    const paths = ['in.csv', 'model.bin', 'out/deep/x', 'parts/part-a.csv', 'parts/part-b.csv'];
    expect(await manifestOf(name, taken.version)).toEqual(
      expected(Object.fromEntries(paths.map((path) => [path, 'in']))),
    );

    const refused = (message: RegExp, next: RegExp) => ({ type: 'BadInput', message: text(message), next: text(next) });
    await expect(importInto(newName(), root)).rejects.toMatchObject(
      refused(
        /parts\/plot-a.csv, tracked by dvc.yaml:each@a, .*`cache: false`.*\(and 2 more/s,
        /To import only the rest, name it: in.csv model.bin out parts\/part-a.csv parts\/part-b.csv\./,
      ),
    );
    await expect(importInto(newName(), root, ['dvc.yaml:prepare'])).rejects.toMatchObject(
      refused(/score.json, tracked by dvc.yaml:prepare, .*`cache: false`/, /dvc commit/),
    );
    await run(root, 'dvc', 'freeze', 'prepare');
    await expect(importInto(newName(), root, ['out'])).rejects.toMatchObject(refused(/frozen/, /dvc unfreeze/));
    await run(root, 'dvc', 'stage', 'add', '-q', '-n', 'later', '-o', 'later.csv', 'true');
    await expect(importInto(newName(), root, ['dvc.yaml:later'])).rejects.toMatchObject(
      refused(/later.csv, tracked by dvc.yaml:later, .*dvc.lock has no content/, /dvc repro later/),
    );
    await write(root, { 'src.txt': 'from elsewhere' });
    await run(root, 'dvc', 'import-url', '-q', join(root, 'src.txt'), 'brought.txt');
    await expect(importInto(newName(), root, ['brought.txt'])).rejects.toMatchObject(
      refused(/brought in by `dvc import`/, /dvc remove brought.txt.dvc/),
    );
  });

  it('takes from the workspace what the cache lacks, if it is unchanged', async () => {
    const root = await repository({ 'a.csv': 'a', 'b.csv': 'b' });
    for (const content of ['a', 'b']) await rm(cached(root, md5(content)));
    expect((await importInto(newName(), root)).from).toEqual({ store: 0, cache: 0, workspace: 2, remote: 0 });
    await overwrite(join(root, 'b.csv'), 'edited');
    const name = newName();
    await expect(importInto(name, root)).rejects.toMatchObject({
      type: 'NotFound',
      message: text(new RegExp(`b.csv, tracked by b.csv.dvc is missing: md5 ${md5('b')} .*no remote is configured`)),
      next: text(/dvc push/),
    });
    expect(await store.datasets.head(name)).toBeUndefined();
  });

  it('takes everything from a remote that is a folder', async () => {
    const under = await mkdtemp(join(home, 'with-remote-'));
    const root = await repository(FILES, under);
    await run(root, 'dvc', 'remote', 'add', '-q', '-d', 'Shared', '../remote folder');
    await run(root, 'dvc', 'push', '-q');
    await commit(root);
    const copy = await clone(root);
    expect(existsSync(join(copy, 'data'))).toBe(false);
    const name = newName();
    const imported = await importInto(name, copy);
    expect(imported.from).toEqual({ store: 0, cache: 0, workspace: 0, remote: 4 });
    expect(await manifestOf(name, imported.version)).toEqual(expected(FILES));

    const object = join(under, 'remote folder/files/md5', md5('two').slice(0, 2), md5('two').slice(2));
    await overwrite(object, 'twp');
    const broken = newName();
    await expect(importInto(broken, copy)).rejects.toMatchObject({
      type: 'Corrupt',
      message: text(new RegExp(`in remote "shared" .* is damaged: DVC says md5 ${md5('two')}, it has ${md5('twp')}`)),
      next: text(/dvc push/),
    });
    await rm(object);
    await expect(importInto(broken, copy)).rejects.toMatchObject({
      type: 'NotFound',
      message: text(/data\/ü folder\/日本\/b c.csv, tracked by data.dvc is missing: .*not in remote "shared"/),
    });
    expect(await store.datasets.head(broken)).toBeUndefined();
  });

  it('says which cache object is damaged, also a listing of a folder', async () => {
    const root = await repository(FILES);
    await overwrite(cached(root, md5('two')), 'twp');
    const name = newName();
    const damaged = (what: RegExp) => ({
      type: 'Corrupt',
      message: text(what),
      next: text(/Delete this file and run `dvc fetch`/),
    });
    await expect(importInto(name, root)).rejects.toMatchObject(
      damaged(new RegExp(`${cached(root, md5('two'))} is damaged.*needed for data/ü folder`)),
    );
    const listing = /md5: (\w+)\.dir/.exec(await readFile(join(root, 'data.dvc'), 'utf8'))?.[1] ?? '';
    await overwrite(`${cached(root, listing)}.dir`, '[]');
    await expect(importInto(name, root)).rejects.toMatchObject(
      damaged(/\.dir is damaged.*needed for data\/, tracked by/),
    );
    expect(await store.datasets.head(name)).toBeUndefined();
  });
});

describe.skipIf(bin === '')(`import from an S3 remote${why}`, () => {
  const bucket = 'dvc-remote';
  let endpoint: string;
  beforeAll(async () => {
    endpoint = `http://127.0.0.1:${s3.options.port}`;
    await mkdir(join(s3.folder, bucket)); // in versitygw a folder is a bucket
  });

  /** Pushes a repository; the clone has neither cache nor files nor keys. */
  async function pushed(root: string): Promise<{ copy: string; folder: string }> {
    const folder = `team ${randomUUID()}/x`;
    await run(root, 'dvc', 'remote', 'add', '-q', '-d', 'store', `s3://${bucket}/${folder}/`);
    await run(root, 'dvc', 'remote', 'modify', 'store', 'endpointurl', endpoint);
    await giveKeys(root);
    await run(root, 'dvc', 'push', '-q');
    await commit(root);
    return { copy: await clone(root), folder };
  }
  async function giveKeys(root: string, secret = s3.options.secretAccessKey): Promise<void> {
    const modify = ['remote', 'modify', '--local', 'store'];
    await run(root, 'dvc', ...modify, 'access_key_id', s3.options.accessKeyId);
    await run(root, 'dvc', ...modify, 'secret_access_key', secret);
  }

  it('takes everything with keys of the local configuration or of the environment', async () => {
    const { copy, folder } = await pushed(await repository(FILES));
    const name = newName();
    await expect(importInto(name, copy)).rejects.toMatchObject({
      type: 'AccessDenied',
      message: text(/remote "store" \(s3:.*there are no keys/),
      next: text(/dvc remote modify --local store access_key_id/),
    });
    const env = { AWS_ACCESS_KEY_ID: s3.options.accessKeyId, AWS_SECRET_ACCESS_KEY: s3.options.secretAccessKey };
    let left: string[] | undefined;
    const imported = await importInto(name, copy, [], env, ({ done, total }) => {
      if (done === total) left = readdirSync(join(home, 'scratch'), { recursive: true }).map(String);
    });
    expect(left?.filter((path) => path.includes('/'))).toEqual([]); // each download goes when it is stored
    expect(imported.from).toEqual({ store: 0, cache: 0, workspace: 0, remote: 4 });
    expect(await manifestOf(name, imported.version)).toEqual(expected(FILES));

    await giveKeys(copy, 'wrong');
    await expect(importInto(newName(), copy, [], env)).rejects.toMatchObject({
      type: 'AccessDenied',
      message: text(/remote "store"/),
      next: text(/dvc remote modify/),
    });
    await giveKeys(copy);
    await rm(join(s3.folder, bucket, folder, 'files/md5', md5('two').slice(0, 2), md5('two').slice(2)));
    await expect(importInto(newName(), copy)).rejects.toMatchObject({
      type: 'NotFound',
      message: text(/b c\.csv.*not in remote "store"/),
    });
    // The store has it from the first import.
    expect(await importInto(name, copy)).toMatchObject({
      version: imported.version,
      uploadedBytes: 0,
      from: { store: 4 },
    });
    expect(await readdir(join(home, 'scratch'))).toEqual([]);
  });

  it('streams a large file with flat memory', async () => {
    const size = 128 * 2 ** 20;
    const root = await repository({});
    // Written by another process, so that this one has no memory to spare.
    await run(root, 'dd', 'if=/dev/urandom', 'of=large.bin', 'bs=1M', `count=${size / 2 ** 20}`);
    await run(root, 'dvc', 'add', '-q', 'large.bin');
    const { copy } = await pushed(root);
    await giveKeys(copy);
    const before = process.memoryUsage().rss;
    let peak = 0;
    const sampling = setInterval(() => (peak = Math.max(peak, process.memoryUsage().rss)), 10);
    const imported = await importInto(newName(), copy);
    clearInterval(sampling);
    expect(imported).toMatchObject({ bytes: size, uploadedBytes: size, from: { remote: 1 } });
    expect(peak - before).toBeLessThan(size / 2);
  });

  it('refuses other remotes in words, and does not miss them while the cache has everything', async () => {
    const root = await repository({ 'a.csv': 'a' });
    await run(root, 'dvc', 'remote', 'add', '-q', '-d', 'far', 'ssh://host/path');
    expect((await importInto(newName(), root)).from.cache).toBe(1);
    await rm(join(root, 'a.csv'));
    await rm(join(root, '.dvc/cache'), { recursive: true });
    const config = (url: string, more = ''): Promise<void> =>
      writeFile(join(root, '.dvc/config'), `[core]\n    remote = far\n['remote "far"']\n    url = ${url}\n${more}`);
    for (const url of ['ssh://host/path', 'gs://b/p', 'https://host/p', 'azure://c/p']) {
      await config(url);
      const kind = url.split(':')[0];
      await expect(importInto(newName(), root)).rejects.toMatchObject({
        type: 'BadInput',
        message: text(new RegExp(`remote "far" \\(${url}\\): remotes of the kind "${kind}" are not supported`)),
        next: text(/dvc fetch/),
      });
    }
    for (const setting of ['profile = mine', 'version_aware = true', 'ssl_verify = false']) {
      await config(`s3://${bucket}/x`, `    ${setting}\n`);
      const message = text(new RegExp(`its setting ${setting.split(' ')[0]} is not supported`));
      await expect(importInto(newName(), root)).rejects.toMatchObject({ type: 'BadInput', message });
    }
  });
});

describe.skipIf(bin === '')(`import of what DVC 2 made${why}`, () => {
  it('takes its layout, with MD5s of texts that ignore carriage returns', async () => {
    const root = await repository({});
    const files = {
      'text.csv': 'a\r\nb\r\nc\r',
      'data/mixed.bin': Buffer.concat([Buffer.from('\0\r\n'), Buffer.alloc(600, '\r\n')]),
      'data/odd.txt': Buffer.from('é\r\n'.repeat(40)),
      'data/edge.txt': Buffer.concat([Buffer.alloc(2 ** 20 - 1, 'x'), Buffer.alloc(2 ** 20, '\r\n')]),
    };
    await write(root, files);
    // DVC 3 still has DVC 2's hash and its place in the cache.
    await write(home, {
      'legacy.py': `
import json, os, shutil, sys
from dvc_data.hashfile.hash import file_md5
def put(path):
    md5 = file_md5(path, name="md5-dos2unix")
    os.makedirs(".dvc/cache/" + md5[:2], exist_ok=True)
    shutil.move(path, ".dvc/cache/" + md5[:2] + "/" + md5[2:])
    return md5
entries = [{"md5": put("data/" + name), "relpath": name} for name in sorted(os.listdir("data"))]
open("listing", "w").write(json.dumps(entries))
listing = put("listing")
os.rename(f".dvc/cache/{listing[:2]}/{listing[2:]}", f".dvc/cache/{listing[:2]}/{listing[2:]}.dir")
open("data.dvc", "w").write(f"outs:\\n- md5: {listing}.dir\\n  path: data\\n")
open("text.csv.dvc", "w").write(f"outs:\\n- md5: {put('text.csv')}\\n  path: text.csv\\n")
`,
    });
    await run(root, join(bin, 'python'), join(home, 'legacy.py'));
    const name = newName();
    const imported = await importInto(name, root);
    expect(imported.from).toEqual({ store: 0, cache: 4, workspace: 0, remote: 0 });
    expect(await manifestOf(name, imported.version)).toEqual(expected(files));
    await run(root, 'dvc', 'checkout', '-q'); // DVC takes it for its own
    expect(await readFile(join(root, 'text.csv'), 'utf8')).toBe(files['text.csv']);
  });
});
