/** What this host trains on. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** CUDA devices by what the driver says, as `cuda:0`; none where there is no driver. */
export async function findDevices(): Promise<string[]> {
  try {
    const { stdout } = await promisify(execFile)('nvidia-smi', ['--query-gpu=index', '--format=csv,noheader']);
    return stdout.split('\n').flatMap((line) => (line.trim() ? [`cuda:${line.trim()}`] : []));
  } catch {
    return [];
  }
}
