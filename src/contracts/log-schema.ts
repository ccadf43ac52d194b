/** The log schema: how any serving system feeds Seawall. Reserved columns begin with `_`. */
import type { Answering, FeatureType } from './config.js';

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

/** A model file may have. Larger ones belong on a serving system of their own. */
export const MAX_MODEL_BYTES = 1 << 30;

/** One column of answers: of the model's outputs, of the prediction log, of the reference rows. */
export interface Output {
  name: string;
  /** Element types that a model may give it; the first is its type everywhere else. */
  types: readonly [FeatureType, ...FeatureType[]];
}

/** `score` is the probability of the positive class; with several classes each has one of its own. */
export const scoreColumn = (ofClass?: string): string =>
  ofClass === undefined ? predictionColumns.score : `${predictionColumns.score}_${ofClass}`;

/**
 * What every model of a task answers with, found by name; `prediction` comes first.
 * binary: `prediction` 0 or 1, `score`. multiclass: `prediction` the class (as text, or a whole number where the classes are such),
 * `score_<class>` for each. regression: `prediction`, a number.
 */
export function outputsOf({ task, classes }: Answering): Output[] {
  const { prediction } = predictionColumns;
  const score = (name: string): Output => ({ name, types: ['float32'] });
  switch (task) {
    case 'binary':
      return [{ name: prediction, types: ['int64'] }, score(scoreColumn())];
    case 'multiclass':
      return [
        { name: prediction, types: ['string', 'int64'] },
        ...(classes ?? []).map((each) => score(scoreColumn(each))),
      ];
    case 'regression':
      return [{ name: prediction, types: ['float32'] }];
  }
}
