/** Which local files were found to be what their name says, and whether they have been touched since. */
import { appendFile, mkdir, rm, stat } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { bootId } from './process-identity.js';

export interface Stamp {
  size: number;
  /** Seconds, to the microsecond that `utimes` can set. */
  mtime: number;
  /** Changes with every writing, not with linking or reading. */
  text: string;
}
export interface Verified {
  has(path: string, stamp: Stamp): boolean;
  add(path: string, stamp: Stamp): void;
  /** For later processes of this host. */
  keep(): Promise<void>;
}

/** Above it the log is begun anew: what is forgotten is hashed once more. */
const LOG_MAX_BYTES = 64 << 20;

/** A log of 100,000 files has 20 MB: it is read and held once. */
const opened = new Map<string, Verified>();

/** `trust`: what the log of earlier processes says counts, too, unless the machine has been started since: a crash forgets writes. */
export function openVerified(log: string, trust: boolean): Verified {
  if (!trust) return createVerified(log, new Map());
  const verified = opened.get(log) ?? createVerified(log, readLog(log));
  opened.set(log, verified);
  return verified;
}

function createVerified(log: string, known: Map<string, string>): Verified {
  const boot = bootId();
  let unkept: string[] = [];
  return {
    has: (path, { text }) => known.get(path) === text,
    add: (path, { text }) => {
      if (known.get(path) === text) return;
      known.set(path, text);
      unkept.push(`${boot}\t${text}\t${path}\n`);
    },
    keep: async () => {
      const lines = unkept.join('');
      unkept = [];
      if (boot === undefined || lines === '') return;
      await mkdir(dirname(log), { recursive: true });
      if (((await stat(log).catch(() => undefined))?.size ?? 0) > LOG_MAX_BYTES) await rm(log, { force: true });
      await appendFile(log, lines);
    },
  };
}

function readLog(log: string): Map<string, string> {
  const known = new Map<string, string>();
  const boot = bootId();
  if (boot === undefined) return known;
  let text = '';
  try {
    text = readFileSync(log, 'utf8');
  } catch {
    return known; // the first process here
  }
  for (let from = 0, to = 0; from < text.length; from = to + 1) {
    to = text.indexOf('\n', from);
    if (to === -1) to = text.length;
    const [of, stamp, path] = text.slice(from, to).split('\t');
    if (of === boot && stamp !== undefined && path !== undefined) known.set(path, stamp);
  }
  return known;
}

export async function stampOf(path: string): Promise<Stamp | undefined> {
  const found = await stat(path, { bigint: true }).catch(() => undefined);
  if (!found?.isFile()) return undefined;
  const micros = found.mtimeNs / 1000n;
  // In the middle of the microsecond, so that rounding does not change it.
  const mtime = (Number(micros) + 0.5) / 1e6;
  return { size: Number(found.size), mtime, text: `${found.ino}/${found.size}/${micros}` };
}
