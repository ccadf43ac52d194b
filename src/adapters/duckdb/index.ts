import type { LogAnalysis } from '../../activities/monitor.js';
import { performance } from './performance.js';
import { profileWindow } from './profile-window.js';

export { writeBehaviourRows } from './behaviour-rows.js';
export { mergeRows } from './merge-rows.js';
export { sliceHoldout } from './holdout-slices.js';
export { buildReference, type ReferenceRequest } from './build-reference.js';
export type { DatabaseOptions } from './database.js';
export { type DatasetFile, type HoldoutRule, keepHeldOut, splitHoldout } from './split-holdout.js';
export { performance, profileWindow };

/** What the monitor step needs, over DuckDB. */
export function createLogAnalysis(options: { tempDir: string }): LogAnalysis {
  return {
    profileWindow: (request) => profileWindow(options, request),
    performance: (request) => performance(options, request),
  };
}
