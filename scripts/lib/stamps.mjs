// Set-up is skipped by content, not by time: a stamp holds the hash of everything that the result was made from.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { root, state } from './paths.mjs';

/** SHA-256 over names and contents of files and folders (recursively; `keep` decides about files), relative to the root. */
export function hashOf(paths, keep = () => true) {
  const hash = createHash('sha256');
  for (const path of paths) {
    for (const file of filesUnder(join(root, path))) {
      const name = relative(root, file);
      if (!keep(name)) continue;
      const content = readFileSync(file);
      hash.update(`${name}\0${content.length}\0`).update(content);
    }
  }
  return hash.digest('hex');
}

function filesUnder(path) {
  if (!existsSync(path)) return [];
  try {
    return readdirSync(path, { withFileTypes: true })
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .flatMap((entry) => {
        if (entry.name === 'node_modules' || entry.name === '__pycache__') return [];
        const child = join(path, entry.name);
        return entry.isDirectory() ? filesUnder(child) : [child];
      });
  } catch (error) {
    if (error.code === 'ENOTDIR') return [path];
    throw error;
  }
}

const stampFile = (name) => join(state, 'stamps', name);

/** True when the stamp says that this content was already worked on. */
export function isCurrent(name, hash) {
  try {
    return readFileSync(stampFile(name), 'utf8') === hash;
  } catch {
    return false;
  }
}

export function stamp(name, hash) {
  mkdirSync(join(state, 'stamps'), { recursive: true });
  writeFileSync(stampFile(name), hash);
}

/** Removed before work begins, so that an interrupted step counts as not done. */
export function unstamp(name) {
  rmSync(stampFile(name), { force: true });
}
