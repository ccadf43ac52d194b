/** `.dvc/config` and `.dvc/config.local`: where the cache is, and which remotes there are. */
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { SeawallError } from '../../contracts/index.js';

export interface DvcConfig {
  /** Absolute. */
  cacheFolder: string;
  defaultRemote: string | undefined;
  /** Settings by the remote's name, as `url` and `endpointurl`; a `url` that is a folder is absolute. */
  remotes: ReadonlyMap<string, Readonly<Record<string, string>>>;
}

type Sections = Map<string, Record<string, string>>;

/** Reads both files; the local one wins, setting by setting. Machine-wide and user-wide files of DVC are not read. */
export async function readDvcConfig(root: string): Promise<DvcConfig> {
  const folder = join(root, '.dvc');
  const merged: Sections = new Map();
  for (const file of ['config', 'config.local']) {
    const path = join(folder, file);
    const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '';
      throw new SeawallError('AccessDenied', `${path} cannot be read: ${error.message}`, 'Check its permissions.');
    });
    for (const [section, settings] of parseSections(text, path))
      merged.set(section, { ...merged.get(section), ...settings });
  }
  const remotes = new Map<string, Record<string, string>>();
  for (const [section, settings] of merged) {
    const name = /^remote\s*"(.*)"$/.exec(section)?.[1];
    if (name === undefined) continue;
    const { url } = settings;
    remotes.set(name, url === undefined ? settings : { ...settings, url: resolvePath(folder, url) });
  }
  return {
    cacheFolder: resolvePath(folder, merged.get('cache')?.['dir'] ?? 'cache'),
    defaultRemote: merged.get('core')?.['remote']?.toLowerCase(),
    remotes,
  };
}

/** Relative to the folder of the configuration file, as DVC has it; addresses stay as they are. */
function resolvePath(folder: string, path: string): string {
  if (/^\w+:\/\//.test(path) || isAbsolute(path)) return path;
  if (path === '~' || path.startsWith('~/')) return join(homedir(), path.slice(1));
  return resolve(folder, path);
}

/** The part of ConfigObj's format that DVC writes: sections, `key = value`, quotes, comments. DVC ignores case in names. */
function parseSections(text: string, path: string): Sections {
  const sections: Sections = new Map();
  let current: Record<string, string> | undefined;
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const header = /^\[(.+?)\]\s*(#.*)?$/.exec(line)?.[1];
    if (header !== undefined) {
      const name = unquoted(header).trim().toLowerCase();
      current = sections.get(name) ?? {};
      sections.set(name, current);
      continue;
    }
    const [, key, value] = /^([^=]+?)\s*=\s*(.*)$/.exec(line) ?? [];
    if (key === undefined || value === undefined || current === undefined)
      throw new SeawallError(
        'BadInput',
        `${path}:${index + 1} is neither a section nor "key = value"`,
        'Correct the file; `dvc config --list` shows how DVC reads it.',
      );
    current[unquoted(key).toLowerCase()] = unquoted(value);
  }
  return sections;
}

/** What stands in quotes; otherwise everything up to a comment. */
function unquoted(text: string): string {
  const [, , quoted] = /^(["'])(.*?)\1\s*(#.*)?$/.exec(text) ?? [];
  return quoted ?? text.replace(/\s*#.*$/, '');
}
