import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The clone's (or installed package's) root. */
export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
/** Set-up's own state: binaries, caches, stamps, the trainer's Python. Never outside the project, never root's. */
export const state = join(root, '.seawall');
export const binFolder = join(state, 'bin');
export const venvFolder = join(state, 'venv');
export const venvPython = join(venvFolder, 'bin', 'python');
