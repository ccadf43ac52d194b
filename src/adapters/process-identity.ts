/** A process, named so that a reused pid is never mistaken for it. The stack, which may import no adapter, has its own. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

export interface ProcessIdentity {
  pid: number;
  /** Opaque; equal for the same process only. */
  startTime: string;
}

export function identityOf(pid: number): ProcessIdentity | undefined {
  const startTime = startTimeOf(pid);
  return startTime === undefined ? undefined : { pid, startTime };
}

/** True while the very process lives that was recorded. */
export const isAlive = ({ pid, startTime }: ProcessIdentity): boolean => startTimeOf(pid) === startTime;

/** Boot id and clock ticks on Linux, `ps` elsewhere; undefined when there is no such process, or only a zombie. */
function startTimeOf(pid: number): string | undefined {
  if (process.platform !== 'linux') return startTimeFromPs(pid);
  const stat = readText(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  // The command (field 2) may hold spaces and parentheses: fields are counted after its last one.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z'
    ? undefined
    : `${readText('/proc/sys/kernel/random/boot_id')?.trim() ?? 'boot'}:${fields[19]}`;
}

function startTimeFromPs(pid: number): string | undefined {
  try {
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim() || undefined;
  } catch {
    return undefined;
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
