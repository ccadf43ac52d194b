/** The real DVC, for tests: in an environment of its own (about 220 MB), installed once. */
import { execFile, type ExecFileException } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../../src/workers/package-root.js';

const REQUIREMENTS = join(import.meta.dirname, 'requirements.txt');
const FOLDER = join(packageRoot, '.seawall', 'peers', 'dvc');
const INSTALL_LIMIT_MS = 300_000;
/** No Python, no venv module, or no package index; anything else is a defect and must not pass for that. */
const CANNOT_BE_HAD = /ENOENT|ensurepip is not|No module named venv|Retrying \(Retry|Could not fetch URL/;

/** Where DVC's programs are, or why it cannot be had here. */
export async function installedDvc(): Promise<{ bin: string } | { missing: string }> {
  const bin = join(FOLDER, 'bin');
  const stamp = join(FOLDER, 'requirements.sha256');
  const wanted = createHash('sha256').update(readFileSync(REQUIREMENTS)).digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return { bin };
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(FOLDER, { recursive: true });
  const quiet = ['-q', '--disable-pip-version-check', '--no-input', '--retries', '2', '-r', REQUIREMENTS];
  const steps: [string, string[]][] = [
    ['python3', ['-m', 'venv', FOLDER]],
    [join(bin, 'python'), ['-m', 'pip', 'install', ...quiet]],
  ];
  for (const [program, args] of steps) {
    const problem = await failureOf(program, args);
    if (problem === undefined) continue;
    if (!CANNOT_BE_HAD.test(problem)) throw new Error(`DVC cannot be installed: ${problem}`);
    return { missing: problem.trim().split('\n').at(-1) ?? problem };
  }
  writeFileSync(stamp, wanted);
  return { bin };
}

function failureOf(program: string, args: string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile(program, args, { timeout: INSTALL_LIMIT_MS }, (error: ExecFileException | null, stdout, stderr) =>
      resolve(error ? `${error.message}\n${stdout}\n${stderr}` : undefined),
    );
  });
}

/** Runs programs in a folder, in an environment without this user's settings of git, DVC and AWS. */
export function commandsIn(bin: string, home: string) {
  const environment = {
    PATH: `${bin}:${process.env['PATH']}`,
    HOME: home,
    DVC_NO_ANALYTICS: 'true',
    DVC_SITE_CACHE_DIR: join(home, 'site-cache'),
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_AUTHOR_NAME: 'ann',
    GIT_AUTHOR_EMAIL: 'ann@example.org',
    GIT_COMMITTER_NAME: 'ann',
    GIT_COMMITTER_EMAIL: 'ann@example.org',
  };
  return (cwd: string, program: string, ...args: string[]): Promise<string> =>
    new Promise((resolve, reject) => {
      execFile(program, args, { cwd, env: environment, maxBuffer: 2 ** 24 }, (error, stdout, stderr) =>
        error ? reject(new Error(`${program} ${args.join(' ')}: ${stderr || error.message}`)) : resolve(stdout),
      );
    });
}
