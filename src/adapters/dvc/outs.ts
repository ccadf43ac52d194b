/** What a DVC repository tracks: the outs of its `.dvc` files and of its pipelines. */
import { lstat, readdir, readFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { z } from 'zod';
import { SeawallError } from '../../contracts/index.js';
import { contentOf, isTrue, outShape, parseYaml, placeOf, type DvcOut } from './metadata.js';
import { readPipeline } from './pipeline.js';
import { refusal, type Refusal } from './refusal.js';

const MAX_METADATA_BYTES = 64 * 2 ** 20;
const NEVER_ENTERED = new Set(['.git', '.hg', '.dvc']);

/** Everything that the repository tracks, by path. Symbolic links to folders and repositories inside are not followed. */
export async function readOuts(root: string): Promise<DvcOut[]> {
  const outs: DvcOut[] = [];
  const folders = [''];
  for (let folder = folders.shift(); folder !== undefined; folder = folders.shift()) {
    const entries = await readdir(join(root, folder), { withFileTypes: true });
    if (folder !== '' && entries.some(({ name }) => name === '.dvc')) continue;
    for (const entry of entries) {
      const path = posix.join(folder, entry.name);
      if (entry.isDirectory()) continue;
      if (/.\.dvc$/.test(entry.name)) outs.push(...readDvcFile(path, await readMetadata(root, path)));
      if (entry.name === 'dvc.yaml') {
        const lock = entries.some(({ name }) => name === 'dvc.lock') ? posix.join(folder, 'dvc.lock') : undefined;
        const lockText = lock === undefined ? undefined : await readMetadata(root, lock);
        outs.push(...readPipeline(path, await readMetadata(root, path), lockText));
      }
    }
    // The content of a tracked folder is DVC's: it may be millions of files, and nothing in it tracks anything.
    const tracked = new Set(outs.map(({ path }) => path));
    for (const entry of entries) {
      const path = posix.join(folder, entry.name);
      if (entry.isDirectory() && !NEVER_ENTERED.has(entry.name) && !tracked.has(path)) folders.push(path);
    }
  }
  return outs.sort((a, b) => (a.path < b.path ? -1 : 1));
}

async function readMetadata(root: string, path: string): Promise<string> {
  const file = join(root, path);
  const found = await lstat(file);
  if (!found.isFile())
    throw new SeawallError(
      'BadInput',
      `${file} is ${found.isSymbolicLink() ? 'a symbolic link' : 'no plain file'}`,
      'Replace it by a plain file: what a link points to may change without DVC or git noticing.',
    );
  if (found.size > MAX_METADATA_BYTES)
    throw new SeawallError('BadInput', `${file} has ${found.size} bytes: it cannot be DVC's`, 'Look at the file.');
  return readFile(file, 'utf8');
}

const dvcFileShape = z.looseObject({ outs: z.array(outShape), wdir: z.string().optional() });

function readDvcFile(file: string, text: string): DvcOut[] {
  const { outs, wdir = '.', deps, frozen } = parseYaml(text, file, dvcFileShape);
  const imported = (Array.isArray(deps) && deps.length > 0) || isTrue(frozen);
  return outs.map((entry) => {
    const { path, outside } = placeOf(posix.dirname(file), wdir, entry.path, file);
    const problem = outside ?? (imported ? broughtIn(file) : undefined);
    const remote = typeof entry['remote'] === 'string' ? entry['remote'].toLowerCase() : undefined;
    const content = problem ?? contentOf(entry, isTrue(entry['cache'] ?? 'true'));
    return { path, trackedBy: file, remote, content };
  });
}

const broughtIn = (file: string): Refusal =>
  refusal(
    'it was brought in by `dvc import` or `dvc import-url` (or is frozen), so its content belongs to another place',
    `Import it from there; or make it this repository's own: \`dvc remove ${file}\`, then \`dvc add\` it.`,
  );
