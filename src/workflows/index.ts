/** Everything that a worker can run as a workflow; the bundle is built from here. */
export { modelLoop } from './model-loop.js';
export { trainingRun } from './training-run.js';
