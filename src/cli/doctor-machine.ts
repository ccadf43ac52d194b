/** What the machine has: runtimes, the trainer's packages, binaries, a GPU. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pythonOf } from '../adapters/trainer/index.js';
import { packageRoot } from '../workers/package-root.js';
import type { CommandContext } from './command.js';
import { fail, ok, warn } from './check.js';
import type { Check } from './check.js';

export async function checkMachine(context: CommandContext): Promise<Check[]> {
  const { pythons, childEnv } = context.localConfig();
  const { python } = pythons;
  const others = await Promise.all([
    pythonVersion(python),
    trainerPackages(python),
    lightgbm(pythonOf('lightgbm', pythons)),
    binary('Temporal CLI', 'temporal', Boolean(childEnv['TEMPORAL_ADDRESS'])),
    binary('versitygw', 'versitygw', Boolean(childEnv['AWS_ENDPOINT_URL_S3'])),
    gpu(),
  ]);
  return [node(), ...others];
}

function node(): Check {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const recent = major > 20 || (major === 20 && minor >= 20);
  return recent
    ? ok('Node.js', process.versions.node)
    : fail('Node.js', process.versions.node, 'Install Node.js 20.20 or newer.');
}

async function pythonVersion(python: string): Promise<Check> {
  const version = await outputOf(python, ['-c', 'import platform; print(platform.python_version())']);
  if (version === undefined)
    return fail('Python', `${python} does not run`, 'Install Python 3.11 or newer, or set SEAWALL_PYTHON.');
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const recent = major > 3 || (major === 3 && minor >= 11);
  const found = `${version} (${python})`;
  return recent ? ok('Python', found) : fail('Python', found, 'Install Python 3.11 or newer, or set SEAWALL_PYTHON.');
}

/** Trainers are any command: the packages matter to the ready trainers only. */
async function trainerPackages(python: string): Promise<Check> {
  const name = 'trainer packages';
  const script = 'import xgboost, onnx; print("xgboost", xgboost.__version__, "onnx", onnx.__version__)';
  const found = await outputOf(python, ['-c', script]);
  return found
    ? ok(name, found)
    : warn(
        name,
        `${python} cannot import xgboost and onnx`,
        'Run `npm run setup`; without them the ready XGBoost trainer does not run.',
      );
}

/** Made when somebody asks for it; then it must load, which takes a library of the system's. */
async function lightgbm(python: string): Promise<Check> {
  const name = 'trainer lightgbm';
  if (!existsSync(python)) return ok(name, 'not set up; `seawall trainer setup lightgbm` makes its environment');
  const found = await outputOf(python, ['-c', 'import lightgbm; print("lightgbm", lightgbm.__version__)']);
  if (found !== undefined) return ok(name, found);
  return warn(
    name,
    `${python} cannot import lightgbm`,
    'It needs OpenMP of the system, libgomp.so.1 (Debian, Ubuntu: apt install libgomp1); else set it up again: `seawall trainer setup lightgbm`.',
  );
}

async function binary(name: string, file: string, addressGiven: boolean): Promise<Check> {
  if (addressGiven) return ok(name, 'not needed: the environment gives an address');
  const cached = join(packageRoot, '.seawall', 'bin', file);
  const onPath = await outputOf(file, ['--version']);
  if (onPath !== undefined) return ok(name, `${file} on PATH`);
  if (existsSync(cached)) return ok(name, cached);
  return warn(name, 'not here yet', '`seawall up` fetches it; `npm run setup` does so now.');
}

async function gpu(): Promise<Check> {
  const found = await outputOf('nvidia-smi', ['--query-gpu=name,memory.total', '--format=csv,noheader']);
  return found
    ? ok('GPU', found.split('\n').join('; '))
    : warn('GPU', 'none (nvidia-smi does not run)', 'Trainers use the CPU where the configuration allows it.');
}

/** What a command prints; undefined when it cannot be run or fails. */
function outputOf(command: string, args: string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile(command, args, { timeout: 20_000, encoding: 'utf8' }, (error, stdout) =>
      resolve(error ? undefined : stdout.trim()),
    );
  });
}
