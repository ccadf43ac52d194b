import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { takeProcessLock } from '../adapters/process-lock.js';
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
  const lock = takeProcessLock(join(folder, 'lock'));
  if ('holder' in lock) {
    throw new SeawallError(
      'Conflict',
      `Another serving process (pid ${lock.holder.pid}) uses ${folder}`,
      'Stop it first, or give this one another SEAWALL_HOME.',
    );
  }
  return { folder, servingId: servingIdOf(join(folder, 'id')), unlock: lock.release };
}

function servingIdOf(path: string): string {
  const known = readText(path)?.trim();
  if (known && /^[0-9a-f]{12}$/.test(known)) return known;
  const id = randomBytes(6).toString('hex');
  writeFileSync(path, `${id}\n`);
  return id;
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
