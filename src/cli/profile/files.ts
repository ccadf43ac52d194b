/** What a person names on the command line, as files: a file, a folder, or a pattern that no shell has expanded. */
import { readdir, stat } from 'node:fs/promises';
import { basename, join, relative, resolve, sep } from 'node:path';
import { TABLE_ENDINGS, tableFormat } from '../../adapters/duckdb/profile/index.js';
import { SeawallError } from '../../contracts/index.js';

export interface NamedFile {
  path: string;
  /** For people. */
  name: string;
}

/**
 * In the order of their names. Of a folder and of a pattern those files that may be tables; hidden ones are left out.
 * @throws SeawallError NotFound where there is nothing
 */
export async function filesOf(cwd: string, named: string): Promise<NamedFile[]> {
  const path = resolve(cwd, named);
  const found = await stat(path).catch(() => null);
  if (found?.isFile()) return [{ path, name: basename(path) }];
  const isPattern = /[*?]/.test(named);
  if (!found && !isPattern)
    throw new SeawallError('NotFound', `there is no file ${path}`, 'Name a file, a folder, or a pattern in quotes.');
  const root = found ? path : path.slice(0, path.slice(0, path.search(/[*?]/)).lastIndexOf(sep) + 1);
  const pattern = found ? null : asRegExp(path);
  const files = (await walk(root))
    .filter((file) => tableFormat(file) !== undefined && (pattern === null || pattern.test(file)))
    .sort()
    .map((file) => ({ path: file, name: relative(root, file) }));
  if (files.length > 0) return files;
  throw new SeawallError(
    'NotFound',
    `${named} has no files that may be tables`,
    `Their names must end in ${TABLE_ENDINGS}.`,
  );
}

async function walk(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const visible = entries.filter(({ name }) => !name.startsWith('.'));
  const paths = await Promise.all(
    visible.map(async (entry) => {
      const path = join(folder, entry.name);
      return entry.isDirectory() ? walk(path) : [path];
    }),
  );
  return paths.flat();
}

/** `*` and `?` within a name, `**` across folders. */
function asRegExp(pattern: string): RegExp {
  const parts = pattern.split(/(\*\*\/|\*\*|\*|\?)/);
  const source = parts.map((part) => WILD[part] ?? part.replace(/[.+^${}()|[\]\\]/g, '\\$&')).join('');
  return new RegExp(`^${source}$`);
}
const WILD: Record<string, string> = { '**/': '(?:.*/)?', '**': '.*', '*': '[^/]*', '?': '[^/]' };
