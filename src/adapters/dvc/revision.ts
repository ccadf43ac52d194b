/** Which git revision of a DVC repository is looked at. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { DvcRevision } from '../../contracts/index.js';
import type { Environment } from './remote.js';

const METADATA = [':(glob)**/*.dvc', ':(glob)**/dvc.lock', ':(glob)**/dvc.yaml'];

/** null: no git repository, no commit yet, or no git on this machine. */
export async function gitRevision(root: string, env: Environment): Promise<DvcRevision | null> {
  const git = async (...args: string[]): Promise<string> => {
    // Without the variables of a git hook, which name another repository; the file system monitor would be a program of the
    // repository's choice.
    const own = { PATH: env['PATH'], HOME: env['HOME'] };
    const all = ['-C', root, '-c', 'core.fsmonitor=false', ...args];
    return (await promisify(execFile)('git', all, { env: own, maxBuffer: 64 * 2 ** 20 })).stdout;
  };
  try {
    const commit = (await git('rev-parse', '--verify', 'HEAD')).trim();
    return { commit, changed: (await git('status', '--porcelain', '--', ...METADATA)) !== '' };
  } catch {
    return null;
  }
}
