/** Repositories that DVC would not make: damaged, hostile, or of a kind that is not imported. */
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { importDvc, type DvcImported } from '../../../src/adapters/dvc/import.js';
import { createStore, type Store } from '../../../src/adapters/store/index.js';
import { startS3, type S3Server } from '../../support/s3.js';

let s3: S3Server;
let store: Store;
let home: string;
let root: string;
let name: string;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'seawall-dvc-refusals-'));
  s3 = await startS3();
  store = createStore(s3.options);
});
afterAll(async () => {
  store?.close();
  await s3?.stop();
  await rm(home, { recursive: true, force: true });
});
beforeEach(async () => {
  name = `d-${randomUUID()}`;
  root = join(home, randomUUID(), 'repo');
  await mkdir(join(root, '.dvc'), { recursive: true });
  await write('.dvc/config', '');
});

const md5 = (content: string): string => createHash('md5').update(content).digest('hex');
const text = (pattern: RegExp): string => expect.stringMatching(pattern) as string;

async function write(path: string, content: string): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), content);
}
const cachePath = (digest: string): string => `.dvc/cache/files/md5/${digest.slice(0, 2)}/${digest.slice(2)}`;
async function cache(content: string, suffix = ''): Promise<string> {
  await write(cachePath(md5(content)) + suffix, content);
  return md5(content) + suffix;
}
const track = (path: string, digest: string, more = ''): Promise<void> =>
  write('it.dvc', `outs:\n- md5: '${digest}'\n  hash: md5\n  path: ${path}\n${more}`);

const run = (...targets: string[]): Promise<DvcImported> =>
  importDvc(store, { dataset: name, repository: root, targets, by: 'ann', env: {}, scratch: join(home, 'scratch') });

async function expectRefusal(type: string, message: RegExp, next: RegExp): Promise<void> {
  await expect(run()).rejects.toMatchObject({ name: 'SeawallError', type, message: text(message), next: text(next) });
}

it('an import that takes days relies on nothing that may have been collected meanwhile', async () => {
  await track('data.csv', await cache('x'));
  const later = (): void => void vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 4 * 864e5 });
  const slow = { dataset: name, repository: root, targets: [], by: 'ann', env: {}, scratch: join(home, 'scratch') };
  try {
    await expect(importDvc(store, { ...slow, onProgress: later })).rejects.toMatchObject({
      type: 'Conflict',
      message: text(/took so long/),
      next: text(/what was sent is not sent again/),
    });
  } finally {
    vi.useRealTimers();
  }
  expect(await store.datasets.head(name)).toBeUndefined();
  expect(await run()).toMatchObject({ files: 1, uploadedBytes: 0 });
});

describe('an import that is refused', () => {
  afterEach(async () => {
    expect(await store.datasets.head(name)).toBeUndefined(); // nothing was committed
  });

  it.each(['../x', '/etc/passwd', 'a/../../x', 'a//b', '', 'a\\b', '..'])(
    'has a folder with the path %j',
    async (relpath) => {
      const object = await cache('x');
      const listing = JSON.stringify([{ md5: object, relpath }]);
      await track('data', await cache(listing, '.dir'));
      await expectRefusal('BadInput', /the listing of data\/, tracked by it.dvc cannot be used: .*path/, /dvc add/);
    },
  );

  it.each(['{', '{}', '[{"relpath": "a"}]', '[{"md5": "../../../../etc/passwd", "relpath": "a"}]'])(
    'has the listing %s',
    async (listing) => {
      await track('data', await cache(listing, '.dir'));
      await expectRefusal('BadInput', /the listing of data\/, tracked by it.dvc cannot be used/, /dvc add/);
    },
  );

  it.each([
    ['../x', ''],
    ['/etc/passwd', ''],
    ['s3://bucket/x', ''],
    ['x', 'wdir: ../..\n'],
    ['.', ''],
  ])('tracks %s outside (%j)', async (path, more) => {
    await track(path, await cache('x'), more);
    await expectRefusal('BadInput', /tracked by it.dvc, cannot be imported: it lies outside/, /it\.dvc/);
  });

  it.each([
    ['md5: 00\n  hash: md5', /"00" is no MD5/, /dvc commit/],
    [`md5: ${'0'.repeat(32)}\n  hash: blake3`, /its hash is "blake3"/, /DVC 3/],
    ['etag: abc-1', /its hash is "etag"/, /DVC 3/],
    ['size: 3', /has not recorded its MD5/, /dvc commit/],
    [`md5: ${'0'.repeat(32)}\n  hash: md5\n  cloud: {r: {etag: a}}`, /cloud-versioned remote/, /dvc pull/],
    [`md5: ${'0'.repeat(32)}\n  hash: md5\n  cache: false`, /`cache: false`/, /dvc commit/],
  ])('tracks by %j', async (fields, message, next) => {
    await write('it.dvc', `outs:\n- path: x\n  ${fields}\n`);
    await expectRefusal('BadInput', message, next);
  });

  it('has a symbolic link where DVC keeps a file', async () => {
    const digest = await cache('x');
    await track('x', digest);
    await rename(join(root, cachePath(digest)), join(root, 'moved'));
    await symlink(join(root, 'moved'), join(root, cachePath(digest)));
    await expectRefusal('BadInput', /is a symbolic link, which DVC does not store \(needed for x/, /dvc fetch/);

    await rm(join(root, cachePath(digest)));
    await symlink(join(root, 'moved'), join(root, 'x'));
    await expectRefusal('NotFound', /not in the workspace \(missing, edited, or a link\)/, /dvc push/);

    await rename(join(root, 'it.dvc'), join(root, 'elsewhere'));
    await symlink(join(root, 'elsewhere'), join(root, 'it.dvc'));
    await expectRefusal('BadInput', /it\.dvc is a symbolic link/, /plain file/);
  });

  it.each([
    ['it.dvc', '', /it\.dvc cannot be read/],
    ['it.dvc', 'outs: [', /it\.dvc cannot be read/],
    ['it.dvc', 'outs:\n- md5: x\n', /it\.dvc cannot be read as a file of DVC 3: outs\.0\.path/],
    ['dvc.lock', 'prepare: {cmd: x}\n', /dvc\.lock cannot be read as a file of DVC 3: schema: is not "2\.0"/],
  ])('has %s with %j', async (file, content, message) => {
    await write('dvc.yaml', 'stages: {}\n');
    await write(file, content);
    await expectRefusal('BadInput', message, /git/);
  });

  it('has nothing to import', async () => {
    await expectRefusal('NotFound', /DVC tracks nothing in/, /revision/);
    await track('data', await cache('[]', '.dir'));
    await expectRefusal('NotFound', /there is no file in what DVC tracks/, /add data/);
    await rm(join(root, '.dvc'), { recursive: true });
    await expectRefusal('NotFound', /is no DVC repository: it has no folder \.dvc/, /dvc init/);
  });

  it('has a configuration that cannot be', async () => {
    await track('x', md5('x'));
    await write('.dvc/config', '[core]\nremote\n');
    await expectRefusal('BadInput', /config:2 is neither/, /dvc config --list/);
    await write('.dvc/config', '[core]\nremote = gone\n');
    await expectRefusal('BadInput', /no remote "gone"/, /dvc remote add/);
    const remote = `['remote "r"']\nurl = s3://bucket/x\naccess_key_id = a\nsecret_access_key = b\n`;
    await write('.dvc/config', `[core]\nremote = r\n${remote}endpointurl = localhost:9000\n`);
    await expectRefusal('BadInput', /remote "r" .*"localhost:9000" is no URL of a server/, /endpointurl/);
  });

  it('has no bucket, and says whose', async () => {
    await track('x', md5('x'));
    const { port, accessKeyId, secretAccessKey } = s3.options;
    const keys = `access_key_id = ${accessKeyId}\nsecret_access_key = ${secretAccessKey}\n`;
    const url = `url = s3://nowhere/x\nendpointurl = http://127.0.0.1:${port}\n`;
    await write('.dvc/config', `[core]\nremote = r\n['remote "r"']\n${url}${keys}`);
    await expectRefusal(
      'NotFound',
      /remote "r" \(s3:\/\/nowhere\/x\): there is no bucket "nowhere"/,
      /the remote's url/,
    );
  });
});

describe('an import that is not refused', () => {
  it('reads the configuration as DVC does: quotes, comments, case, the local file last', async () => {
    await track('x', md5('x'));
    await write('.dvc/config', `[CORE]\n  Remote = "Main" # default\n[cache]\n  dir = ../unused\n`);
    const remotes = `[cache]\ndir='../../shared cache'\n['remote "main"']\n    url = "/no/where#x"\n`;
    await write('.dvc/config.local', remotes);
    await expect(run()).rejects.toThrow(/remote "main" \(\/no\/where#x\)/);
    await write(join('../shared cache', cachePath(md5('x')).slice('.dvc/cache/'.length)), 'x');
    expect((await run()).from).toMatchObject({ cache: 1 });
  });

  it('takes an out from the remote that the out names', async () => {
    await write('it.dvc', `outs:\n- {md5: ${md5('x')}, hash: md5, path: x, remote: Other}\n`);
    await write(
      '.dvc/config',
      `[core]\nremote = main\n['remote "main"']\nurl = /no/where\n['remote "other"']\nurl = ../../remote\n`,
    );
    await write(join('../remote', cachePath(md5('x')).slice('.dvc/cache/'.length)), 'x');
    expect((await run()).from).toMatchObject({ remote: 1 });
  });

  it('looks neither into tracked folders nor into repositories inside', async () => {
    await track('data', await cache(JSON.stringify([{ md5: await cache('x'), relpath: 'x' }]), '.dir'));
    await write('data/bad.dvc', 'outs: [');
    await write('inner/.dvc/config', '');
    await write('inner/bad.dvc', 'outs: [');
    await write('data.dvc.d/.gitkeep', '');
    expect(await run()).toMatchObject({ files: 1, outs: ['data'], revision: null, message: 'DVC import of data' });
  });

  it('does not sit behind broken files: what a stage no longer makes is ignored, digests of digits are text', async () => {
    const object = await cache('x');
    const out = (path: string): string => `{path: ${path}, md5: ${object}, hash: md5}`;
    await write('dvc.yaml', 'stages:\n  a: {cmd: x, outs: [x]}\n');
    await write(
      'dvc.lock',
      `schema: '2.0'\nstages:\n  a: {cmd: x, outs: [${out('x')}]}\n  old: {cmd: x, outs: [${out('x')}]}\n`,
    );
    expect(await run()).toMatchObject({ files: 1, outs: ['x'] });
    await write('it.dvc', `outs:\n- md5: 12345678901234567890123456789012\n  hash: md5\n  path: y\n`);
    await expect(run()).rejects.toThrow(/md5 12345678901234567890123456789012 is not in the cache/);
  });
});
