/** A process, named so that a reused pid is never mistaken for it. The stack, which may import no adapter, has its own. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';

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

/** Whether a process lives: `elsewhere` when it cannot be told from here, because its pid counts on another machine or in another container. */
export type Life = 'alive' | 'gone' | 'elsewhere';

/** Matches what `processTag` makes. */
export const PROCESS_TAG = String.raw`\d+-[0-9a-f]{12}-[0-9a-f]{8}`;

/** Names this process in the names of files that it has not finished. */
export function processTag(): string {
  return `${process.pid}-${shortHash(identityOf(process.pid)?.startTime ?? '', 12)}-${here()}`;
}

/** Whether the process lives that a tag names. */
export function lifeOf(tag: string): Life {
  const [pid = '', start, place] = tag.split('-');
  if (place !== here()) return 'elsewhere';
  return shortHash(startTimeOf(Number(pid)) ?? '', 12) === start ? 'alive' : 'gone';
}

let place: string | undefined;
/** Where pids count: this start of this machine, and this namespace of pids. */
function here(): string {
  if (place === undefined) {
    let namespace = '';
    try {
      namespace = readlinkSync('/proc/self/ns/pid');
    } catch {
      // no namespaces here
    }
    place = shortHash(`${bootId() ?? ''}/${namespace}`, 8);
  }
  return place;
}

const shortHash = (text: string, length: number): string =>
  createHash('sha256').update(text).digest('hex').slice(0, length);

/** Boot id and clock ticks on Linux, `ps` elsewhere; undefined when there is no such process, or only a zombie. */
function startTimeOf(pid: number): string | undefined {
  if (process.platform !== 'linux') return startTimeFromPs(pid);
  const stat = readText(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  // The command (field 2) may hold spaces and parentheses: fields are counted after its last one.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' ? undefined : `${bootId() ?? 'boot'}:${fields[19]}`;
}

/** Changes with every start of the machine; undefined where the system does not say. */
export const bootId = (): string | undefined => readText('/proc/sys/kernel/random/boot_id')?.trim();

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
