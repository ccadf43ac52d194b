/** A process, named so that a reused pid is never mistaken for it: pid and start time together. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

export interface ProcessIdentity {
  pid: number;
  /** Opaque; equal for the same process only. */
  startTime: string;
}

/** When a process started (boot id and clock ticks on Linux, `ps` elsewhere); undefined when there is none, or only a zombie. */
export function startTimeOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The command name (field 2) may hold spaces and parentheses: count fields after its last one.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : `${bootId()}:${fields[19]}`;
  } catch {
    return process.platform === 'linux' ? undefined : startTimeFromPs(pid);
  }
}

/** Ticks count from boot: without the boot's id, a process after a reboot could look like one from before. */
function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return 'boot';
  }
}

function startTimeFromPs(pid: number): string | undefined {
  try {
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim() || undefined;
  } catch {
    return undefined;
  }
}

export function identityOf(pid: number): ProcessIdentity | undefined {
  const startTime = startTimeOf(pid);
  return startTime === undefined ? undefined : { pid, startTime };
}

/** True while the very process lives that was recorded. */
export function isAlive(identity: ProcessIdentity): boolean {
  return startTimeOf(identity.pid) === identity.startTime;
}

/** Sends a signal to a process group, or to the process where it leads none; false when nobody was there. */
export function signalGroup(pid: number, signal: NodeJS.Signals): boolean {
  for (const target of [-pid, pid]) {
    try {
      process.kill(target, signal);
      return true;
    } catch {
      // no such group or process
    }
  }
  return false;
}

/** Ends a process that is not our child, by identity: SIGTERM to its group, SIGKILL after the grace period. */
export async function endProcess(identity: ProcessIdentity, graceMs: number): Promise<boolean> {
  if (!isAlive(identity)) return false;
  signalGroup(identity.pid, 'SIGTERM');
  if (!(await isGoneWithin(identity, graceMs))) {
    signalGroup(identity.pid, 'SIGKILL');
    await isGoneWithin(identity, 5_000);
  }
  return true;
}

/** Waits for the end of a process that is not our child: only looking again tells. */
export async function isGoneWithin(identity: ProcessIdentity, withinMs: number): Promise<boolean> {
  const deadline = Date.now() + withinMs;
  while (isAlive(identity)) {
    if (Date.now() >= deadline) return false;
    await delay(50);
  }
  return true;
}
