import type { LogAnalysis } from '../../activities/monitor.js';
import { readLabels } from './read-labels.js';
import { readWindow } from './read-window.js';

export { writeBehaviourRows } from './behaviour-rows.js';
export { mergeRows } from './merge-rows.js';
export { sliceHoldout } from './holdout-slices.js';
export { buildReference, type ReferenceRequest } from './build-reference.js';
export type { DatabaseOptions } from './database.js';
export { type DatasetFile, type HoldoutRule, keepHeldOut, splitHoldout } from './split-holdout.js';
export { writeWindowRows } from './window-rows.js';
export { readLabels, readWindow };

/** What the monitor step needs, over DuckDB. */
export function createLogAnalysis(options: { tempDir: string }): LogAnalysis {
  return {
    readWindow: (request) => readWindow(options, request),
    readLabels: (request) => readLabels(options, request),
  };
}
