// What must be on the machine already (Node, Python), and what is made from the lock files (node_modules, the trainer's Python).
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { exec, probe, tail, which } from './exec.mjs';
import { root, state, venvFolder } from './paths.mjs';
import { say, SetupError, step } from './progress.mjs';
import { hashOf, isCurrent, stamp, unstamp } from './stamps.mjs';

/** True when version `found` is at least `wanted` (dotted numbers). */
export function atLeast(found, wanted) {
  const a = found.split('.').map(Number);
  const b = wanted.split('.').map(Number);
  for (let i = 0; i < b.length; i++) {
    if ((a[i] ?? 0) !== b[i]) return (a[i] ?? 0) > b[i];
  }
  return true;
}

const NODE_WANTED = '20.20';
const PYTHON_WANTED = '3.11';

export function checkNode() {
  if (atLeast(process.versions.node, NODE_WANTED)) return;
  throw new SetupError(
    `Node.js ${process.versions.node} runs this, Seawall needs ${NODE_WANTED} or newer. Install it from https://nodejs.org and try again.`,
  );
}

/** The first Python on PATH that is new enough: `{ command, version }`. */
export function findPython() {
  const seen = [];
  for (const name of ['python3', 'python3.13', 'python3.12', 'python3.11', 'python']) {
    const command = which(name);
    if (!command) continue;
    const version = probe(command, ['-c', 'import platform; print(platform.python_version())']);
    if (version && atLeast(version, PYTHON_WANTED)) return { command, version };
    seen.push(`${command} is ${version ?? 'not runnable'}`);
  }
  throw new SetupError(
    `Python ${PYTHON_WANTED} or newer is needed for the trainer and was not found on PATH` +
      `${seen.length > 0 ? ` (${seen.join('; ')})` : ''}. Install it (Debian/Ubuntu: apt install python3 python3-venv) and try again.`,
  );
}

/** node_modules as package-lock.json says; `npm ci` only when they differ. */
export async function ensureNodeModules() {
  if (!nodeModulesMatch()) {
    await step('Installing Node packages (npm ci)', async () => {
      const { code, output } = await exec('npm', ['ci', '--no-audit', '--no-fund'], { cwd: root });
      if (code !== 0) {
        throw new SetupError(
          `npm ci failed (exit code ${code}):\n${tail(output)}\n  Check that your npm registry can be reached (npm ping), then try again.`,
        );
      }
    });
  }
  linkOwnCommand();
}

/** Compares npm's own record of what it installed with the lock file: works for `npm install` by hand as well. */
function nodeModulesMatch() {
  try {
    const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
    const installed = JSON.parse(readFileSync(join(root, 'node_modules', '.package-lock.json'), 'utf8')).packages;
    return Object.entries(wanted).every(
      ([path, entry]) =>
        path === '' || installed[path]?.version === entry.version || (entry.optional === true && !installed[path]),
    );
  } catch {
    return false;
  }
}

/** `npx seawall` in a clone: some npm versions do not find the bin of the project that they stand in. */
function linkOwnCommand() {
  const link = join(root, 'node_modules', '.bin', 'seawall');
  chmodSync(join(root, 'bin', 'seawall.js'), 0o755);
  if (existsSync(link)) return;
  mkdirSync(dirname(link), { recursive: true });
  rmSync(link, { force: true });
  symlinkSync('../../bin/seawall.js', link);
}

/** Ready trainers by name: the lock, the environment's folder, the stamp. One environment serves two: its lock holds both. */
const MAIN = {
  lock: join('trainers', 'xgboost', 'requirements.lock'),
  venv: venvFolder,
  stampName: 'trainer-python',
  mb: 330,
};
export const trainers = {
  xgboost: MAIN,
  sklearn: MAIN,
  lightgbm: {
    lock: join('trainers', 'lightgbm', 'requirements.lock'),
    venv: join(state, 'trainers', 'lightgbm'),
    stampName: 'trainer-lightgbm',
    mb: 465,
  },
};

/** The packages of a ready trainer, exactly as locked, in an environment of their own: never the machine's Python, no root. */
export async function ensureTrainerPackages(name = 'xgboost') {
  const trainer = trainers[name];
  if (!existsSync(join(root, trainer.lock))) {
    say(`skipped the trainer's Python packages: ${trainer.lock} does not exist`);
    return;
  }
  await ensureVenv(trainer);
  const hash = hashOf([trainer.lock]);
  if (isCurrent(trainer.stampName, hash)) return;
  await step(`Installing the Python packages of the trainer ${name} (about ${trainer.mb} MB on disk)`, async () => {
    unstamp(trainer.stampName);
    // Compiled when first imported: most of it never is.
    const args = [
      '-m',
      'pip',
      'install',
      '--require-hashes',
      '--no-compile',
      '--disable-pip-version-check',
      '--no-input',
    ];
    const { code, output } = await exec(pythonIn(trainer), [...args, '-r', trainer.lock], { cwd: root });
    if (code !== 0) {
      throw new SetupError(
        `pip install failed:\n${tail(output)}\n  Check that your Python package index can be reached, then try again.`,
      );
    }
    stamp(trainer.stampName, hash);
  });
}

const pythonIn = ({ venv }) => join(venv, 'bin', 'python');

export async function ensureVenv(trainer = MAIN) {
  const { venv, stampName } = trainer;
  // existsSync follows the link: a Python that was upgraded away counts as missing.
  if (existsSync(pythonIn(trainer)) && existsSync(join(venv, 'bin', 'pip'))) return;
  const python = findPython();
  await step(`Creating a Python environment (${python.command}, ${python.version})`, async () => {
    rmSync(venv, { recursive: true, force: true });
    unstamp(stampName);
    const { code, output } = await exec(python.command, ['-m', 'venv', venv]);
    if (code !== 0) {
      rmSync(venv, { recursive: true, force: true });
      throw new SetupError(
        `python -m venv failed:\n${tail(output)}\n  On Debian and Ubuntu install the package python3-venv, then try again.`,
      );
    }
  });
}
