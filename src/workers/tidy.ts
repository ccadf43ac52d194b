/** What a worker removes from its host's disk: what nobody will need again. */
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { removeTree, sweepRunFolders } from '../activities/work-folders.js';
import type { Logger } from './logger.js';

const DAY_MS = 86_400_000;

/** Removes what lies in a folder of scratch files and was last changed more than `olderThanMs` ago. */
export async function sweepScratch(folder: string, olderThanMs = DAY_MS, nowMs = Date.now()): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    const path = join(folder, name);
    const found = await stat(path).catch(() => undefined);
    if (!found || nowMs - found.mtimeMs < olderThanMs) continue;
    await (found.isDirectory() ? removeTree(path) : rm(path, { force: true }));
  }
}

export interface Tidy {
  /** Begins a sweep, unless one runs. */
  soon(): void;
  /** Resolves when the sweep that runs has ended. */
  ended(): Promise<void>;
}

/** Sweeps the folders of runs that have ended. A sweep that fails is told, and nothing else: the next one does it. */
export function createTidy(ports: Parameters<typeof sweepRunFolders>[0], logger: Pick<Logger, 'info' | 'warn'>): Tidy {
  let running: Promise<void> | undefined;
  const sweep = async (): Promise<void> => {
    try {
      const removed = await sweepRunFolders(ports);
      if (removed.length > 0) logger.info({ removed }, 'removed the folders of runs that have ended');
    } catch (error) {
      logger.warn({ error: String(error) }, 'the folders of runs that have ended could not be removed');
    }
    running = undefined;
  };
  return {
    soon: () => {
      running ??= sweep();
    },
    ended: async () => running,
  };
}

type Activities = Record<string, (...args: never[]) => Promise<unknown>>;

/** The same functions; `then` is called at the end of each call. */
export function followedBy<A extends Activities>(activities: A, then: () => void): A {
  const entries = Object.entries(activities).map(([name, fn]) => [
    name,
    (...args: unknown[]) => (fn as (...args: unknown[]) => Promise<unknown>)(...args).finally(then),
  ]);
  return Object.fromEntries(entries) as A;
}
