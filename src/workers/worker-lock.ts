/** One process per worker id and namespace on a host: a starting worker ends the strays of its id, which must be nobody else's. */
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SeawallError } from '../contracts/index.js';
import { identityOf, isAlive, type ProcessIdentity } from '../stack/process-identity.js';

/** Takes the lock, also from a process that has died; resolves to what gives it back. Throws `Conflict` when it is held. */
export async function lockWorkerId(homeDir: string, namespace: string, workerId: string): Promise<() => Promise<void>> {
  const folder = join(homeDir, 'locks');
  await mkdir(folder, { recursive: true });
  const path = join(folder, `${namespace.replace(/[^\w.-]/g, '_')}.${workerId}.json`);
  for (let attempt = 1; attempt <= 3; attempt++) {
    if (await tryCreate(path)) return () => rm(path, { force: true });
    const holder = await readHolder(path);
    if (holder && isAlive(holder)) {
      throw new SeawallError(
        'Conflict',
        `the worker id ${workerId} is in use by process ${holder.pid} on this host`,
        'End that worker, or give this one another SEAWALL_WORKER_ID.',
      );
    }
    await rm(path, { force: true });
  }
  throw new SeawallError('Conflict', `the lock ${path} changes hands all the time`, 'Start the worker again.');
}

async function tryCreate(path: string): Promise<boolean> {
  const draft = `${path}.${process.pid}`;
  await writeFile(draft, JSON.stringify(identityOf(process.pid)));
  try {
    await link(draft, path); // a lock appears with its content, or not at all
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

async function readHolder(path: string): Promise<ProcessIdentity | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as ProcessIdentity;
  } catch {
    return undefined; // given back meanwhile, or spoilt: the retry decides
  }
}
