/** `seawall trainer setup NAME` */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { pythonOf } from '../../adapters/trainer/index.js';
import { type ReadyTrainer, readyTrainers, SeawallError } from '../../contracts/index.js';
import { packageRoot } from '../../workers/package-root.js';
import type { CommandHandler } from '../command.js';
import { usageError } from '../store-context.js';

/** Makes the Python environment of a ready trainer, exactly as locked; nothing is done when it is there. */
export const trainerSetup: CommandHandler = async (context) => {
  const name = context.args[0] as ReadyTrainer;
  if (!readyTrainers.includes(name)) {
    throw usageError(context, `there is no ready trainer "${name}"; there are ${readyTrainers.join(', ')}`);
  }
  const { pythons } = context.localConfig();
  const python = pythonOf(name, pythons);
  if (pythons.environments === undefined) {
    throw new SeawallError(
      'BadInput',
      `SEAWALL_PYTHON is ${python}: an environment that is made here would not be used`,
      `Install trainers/${name}/requirements.lock into it, or unset SEAWALL_PYTHON.`,
    );
  }
  await runSetup(name);
  const made = pythonOf(name, context.localConfig().pythons);
  context.output.print({ trainer: name, python: made }, () => `${name} runs with ${made}`);
};

function runSetup(name: string): Promise<void> {
  const script = join(packageRoot, 'scripts', 'setup.mjs');
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [script, `--trainer=${name}`], { stdio: ['ignore', 2, 2] });
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) return resolve();
      const next = 'Do what it says above, then try again.';
      reject(new SeawallError('Unavailable', `the environment of ${name} could not be made (see above)`, next));
    });
  });
}
