// What a measurement needs of the machine: programs that are timed, and memory that the host has given already.
import { spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, readSync, truncateSync, writeFileSync } from 'node:fs';

/** Runs a program to its end: seconds, and the peak of its resident memory in MB. */
export async function timed(command, args, { cwd = process.cwd(), env = {} } = {}) {
  // What the step before has left to the disk must not be this one's.
  spawnSync('sync');
  const since = performance.now();
  const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  let peakMb = 0;
  const watch = setInterval(() => {
    try {
      const [, kb] = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8')) ?? [];
      peakMb = Math.max(peakMb, Number(kb ?? 0) / 1024);
    } catch {
      // it has ended
    }
  }, 20);
  const code = await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve));
  clearInterval(watch);
  const seconds = (performance.now() - since) / 1000;
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}:\n${output.slice(-2000)}`);
  return { seconds, peakMb };
}

const FREE_MB = 768;
const freeMb = () => Number(/MemFree:\s+(\d+)/.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1] ?? 0) / 1024;
const totalMb = () => Number(/MemTotal:\s+(\d+)/.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1] ?? 0) / 1024;

/**
 * Fills free memory with the page cache of a file of holes, so that whoever is measured gets pages that were in use a moment ago.
 * A virtual machine's host takes free memory back and gives it again page by page: then a plain copy of 1 GiB takes ten times as
 * long, and what is measured is the host. Costs no disk; the pages are given up as soon as anybody wants them.
 */
export function fillMemory(file) {
  if (!existsSync('/proc/meminfo')) return;
  if (!existsSync(file)) writeFileSync(file, '');
  truncateSync(file, totalMb() * 2 ** 20);
  const fd = openSync(file, 'r');
  const chunk = Buffer.alloc(16 << 20);
  while (freeMb() > FREE_MB && readSync(fd, chunk) > 0);
  closeSync(fd);
}
