import { createHash, randomUUID } from 'node:crypto';
import { appendFile, mkdtemp, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { createStore, type Store } from '../../../src/adapters/store/index.js';
import { isSettled, openKnownDigests, stampOf } from '../../../src/adapters/store/known-digests.js';
import { startS3, type S3Server } from '../../support/s3.js';

let s3: S3Server;
let store: Store;
let folder: string;
let log: string;
let localFile: string;
beforeAll(async () => {
  s3 = await startS3();
  store = createStore(s3.options);
  folder = await mkdtemp(join(tmpdir(), 'seawall-digests-'));
});
afterAll(async () => {
  store.close();
  await s3.stop();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(async () => {
  log = join(folder, `${randomUUID()}.log`);
  localFile = join(folder, randomUUID());
  await write('first');
});

async function write(text: string): Promise<void> {
  await writeFile(localFile, text);
  await delay(250); // past the clock tick in which a further writing would not show
}
const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex');
const statOf = (path: string) => stat(path, { bigint: true });

async function commit(): Promise<string> {
  const name = `d-${randomUUID()}`;
  const digests = openKnownDigests(log);
  const { version } = await store.datasets.commitVersion(name, [{ path: 'f', localFile }], { by: 'ann', digests });
  return (await store.datasets.manifest(name, version)).files[0]?.sha256 ?? '';
}

it('a file that has not changed is not read again: an earlier process is believed', async () => {
  expect(await commit()).toBe(digestOf('first'));
  const line = await readFile(log, 'utf8');
  const other = join(folder, randomUUID());
  await writeFile(other, 'other');
  const { sha256 } = await store.blobs.putFile(other);
  await writeFile(log, line.replace(digestOf('first'), sha256));
  // Of 5 bytes, like the first: only what the file itself says could tell.
  expect(await commit()).toBe(sha256);
});

it('what the store lacks is read, whatever was believed', async () => {
  await commit();
  await writeFile(log, (await readFile(log, 'utf8')).replace(digestOf('first'), digestOf('never stored')));
  expect(await commit()).toBe(digestOf('first'));
});

it.each([
  ['other content of the same size', () => write('FIRST')],
  [
    'other content of the same size, with the old time of change',
    async () => {
      const { atime, mtime } = await stat(localFile);
      await utimes(localFile, atime, mtime);
      await delay(250);
      await commit();
      await write('FIRST');
      await utimes(localFile, atime, mtime);
    },
  ],
])('%s is seen', async (_, change) => {
  await commit();
  await change();
  expect(await commit()).toBe(digestOf('FIRST'));
});

it('a file whose time of change is still to come is not believed the next time', async () => {
  const ahead = new Date(Date.now() + 60_000);
  await utimes(localFile, ahead, ahead);
  await commit();
  await expect(readFile(log)).rejects.toThrow('ENOENT');
});

it('is settled when the clock has ticked since, by the coarser of the clocks', () => {
  const at = (mtimeNs: bigint, ctimeNs = mtimeNs) => ({ mtimeNs, ctimeNs }) as Parameters<typeof isSettled>[0];
  const second = 1_000_000_000n;
  const nowMs = 10_000;
  expect(isSettled(at(9n * second + 899_000_000n), nowMs)).toBe(true);
  expect(isSettled(at(9n * second + 901_000_000n), nowMs)).toBe(false);
  expect(isSettled(at(second + 1n, 9n * second + 901_000_000n), nowMs)).toBe(false);
  expect(isSettled(at(8n * second), nowMs)).toBe(false);
  expect(isSettled(at(7n * second), nowMs)).toBe(true);
  expect(isSettled(at(11n * second + 1n), nowMs)).toBe(false);
});

it('does not take a line that was cut off, or of another start of the machine, for a digest', async () => {
  await commit();
  const stamp = stampOf(await statOf(localFile));
  const line = await readFile(log, 'utf8');
  expect(openKnownDigests(log).of(stamp)).toBe(digestOf('first'));
  for (const broken of [
    line.slice(0, -10),
    line.slice(0, -10) + line.replace(digestOf('first'), digestOf('x')),
    line.replace(/^[^\t]+/, randomUUID()),
  ]) {
    await writeFile(log, broken);
    expect(openKnownDigests(log).of(stamp)).toBeUndefined();
  }
  await appendFile(log, `\n${line}`);
  expect(openKnownDigests(log).of(stamp)).toBe(digestOf('first'));
});

it('a commit does not fail where nothing can be kept', async () => {
  log = join(localFile, 'below-a-file', 'digests.log');
  expect(await commit()).toBe(digestOf('first'));
});
