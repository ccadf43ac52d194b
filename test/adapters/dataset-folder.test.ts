import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { scanFolder } from '../../src/adapters/dataset-folder.js';

let root: string;
let folder: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'seawall-folder-'));
  folder = join(root, 'data');
  await mkdir(folder);
  await writeFile(join(folder, 'a.parquet'), 'one');
});
afterEach(() => rm(root, { recursive: true, force: true }));

it('finds every file, at any depth, and says which folders are empty', async () => {
  await mkdir(join(folder, 'dt=1/deep'), { recursive: true });
  await mkdir(join(folder, 'empty'));
  await writeFile(join(folder, 'dt=1/deep/.hidden'), '');
  await symlink(join(folder, 'a.parquet'), join(folder, 'link.parquet'));
  const scanned = await scanFolder(folder);
  expect(scanned.files.map(({ path, size }) => [path, size])).toEqual([
    ['a.parquet', 3],
    ['dt=1/deep/.hidden', 0],
    ['link.parquet', 3],
  ]);
  expect(scanned).toMatchObject({ bytes: 6, emptyFolders: ['empty'] });
});

const inside = (name: string): string => join(folder, name);
it.each<[string, () => Promise<unknown>, RegExp]>([
  ['a link that leaves the folder', () => symlink('/etc/hostname', inside('out')), /link .*out leaves the folder/],
  ['a link that leads up', () => symlink('../data/../../x', inside('up')), /leads nowhere|leaves/],
  ['a broken link', () => symlink('nothing', inside('broken')), /link .*broken leads nowhere/],
  ['a link to a folder', () => mkdir(inside('d')).then(() => symlink('d', inside('again'))), /leads to a folder/],
  ['a pipe', async () => execFileSync('mkfifo', [inside('pipe')]), /pipe is not a file \(a pipe\)/],
  ['names that differ in case', () => writeFile(inside('A.parquet'), ''), /differ only in case/],
  [
    'folders that differ in case',
    async () => {
      for (const name of ['X', 'x']) {
        await mkdir(inside(name));
        await writeFile(inside(`${name}/${name.charCodeAt(0)}`), '');
      }
    },
    /"X" and "x" differ/,
  ],
  [
    'names that differ in Unicode form',
    () => Promise.all(['\u00e9', 'e\u0301'].map((name) => writeFile(inside(name), ''))),
    /Unicode form/,
  ],
  ['a control character', () => writeFile(inside('a\nb'), ''), /control character/],
  ['a backslash', () => writeFile(inside('a\\b'), ''), /backslash/],
  [
    'a name that is not UTF-8',
    () => writeFile(Buffer.concat([Buffer.from(`${folder}/`), Buffer.from([0xff, 0x2e])]), ''),
    /not valid UTF-8/,
  ],
])('refuses %s before anything is sent', async (_, make, message) => {
  await make();
  await expect(scanFolder(folder)).rejects.toMatchObject({
    type: 'BadInput',
    message: expect.stringMatching(message) as string,
  });
});

it('refuses what is no folder, is missing, or has no file', async () => {
  await expect(scanFolder(join(root, 'none'))).rejects.toMatchObject({ type: 'NotFound' });
  await expect(scanFolder(join(folder, 'a.parquet'))).rejects.toThrow(/is not a folder/);
  await rm(join(folder, 'a.parquet'));
  await mkdir(join(folder, 'sub'));
  await expect(scanFolder(folder)).rejects.toThrow(/there is no file in/);
});

it.skipIf(process.getuid?.() === 0)('refuses a file that cannot be read', async () => {
  await writeFile(join(folder, 'secret'), 'x', { mode: 0 });
  await expect(scanFolder(folder)).rejects.toThrow(/secret cannot be read/);
});
