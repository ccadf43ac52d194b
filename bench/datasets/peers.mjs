// DVC and rclone, each in a place of its own below .seawall/bench. What cannot be had is said, and left out of the table.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { root, state } from '../../scripts/lib/paths.mjs';

const home = join(state, 'bench');
export const DVC_VERSION = '3.67.0';

/** The path of a program, or why there is none. */
function tryTo(name, make) {
  try {
    return { name, path: make() };
  } catch (error) {
    return {
      name,
      missing: String(error.stderr ?? error.message)
        .trim()
        .split('\n')
        .at(-1),
    };
  }
}

const quiet = { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' };

export function findDvc() {
  return tryTo('dvc', () => {
    const path = join(home, 'dvc', 'bin', 'dvc');
    const current = () => existsSync(path) && execFileSync(path, ['--version'], quiet).trim() === DVC_VERSION;
    if (!current()) {
      mkdirSync(home, { recursive: true });
      execFileSync('python3', ['-m', 'venv', join(home, 'dvc')], quiet);
      execFileSync(join(home, 'dvc', 'bin', 'pip'), ['install', '-q', `dvc[s3]==${DVC_VERSION}`], quiet);
    }
    return path;
  });
}

export function findRclone() {
  return tryTo('rclone', () => {
    const onPath = tryTo('rclone', () => execFileSync('which', ['rclone'], quiet).trim());
    if (onPath.path) return onPath.path;
    const path = join(home, 'rclone', 'usr', 'bin', 'rclone');
    if (!existsSync(path)) {
      mkdirSync(home, { recursive: true });
      execFileSync('apt-get', ['download', 'rclone'], { ...quiet, cwd: home });
      const [archive] = readdirSync(home).filter((name) => /^rclone_.*\.deb$/.test(name));
      execFileSync('dpkg', ['-x', join(home, archive), join(home, 'rclone')], quiet);
    }
    execFileSync(path, ['version'], quiet);
    return path;
  });
}

export const versionOf = (path, ...args) => execFileSync(path, args, quiet).split('\n')[0].trim();
