/** Looking at processes and ending groups of them. What only `/proc` can tell is known on Linux alone. */
import { readFile, readdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

export interface ProcessStat {
  pid: number;
  /** One letter as in proc(5): R, S, D, Z, X, … */
  state: string;
  group: number;
  session: number;
}

export const hasProc = process.platform === 'linux';

/** All process ids of this machine (of this container); empty where there is no `/proc`. */
export async function processIds(): Promise<number[]> {
  if (!hasProc) return [];
  const names = await readdir('/proc');
  return names.filter((name) => /^\d+$/.test(name)).map(Number);
}

/** undefined when the process has ended meanwhile. */
export async function readStat(pid: number): Promise<ProcessStat | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  // The second field is the program's name in parentheses and may hold anything, parentheses included.
  const [state, , group, session] = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { pid, state: state as string, group: Number(group), session: Number(session) };
}

/** A zombie runs nothing and holds nothing: it only waits to be counted by its parent. */
export const isAlive = (stat: ProcessStat): boolean => stat.state !== 'Z' && stat.state !== 'X';

/** Sends a signal to a process, or to a group when `target` is negative; false when there is none. */
export function sendSignal(target: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(target, signal);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    // Not ours to signal, but it is there.
    if ((error as NodeJS.ErrnoException).code === 'EPERM') return true;
    throw error;
  }
}

async function groupIsGone(group: number): Promise<boolean> {
  if (!sendSignal(-group, 0)) return true;
  if (!hasProc) return false;
  // The signal also reaches zombies, which stay for ever where process 1 does not collect them (bare containers).
  const stats = await Promise.all((await processIds()).map(readStat));
  return !stats.some((stat) => stat !== undefined && stat.group === group && isAlive(stat));
}

/** Resolves when no process of the group runs any more. Has no deadline of its own: "gone" must mean gone. */
export async function waitUntilGroupIsGone(group: number): Promise<void> {
  for (let pauseMs = 2; !(await groupIsGone(group)); pauseMs = Math.min(pauseMs * 2, 250)) {
    await sleep(pauseMs);
  }
}
