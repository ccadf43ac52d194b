import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { weekResult } from '../../examples/flights/assemble.js';
import type { BaselineModel } from '../../examples/flights/baselines.js';
import { productionWeek } from '../../examples/flights/calendar.js';
import { bestSchedule, compare } from '../../examples/flights/comparison.js';
import type { WeekResult } from '../../examples/flights/document.js';

/** `loss(model, week)` for the models of weeks 1, 3, 4, …, each trained in 10 seconds. */
function modelsOf(weeks: number, loss: (model: number, week: number) => number): BaselineModel[] {
  return [1, ...Array.from({ length: weeks - 2 }, (_, i) => i + 3)].map((model) => ({
    week: model,
    seconds: 10,
    rows: 1,
    scores: Array.from({ length: weeks - model + 1 }, (_, i) => model + i).map((week) => ({
      ...{ week, rows: 1, positives: 1, aucSe: 0, logLossSe: 0 },
      auc: 1 - loss(model, week),
      logLoss: loss(model, week),
    })),
  }));
}

/** Weeks in which Seawall had these losses. */
function weeksOf(models: BaselineModel[], losses: number[]): WeekResult[] {
  const nothing = { reports: [], decisions: [], runs: [], plans: new Map(), releases: [], audit: [], live: null };
  return losses.map((logLoss, i) => ({
    ...weekResult(nothing, productionWeek(i + 1), models),
    logLoss,
    auc: 1 - logLoss,
  }));
}

/** A model loses 0.01 for every week of its age. */
const ageing = (model: number, week: number): number => 0.4 + (week - model) / 100;

describe('the comparison', () => {
  const models = modelsOf(7, ageing);
  const weeks = weeksOf(models, [0.4, 0.41, 0.4, 0.41, 0.42, 0.4, 0.41]);
  const found = compare(weeks, models, { retrains: 2, trainedFor: [3, 6] });

  it('measures the gain against the January model and against weekly retraining', () => {
    // Never: 0.40 to 0.46, mean 0.43. Weekly: 0.40 but 0.41 in the second week.
    const [all] = found!.spans;
    expect(all).toMatchObject({ name: 'all', weeks: 7 });
    expect(all!.logLoss.frozen).toBeCloseTo(0.43, 10);
    expect(all!.logLoss.weekly).toBeCloseTo(0.4 + 0.01 / 7, 10);
    expect(all!.gainKept).toBeCloseTo((0.43 - 2.85 / 7) / (0.43 - 2.81 / 7), 10);
  });

  it('costs what was trained beyond the first model, as a share of what weekly retraining costs', () => {
    expect(found!.costShare).toBeCloseTo(20 / 50, 10);
    const weekly = found!.policies.find(({ kind }) => kind === 'weekly');
    expect(weekly).toMatchObject({ retrains: 5, seconds: 50, gainKept: 1, costShare: 1 });
    expect(found!.policies.find(({ kind }) => kind === 'frozen')).toMatchObject({
      retrains: 0,
      seconds: 0,
      gainKept: 0,
    });
  });

  it('lets a timer begin in every week that it may, and says how far these lie apart', () => {
    const third = found!.policies.find(({ name }) => name === 'every 3rd week');
    // For weeks 4 and 7, for 5 alone, for 3 and 6.
    const losses = [2.86, 2.89, 2.85].map((sum) => sum / 7);
    const gains = losses.map((loss) => (0.43 - loss) / (0.43 - 2.81 / 7));
    expect(third).toMatchObject({ retrains: 2 });
    expect(third!.seconds).toBeCloseTo(50 / 3, 10);
    expect(third!.logLoss).toBeCloseTo((losses[0]! + losses[1]! + losses[2]!) / 3, 10);
    expect(third!.range!.gainKept[0]).toBeCloseTo(gains[1]!, 10);
    expect(third!.range!.gainKept[1]).toBeCloseTo(gains[2]!, 10);
    expect(third!.range!.costShare[0]).toBeCloseTo(0.2, 10);
    expect(third!.range!.costShare[1]).toBeCloseTo(0.4, 10);
  });

  it('says nothing when a week was not measured', () => {
    expect(
      compare([...weeks.slice(1), { ...weeks[0]!, logLossWeekly: null }], models, { retrains: 0, trainedFor: [] }),
    ).toBe(null);
    expect(compare([], models, { retrains: 0, trainedFor: [] })).toBe(null);
  });
});

describe('the best schedule in hindsight', () => {
  it('is as good as the best of all schedules, tried one by one', () => {
    const losses = fc.array(fc.integer({ min: 0, max: 100 }), { minLength: 49, maxLength: 49 });
    fc.assert(
      fc.property(losses, fc.integer({ min: 0, max: 4 }), (random, retrains) => {
        const lossOf = (model: number, week: number): number => random[(model - 1) * 7 + week - 1] as number;
        const numbers = [1, 2, 3, 4, 5, 6, 7];
        const trained = [1, 3, 4, 5, 6, 7];
        const sum = (plan: readonly number[]): number =>
          numbers.reduce((all, week, i) => all + lossOf(plan[i]!, week), 0);
        let best = Infinity;
        for (let chosen = 0; chosen < 32; chosen++) {
          const taken = [1, ...trained.slice(1).filter((_, i) => chosen & (1 << i))];
          if (taken.length - 1 > retrains) continue;
          best = Math.min(best, sum(numbers.map((week) => taken.filter((model) => model <= week).at(-1)!)));
        }
        expect(sum(bestSchedule(numbers, trained, retrains, lossOf))).toBe(best);
      }),
      { seed: 20_010_205, numRuns: 200 },
    );
  });
});
