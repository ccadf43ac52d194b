/** Names, workflow ids and task queues: how the parts of Seawall find each other. */

const NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;
export const NAME_RULE = 'a name is 1 to 63 characters of a-z, 0-9 and -, and does not begin with -';

/** True when `value` can name a model, a dataset or a pool. */
export function isName(value: unknown): value is string {
  return typeof value === 'string' && NAME.test(value);
}

/** Workflow type names, as `temporal workflow start --type` takes them. */
export const workflowTypes = { modelLoop: 'modelLoop', trainingRun: 'trainingRun', fleet: 'fleet' } as const;

export const modelLoopId = (model: string): string => `model/${model}`;
export const fleetId = (pool: string): string => `fleet/${pool}`;
export const trainingRunId = (model: string, n: number): string => `train/${model}/${n}`;

/** The inverse of `trainingRunId`; undefined when the id is not one of a training run. */
export function parseTrainingRunId(workflowId: string): { model: string; n: number } | undefined {
  const match = /^train\/([^/]+)\/([1-9]\d{0,8})$/.exec(workflowId);
  const model = match?.[1];
  return isName(model) ? { model, n: Number(match?.[2]) } : undefined;
}

export const taskQueues = {
  /** Workflows, and the activities that need no GPU host. */
  loop: 'loop',
  /** Fetch and train: whichever host of the pool is free. */
  gpuPool: (pool: string): string => `gpu/${pool}`,
} as const;

/** What the workflows write for the Temporal Web UI's list; the namespace must know them. */
export const searchAttributes = {
  SeawallModel: 'KEYWORD',
  SeawallState: 'KEYWORD',
  SeawallDecision: 'KEYWORD',
  SeawallRelease: 'INT',
} as const;
export type SearchAttributeName = keyof typeof searchAttributes;
