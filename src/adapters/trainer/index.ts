export { DEFAULT_ALLOWED_VARIABLES, allowedEnvironment } from './environment.js';
export { pythonOf, resolveTrainer } from './resolve-trainer.js';
export { runTrainer } from './run-trainer.js';
export { sweepStrays } from './sweep.js';
export type { RunTrainerOptions } from './run-trainer.js';
export type { TrainerFailure, TrainerFailureKind, TrainerResult } from './outcome.js';
export type { TrainerPythons } from './resolve-trainer.js';
export type { TrainerProgress } from './output.js';
export type { Stray } from './sweep.js';
