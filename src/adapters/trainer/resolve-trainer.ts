import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { SeawallError } from '../../contracts/failures.js';
import type { TrainerConfig } from '../../contracts/config.js';

/**
 * The argv of a configured trainer.
 *
 * @param places `python`: the interpreter of the trainers' environment; `trainersDir`: the folder of ready trainers
 * @throws SeawallError NotFound when the ready trainer or its Python environment is missing; BadInput for an empty command
 */
export function resolveTrainer(run: TrainerConfig['run'], places: { python: string; trainersDir: string }): string[] {
  if ('command' in run) {
    if (run.command.length === 0) {
      throw new SeawallError('BadInput', 'trainer.run.command is empty', 'Name a program and its arguments.');
    }
    return [...run.command];
  }
  const script = join(places.trainersDir, run.use, 'train.py');
  if (!existsSync(script)) {
    throw new SeawallError(
      'NotFound',
      `There is no ready trainer "${run.use}": ${script} does not exist.`,
      'Ready trainers: xgboost. For your own, set trainer.run.command.',
    );
  }
  if (!existsSync(places.python)) {
    throw new SeawallError(
      'NotFound',
      `The Python environment of the trainer "${run.use}" is missing: ${places.python} does not exist.`,
      'Make it with: npm run setup',
    );
  }
  return [places.python, script];
}
