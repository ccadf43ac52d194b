/** One process per worker id and namespace on a host: a starting worker ends the strays of its id, which must be nobody else's. */
import { join } from 'node:path';
import { takeProcessLock } from '../adapters/process-lock.js';
import { SeawallError } from '../contracts/index.js';

/** Takes the lock, also from a process that has died; what it returns gives it back. Throws `Conflict` when it is held. */
export function lockWorkerId(homeDir: string, namespace: string, workerId: string): () => void {
  const lock = takeProcessLock(join(homeDir, 'locks', `${namespace.replace(/[^\w.-]/g, '_')}.${workerId}`));
  if ('release' in lock) return lock.release;
  throw new SeawallError(
    'Conflict',
    `the worker id ${workerId} is in use by process ${lock.holder.pid} on this host`,
    'End that worker, or give this one another SEAWALL_WORKER_ID.',
  );
}
