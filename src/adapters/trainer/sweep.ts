import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive, processIds, readStat, sendSignal } from './processes.js';
import type { ProcessStat } from './processes.js';

/** A process that was killed because it belonged to an attempt of this worker. */
export interface Stray {
  pid: number;
  /** `<namespace>/<workerId>/<model>/<n>/<attempt>`. */
  attemptId: string;
  /** Its command line, for the log. */
  command: string;
}

/**
 * Kills every process that an earlier life of this worker has left behind, also those that left their trainer's group,
 * and nobody else's. To be called by a starting worker that holds the lock on its `workerId`.
 *
 * Found by SEAWALL_ATTEMPT in their environment (`/proc/<pid>/environ`, as it was when their program started); a
 * program that was started with an emptied environment outside its group is not found. Other systems than Linux: [].
 */
export async function sweepStrays(worker: { namespace: string; workerId: string }): Promise<Stray[]> {
  const prefix = `${worker.namespace}/${worker.workerId}/`;
  return killMarked((attemptId) => attemptId.startsWith(prefix));
}

/** The same for one attempt that has just ended. */
export async function sweepAttempt(attemptId: string): Promise<Stray[]> {
  return killMarked((found) => found === attemptId);
}

async function killMarked(isOurs: (attemptId: string) => boolean): Promise<Stray[]> {
  const killed = new Map<number, Stray>();
  // Again until nothing is found: a process may fork while the list is being read.
  for (let pauseMs = 2; ; pauseMs = Math.min(pauseMs * 2, 250)) {
    const found = await findMarked(isOurs);
    if (found.length === 0) return [...killed.values()];
    for (const { stray, stat } of found) {
      killed.set(stray.pid, stray);
      await killWithGroup(stat, isOurs);
    }
    await sleep(pauseMs);
  }
}

async function findMarked(isOurs: (attemptId: string) => boolean): Promise<{ stray: Stray; stat: ProcessStat }[]> {
  const found: { stray: Stray; stat: ProcessStat }[] = [];
  for (const pid of await processIds()) {
    if (pid === process.pid) continue;
    const attemptId = await attemptOf(pid);
    if (attemptId === undefined || !isOurs(attemptId)) continue;
    const stat = await readStat(pid);
    if (stat === undefined || !isAlive(stat)) continue;
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    found.push({ stat, stray: { pid, attemptId, command: command.replaceAll('\0', ' ').trim() } });
  }
  return found;
}

/** undefined: no such variable, not ours to read, or ended meanwhile. */
async function attemptOf(pid: number): Promise<string | undefined> {
  const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
  const entry = environment.split('\0').find((line) => line.startsWith('SEAWALL_ATTEMPT='));
  return entry?.slice('SEAWALL_ATTEMPT='.length);
}

/** The group goes too, unless somebody else leads it: a marked process may have been moved into a stranger's group. */
async function killWithGroup(stat: ProcessStat, isOurs: (attemptId: string) => boolean): Promise<void> {
  const leader = await readStat(stat.group);
  const leaderAttempt = leader && isAlive(leader) ? await attemptOf(stat.group) : undefined;
  const leaderIsGone = leader === undefined || !isAlive(leader);
  const groupIsOurs = leaderIsGone || (leaderAttempt !== undefined && isOurs(leaderAttempt));
  const ownGroup = (await readStat(process.pid))?.group;
  if (groupIsOurs && stat.group !== ownGroup) sendSignal(-stat.group, 'SIGKILL');
  sendSignal(stat.pid, 'SIGKILL');
}
