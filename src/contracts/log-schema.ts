/** The log schema: how any serving system feeds Seawall. Reserved columns begin with `_`. */

export const predictionColumns = {
  id: '_prediction_id',
  eventTime: '_event_time',
  release: '_release',
  epoch: '_epoch',
  arm: '_arm',
  routingKey: '_routing_key',
  prediction: 'prediction',
  score: 'score',
} as const;

export const labelColumns = { id: '_prediction_id', label: 'label', labelTime: '_label_time', seq: '_seq' } as const;

export type Arm = 'champion' | 'canary' | 'shadow';

/** Further input tensors of an inference request, [N, 1], which are not features. */
export const requestColumns = ['_prediction_id', '_event_time', '_routing_key'] as const;
/** Outputs that every binary model has, found by name. */
export const binaryOutputs = ['prediction', 'score'] as const;
