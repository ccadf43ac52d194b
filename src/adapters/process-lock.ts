/**
 * A lock that one process of this host holds until it gives it back or dies.
 *
 * It is a row of files, `<path>.1`, `<path>.2`, …, of which the highest counts: it names its holder, or says that it was given
 * back. Taking the lock is creating the next number with its content, by link(2), which only one of several can do. So nobody
 * ever removes what somebody else might just have made, which is how a lock that is one file gets two holders. The highest
 * number is never removed; who has one below it came too late.
 */
import { randomUUID } from 'node:crypto';
import { linkSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { identityOf, isAlive, type ProcessIdentity } from './process-identity.js';

export interface ProcessLock {
  release(): void;
}
/** What a lock's file says; `holder` is null when it was given back. */
interface Entry {
  holder: ProcessIdentity | null;
}

/** Takes the lock at `path` for this process, also from one that has died; or says who holds it. */
export function takeProcessLock(path: string): ProcessLock | { holder: ProcessIdentity } {
  const self = identityOf(process.pid);
  if (!self) throw new Error('cannot read the start time of this process');
  mkdirSync(dirname(path), { recursive: true });
  for (;;) {
    const highest = numbersOf(path).at(-1) ?? 0;
    const holder = highest > 0 ? readEntry(`${path}.${highest}`)?.holder : undefined;
    if (holder && isAlive(holder)) return { holder };
    const mine = highest + 1;
    const file = `${path}.${mine}`;
    if (!create(file, { holder: self })) continue;
    const numbers = numbersOf(path);
    if (numbers.at(-1) !== mine) {
      // The number was free only because its time is over: others have gone past it and tidied up.
      rmSync(file, { force: true });
      continue;
    }
    // The one before stays: who lists the folder at this moment sees it or ours.
    for (const old of numbers.filter((number) => number < mine - 1)) rmSync(`${path}.${old}`, { force: true });
    return { release: () => replace(file, { holder: null }) };
  }
}

/** Ascending. */
function numbersOf(path: string): number[] {
  const prefix = `${basename(path)}.`;
  const names = readdirSync(dirname(path)).filter((name) => name.startsWith(prefix));
  const numbers = names.map((name) => name.slice(prefix.length)).filter((rest) => /^[1-9]\d*$/.test(rest));
  return numbers.map(Number).sort((a, b) => a - b);
}

function readEntry(file: string): Entry | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Entry;
  } catch {
    return undefined; // tidied up meanwhile, or spoilt: nobody holds it
  }
}

/** A file appears with its content, or not at all; false when it is there already. */
function create(file: string, entry: Entry): boolean {
  const draft = writeDraft(file, entry);
  try {
    linkSync(draft, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

const replace = (file: string, entry: Entry): void => renameSync(writeDraft(file, entry), file);

function writeDraft(file: string, entry: Entry): string {
  const draft = `${file}.${randomUUID()}.draft`;
  writeFileSync(draft, JSON.stringify(entry));
  return draft;
}
