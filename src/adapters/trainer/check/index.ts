export { checkTrainer } from './check.js';
export { makeSample } from './sample.js';
export type { CheckOptions } from './check.js';
export type { Point } from './points.js';
export type { CheckedTrainer } from './start.js';
