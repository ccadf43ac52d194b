import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SeawallError } from '../contracts/index.js';

export interface ServingHome {
  folder: string;
  /** Names this serving process in the log's objects; the same after a restart. */
  servingId: string;
  unlock(): void;
}

/** Takes `<home>/serving` for this process: two in one folder would upload each other's open segments. Throws `Conflict`. */
export function openServingHome(home: string): ServingHome {
  const folder = join(home, 'serving');
  mkdirSync(folder, { recursive: true });
  const lock = join(folder, 'lock');
  const holder = readText(lock);
  if (holder !== undefined && holder !== identity(process.pid) && isAlive(holder)) {
    throw new SeawallError(
      'Conflict',
      `Another serving process (pid ${holder.split(' ')[0]}) uses ${folder}`,
      'Stop it first, or give this one another SEAWALL_HOME.',
    );
  }
  writeFileSync(lock, identity(process.pid) ?? '');
  return { folder, servingId: servingIdOf(join(folder, 'id')), unlock: () => rmSync(lock, { force: true }) };
}

function servingIdOf(path: string): string {
  const known = readText(path)?.trim();
  if (known && /^[0-9a-f]{12}$/.test(known)) return known;
  const id = randomBytes(6).toString('hex');
  writeFileSync(path, `${id}\n`);
  return id;
}

/** Process id and start time: a number alone may have been given to another process. */
function identity(pid: number): string | undefined {
  const stat = readText(`/proc/${pid}/stat`);
  if (stat === undefined) return existsBySignal(pid) ? `${pid}` : undefined;
  // The command in parentheses may contain spaces; the start time is the 20th field behind it.
  return `${pid} ${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`;
}

const isAlive = (holder: string): boolean => identity(Number(holder.split(' ')[0])) === holder;

/** Where there is no /proc. */
function existsBySignal(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
