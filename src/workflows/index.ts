/** Everything that a worker can run as a workflow; the bundle is built from here. */
export { fleet } from './fleet.js';
export { modelLoop } from './model-loop.js';
export { trainingRun } from './training-run.js';
