/** Evaluators of the gate by version, so that any past decision can be taken again with the rules that it was taken with. */
import { type DecisionRecord, SeawallError } from '../../contracts/index.js';
import { decide, GATE_EVALUATOR } from './gate.js';

/** A released evaluator is never edited: a changed rule comes as a new row, and the old one stays. */
const evaluators: Record<string, typeof decide> = {
  [GATE_EVALUATOR]: decide,
};

/** @throws SeawallError NotFound for a version that this Seawall does not have */
export function evaluatorOf({ model, seq, evaluator }: DecisionRecord): typeof decide {
  const found = evaluators[evaluator];
  if (found) return found;
  throw new SeawallError(
    'NotFound',
    `Decision ${model}/${seq} was taken by ${evaluator}; this Seawall knows ${Object.keys(evaluators).join(', ')}.`,
    'Use the version of Seawall that took it, or a newer one that still has that evaluator.',
  );
}
