import { readFile } from 'node:fs/promises';

/**
 * How many processes the kernel has killed for lack of memory: in this process's control group, or on the whole
 * machine where that cannot be read. undefined where neither is known. Two readings tell whether one was killed between.
 */
export async function countMemoryKills(): Promise<number | undefined> {
  const group = await readFile('/proc/self/cgroup', 'utf8').catch(() => '');
  // cgroup v2 has one line: 0::/path
  const path = /^0::(\/.*)$/m.exec(group)?.[1];
  const files = [...(path ? [`/sys/fs/cgroup${path}/memory.events`] : []), '/proc/vmstat'];
  for (const file of files) {
    const count = /^oom_kill (\d+)$/m.exec(await readFile(file, 'utf8').catch(() => ''))?.[1];
    if (count !== undefined) return Number(count);
  }
  return undefined;
}

/** What programs print when an allocation failed: Python, C++, libc, CUDA. */
const MEMORY_WORDS = /MemoryError|bad_alloc|out of memory|cannot allocate memory|CUDA_ERROR_OUT_OF_MEMORY/i;
export const speaksOfMemory = (lines: readonly string[]): boolean => lines.some((line) => MEMORY_WORDS.test(line));
