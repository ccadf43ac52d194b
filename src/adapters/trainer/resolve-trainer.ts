import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { SeawallError } from '../../contracts/failures.js';
import { readyTrainers, type ReadyTrainer, type TrainerConfig } from '../../contracts/config.js';

export interface TrainerPythons {
  /** The interpreter of the environment that set-up makes: for trainers that have none of their own, or that somebody named. */
  python: string;
  /** Where environments of single trainers lie, by the trainer's name; undefined: `python` is for all of them. */
  environments: string | undefined;
}

/** Those whose packages are not in the environment that set-up makes. */
const OWN_ENVIRONMENT: readonly ReadyTrainer[] = ['lightgbm'];

export function pythonOf(trainer: ReadyTrainer, { python, environments }: TrainerPythons): string {
  const isOwn = OWN_ENVIRONMENT.includes(trainer) && environments !== undefined;
  return isOwn ? join(environments, trainer, 'bin', 'python') : python;
}

/**
 * The argv of a configured trainer.
 *
 * @param places also `trainersDir`: the folder of ready trainers
 * @throws SeawallError NotFound when the ready trainer or its Python environment is missing; BadInput for an empty command
 */
export function resolveTrainer(run: TrainerConfig['run'], places: TrainerPythons & { trainersDir: string }): string[] {
  if ('command' in run) {
    if (run.command.length === 0) {
      throw new SeawallError('BadInput', 'trainer.command is empty', 'Name a program and its arguments.');
    }
    return [...run.command];
  }
  const script = join(places.trainersDir, run.use, 'train.py');
  if (!existsSync(script)) {
    throw new SeawallError(
      'NotFound',
      `There is no ready trainer "${run.use}": ${script} does not exist.`,
      `Ready trainers: ${readyTrainers.join(', ')}. For your own, set trainer.command.`,
    );
  }
  const python = pythonOf(run.use, places);
  if (!existsSync(python)) {
    throw new SeawallError(
      'NotFound',
      `The Python environment of the trainer "${run.use}" is missing: ${python} does not exist.`,
      `Make it with: seawall trainer setup ${run.use}`,
    );
  }
  return [python, script];
}
