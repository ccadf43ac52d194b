/** Intervals hold what they promise, at the edge of zero as well as far from it. */
import { describe, expect, test } from 'vitest';
import type { DriftStatistic, ProfiledColumn } from '../../../../src/contracts/index.js';
import { DRIFT_POLICY, driftOf } from '../../../../src/domain/decisions/drift/column.js';
import { normalFrom, numeric, randomFrom } from '../../../support/sketches.js';

const random = randomFrom(20010131);
/** On a lattice: sketches stay exact. */
const sample = (rows: number, draw: () => number): ProfiledColumn =>
  numeric(Array.from({ length: rows }, () => Math.round(draw() * 100) / 100));

const sources: [name: string, before: () => number, now: () => number][] = [
  ['nothing changed', () => normalFrom(random), () => normalFrom(random)],
  ['moved by 0.3', () => normalFrom(random), () => normalFrom(random) + 0.3],
  ['skewed, a third wider', () => -Math.log(1 - random()), () => -Math.log(1 - random()) * 1.3],
  ['a tail of 10 % is new', random, () => (random() < 0.1 ? 1.2 + random() : random())],
  ['a label from 10 to 20 %', () => Number(random() < 0.1), () => Number(random() < 0.2)],
];

/** Four standard errors of what 2.5 % on each side give in so many rounds. */
const ROUNDS = 100;
const MOST_MISSES = ROUNDS * (0.025 + 4 * Math.sqrt((0.025 * 0.975) / ROUNDS));

describe.each(sources)('%s', (name, before, now) => {
  const truth = driftOf(sample(200_000, before), sample(200_000, now), DRIFT_POLICY);
  test.each([
    [5000, 200],
    [5000, 5000],
  ])('%d rows against %d', (referenceRows, currentRows) => {
    const misses: Record<DriftStatistic, [low: number, high: number]> = {
      psi: [0, 0],
      jensenShannon: [0, 0],
      ks: [0, 0],
      wasserstein: [0, 0],
    };
    for (let round = 0; round < ROUNDS; round++) {
      const { intervals } = driftOf(sample(referenceRows, before), sample(currentRows, now), DRIFT_POLICY);
      for (const [statistic, missed] of Object.entries(misses) as [DriftStatistic, [number, number]][]) {
        const true_ = name === 'nothing changed' ? 0 : truth[statistic]!;
        if (true_ < intervals[statistic]!.low) missed[0]++;
        if (true_ > intervals[statistic]!.high) missed[1]++;
      }
    }
    for (const [statistic, [low, high]] of Object.entries(misses)) {
      expect(low, `${statistic}: truth below`).toBeLessThanOrEqual(MOST_MISSES);
      expect(high, `${statistic}: truth above`).toBeLessThanOrEqual(MOST_MISSES);
    }
  });
});
