import type { RecordRunInput } from './steps.js';

/** A run of which nothing is known but who it is; `seq` 0 is no record yet. */
export function blankRun(who: Pick<RecordRunInput, 'model' | 'n' | 'workflowId' | 'causeId' | 'at'>): RecordRunInput {
  return {
    ...who,
    seq: 0,
    phase: 'opened',
    outcome: null,
    configDigest: null,
    dataset: null,
    champion: null,
    attempts: [],
    challenger: null,
    trainSeconds: null,
    device: null,
    evidence: null,
    evaluation: null,
    approval: null,
  };
}
