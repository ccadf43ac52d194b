import { expect, it } from 'vitest';
import { describeEvaluation } from '../../src/cli/verdict.js';
import { evaluatedPerformance } from '../domain/decisions/samples.js';

it('does not call a champion that could not be compared none', () => {
  const alone = {
    rows: 100,
    metric: 'logLoss',
    challenger: evaluatedPerformance,
    gain: null,
    gainInterval: null,
  } as const;
  expect(describeEvaluation({ ...alone, champion: null })).toContain('  there is no champion yet');
  expect(describeEvaluation({ ...alone, champion: null, notCompared: 'no column "wind"' })).toContain(
    '  champion:   NOT compared: no column "wind"',
  );
});
