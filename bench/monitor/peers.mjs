// Evidently and NannyML from PyPI, each in a virtual environment of its own below .seawall/peers. What cannot be had is said, and left out.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { state } from '../../scripts/lib/paths.mjs';

const packages = {
  evidently: ['evidently==0.7.23', 'pandas<3', 'pyarrow'],
  nannyml: ['nannyml==0.13.1', 'statsmodels==0.15.0', 'pyarrow'],
};

/** The Python of a peer, or why there is none. */
export function findPeer(name) {
  const home = join(state, 'peers', name);
  const python = join(home, 'bin', 'python');
  const stamp = join(home, 'seawall-packages');
  const wanted = packages[name].join(' ');
  try {
    if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== wanted) {
      console.error(`installing ${wanted} …`);
      mkdirSync(join(state, 'peers'), { recursive: true });
      const quiet = { stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' };
      execFileSync('python3', ['-m', 'venv', '--clear', home], quiet);
      execFileSync(python, ['-m', 'pip', 'install', '-q', ...packages[name]], quiet);
      writeFileSync(stamp, wanted);
    }
    return { name, python };
  } catch (error) {
    const missing = String(error.stderr || error.message)
      .trim()
      .split('\n')
      .at(-1);
    return { name, missing };
  }
}
