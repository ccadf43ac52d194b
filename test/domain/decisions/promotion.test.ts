import { describe, expect, test } from 'vitest';
import type {
  ApprovalPolicy,
  EvaluationSummary,
  ModelPerformance,
  MulticlassPerformance,
  PromotionPolicy,
  RegressionPerformance,
} from '../../../src/contracts/index.js';
import { judgePromotion } from '../../../src/domain/decisions/promotion.js';
import type { Guarded } from '../../../src/domain/decisions/promotion-guards.js';
import { config, evaluatedPerformance } from './samples.js';

const summary: EvaluationSummary = {
  rows: 10_000,
  metric: 'logLoss',
  challenger: { ...evaluatedPerformance, logLoss: 0.44 },
  champion: evaluatedPerformance,
  gain: 0.01,
  gainInterval: [0.005, 0.015],
};
const judge = (
  change: Partial<EvaluationSummary> = {},
  policy: Partial<PromotionPolicy> = {},
  approval: Partial<ApprovalPolicy> = {},
) => judgePromotion({ ...summary, ...change }, { ...config.promotion, ...policy }, { ...config.approval, ...approval });
const first = { champion: null, gain: null, gainInterval: null };

const notWorse: Partial<PromotionPolicy> = { mode: 'notWorse', margin: 0.005 };

describe('against a champion', () => {
  test.each<[string, Partial<EvaluationSummary>, Partial<PromotionPolicy>, boolean, RegExp]>([
    [
      'better for sure',
      {},
      {},
      true,
      /^the challenger is promoted: gain in log loss over the champion \+0\.0100, required \+0\.0010, on 10000 holdout rows; the gain's 95 % interval \+0\.0050 to \+0\.0150 excludes zero; 10000 rows are at least the 200 of promotion.minRows$/,
    ],
    ['exactly enough', { gain: 0.001 }, {}, true, /promoted/],
    [
      'too little',
      { gain: 0.0009 },
      {},
      false,
      /^the challenger is refused: gain in log loss over the champion \+0\.0009, required \+0\.0010/,
    ],
    [
      'worse',
      { gain: -0.01, gainInterval: [-0.02, -0.001] },
      {},
      false,
      /refused: gain .*-0\.0100.*does not exclude zero/,
    ],
    [
      'perhaps chance',
      { gainInterval: [-0.001, 0.02] },
      {},
      false,
      /^the challenger is refused: the gain's 95 % interval -0\.0010 to \+0\.0200 does not exclude zero$/,
    ],
    ['an interval that touches zero', { gainInterval: [0, 0.02] }, {}, false, /refused/],
    ['no interval', { gainInterval: null }, {}, false, /no 95 % interval/],
    ['AUC, as log loss', { metric: 'auc' }, { metric: 'auc' }, true, /gain in AUC/],
    ['AUC without an interval', { metric: 'auc', gainInterval: null }, { metric: 'auc' }, false, /no 95 % interval/],
    ['accuracy', { metric: 'accuracy', pValue: 0.01 }, { metric: 'accuracy' }, true, /McNemar's test says p = 0\.010/],
    ['accuracy by chance', { metric: 'accuracy', pValue: 0.06 }, { metric: 'accuracy' }, false, /refused: McNemar/],
    ['as good', { gain: -0.001, gainInterval: [-0.004, 0.002] }, notWorse, true, /excludes a loss of 0\.005/],
    ['perhaps worse', { gain: 0.001, gainInterval: [-0.006, 0.008] }, notWorse, false, /does not exclude a loss/],
    [
      'a tie',
      { gain: 0, gainInterval: [0, 0], identical: true },
      notWorse,
      false,
      /refused: .*a tie keeps the champion/,
    ],
    ['not worse, nothing known', { gain: null, gainInterval: null }, notWorse, false, /has no 95 % interval/],
    ['another metric than the policy asks for', { metric: 'auc' }, {}, false, /no gain in log loss/],
    ['too few rows', { rows: 199 }, {}, false, /refused: 199 holdout rows are too few.*200 are required/],
    ['just enough rows', { rows: 200 }, {}, true, /promoted/],
    ['fewer rows, by configuration', { rows: 60 }, { minRows: 50 }, true, /promoted/],
    ['too few, by configuration', { rows: 900 }, { minRows: 1000 }, false, /1000 are required/],
    ['not worse, too few rows', { rows: 199 }, { mode: 'notWorse', margin: 0.05 }, false, /199 holdout rows/],
    ['no gain', { gain: null, gainInterval: null }, {}, false, /no gain/],
  ])('%s', (_, change, policy, promote, text) => {
    expect(judge(change, policy)).toMatchObject({ promote, text: expect.stringMatching(text) });
  });
});

describe('guarded', () => {
  const slice = (name: string, gain: number, worse: boolean) => ({
    ...{ slice: name, rows: 900, champion: 0.4, challenger: 0.4 - gain, gain, error: 0.01, pValue: 0.5, worse },
  });
  const guarded: Guarded = {
    slices: [slice('origin = ORD', -0.002, false), slice('origin = SEA', 0.01, false)],
    behaviour: [{ name: 'spelling', kind: 'invariance', passed: true, value: 1, text: '"spelling": stays' }],
    performance: { challenger: { ...evaluatedPerformance, logLoss: 0.44 }, champion: evaluatedPerformance },
    calibrationError: { challenger: 0.03, champion: 0.02 },
    servable: {
      challenger: { bytes: 3000, loadMs: 9, rowMs: 0.9, parity: null },
      champion: { bytes: 1000, loadMs: 9, rowMs: 0.1, parity: null },
    },
  };
  const all: Partial<PromotionPolicy> = {
    slices: { by: ['origin'], margin: 0.01, minRows: 500 },
    guardrails: { logLossRise: 0, calibrationRise: 0.02, slower: 2, larger: 4 },
  };
  test.each<[string, Partial<Guarded>, Partial<PromotionPolicy>, RegExp | null]>([
    ['all is well', {}, all, null],
    ['nothing is asked', { calibrationError: { challenger: 0.9, champion: 0 } }, {}, null],
    [
      'a slice',
      { slices: [slice('origin = ORD', -0.05, true)] },
      all,
      /refused: surely worse than -0\.01 in 1 of 1 slices: origin = ORD \(900 rows\): gain -0\.0500/,
    ],
    ['no slice has enough rows', { slices: [] }, all, null],
    [
      'log loss',
      { performance: { challenger: { ...evaluatedPerformance, logLoss: 0.46 }, champion: evaluatedPerformance } },
      all,
      /refused: log loss 0\.4600 against the champion's 0\.4500 \(limit 0\)/,
    ],
    [
      'calibration',
      { calibrationError: { challenger: 0.05, champion: 0.02 } },
      all,
      /refused: calibration error 0\.0500/,
    ],
    [
      'time: a tenth of a millisecond is no measure',
      {},
      { guardrails: { slower: 1.7 } },
      /one row takes 0\.90 ms against the champion's 0\.50 ms/,
    ],
    ['size', {}, { guardrails: { larger: 2 } }, /it has 3000 bytes against the champion's 1000 bytes \(limit 2\)/],
    [
      'behaviour',
      { behaviour: [{ ...guarded.behaviour[0]!, passed: false, text: '"spelling": moves' }] },
      {},
      /refused: "spelling": moves/,
    ],
  ])('%s', (_, change, policy, refusal) => {
    const whole = { ...config.promotion, ...policy };
    const judged = judgePromotion(summary, whole, config.approval, { ...guarded, ...change });
    expect(judged.promote).toBe(refusal === null);
    if (refusal) expect(judged.text).toMatch(refusal);
  });

  test('a first model has no champion to be compared with: behaviour alone counts', () => {
    const sides = { performance: { ...guarded.performance, champion: null }, slices: null };
    const alone = {
      ...guarded,
      ...sides,
      calibrationError: { challenger: 0.5, champion: null },
      servable: { ...guarded.servable, champion: null },
    };
    const own = { ...summary, ...first };
    expect(judgePromotion(own, { ...config.promotion, ...all }, config.approval, alone).promote).toBe(true);
    const failed = { ...alone, behaviour: [{ ...guarded.behaviour[0]!, passed: false }] };
    expect(judgePromotion(own, { ...config.promotion, ...all }, config.approval, failed).promote).toBe(false);
  });
});

describe('the first model', () => {
  // 2,000 positives in 10,000: the entropy of 0.2 is 0.5004 nats.
  test.each<[string, Partial<EvaluationSummary['challenger']>, Partial<PromotionPolicy>, boolean, RegExp]>([
    ['beats the base rate', { logLoss: 0.45 }, {}, true, /log loss 0\.4500 against 0\.5004 of the base rate/],
    ['by less than minGain', { logLoss: 0.45 }, { minGain: 0.06 }, false, /0\.4500 against 0\.5004/],
    ['no better', { logLoss: 0.5005 }, { minGain: 0 }, false, /refused/],
    ['equal', { logLoss: -0.2 * Math.log(0.2) - 0.8 * Math.log(0.8) }, { minGain: 0 }, false, /refused/],
    ['ranks no better than chance', { logLoss: 0.45, auc: 0.5 }, {}, false, /AUC 0\.500, above 0\.500 required/],
    ['AUC policy: by minGain above chance', { auc: 0.55 }, { metric: 'auc', minGain: 0.1 }, false, /AUC 0\.550/],
    ['AUC policy', { auc: 0.61 }, { metric: 'auc', minGain: 0.1 }, true, /promoted/],
    ['holdout of one class', { positives: 0, auc: null }, {}, false, /cannot be compared.*0 positives in 10000/],
  ])('%s', (_, change, policy, promote, text) => {
    const challenger = { ...evaluatedPerformance, ...change };
    expect(judge({ ...first, challenger }, policy)).toMatchObject({ promote, text: expect.stringMatching(text) });
  });
});

describe('the first model of another task', () => {
  const classes: MulticlassPerformance = {
    ...{ task: 'multiclass', rows: 1000, counts: [500, 300, 200] },
    // Entropy of the shares 1.0297 nats; Brier score of answering them 1 - 0.38.
    ...{ logLoss: 0.9, logLossSe: 0.01, brier: 0.5, accuracy: 0.6, f1: 0.55 },
  };
  const number: RegressionPerformance = {
    ...{ task: 'regression', rows: 1000, rmse: 2, mae: 1.5, r2: 0.5, ofMean: { rmse: 2.83, mae: 2.2 } },
  };
  test.each<[string, ModelPerformance, Partial<PromotionPolicy>, boolean, RegExp]>([
    ['classes', classes, {}, true, /log loss 0\.9000 against 1\.0297 of the base rate .*500, 300, 200/],
    ['classes, no better', { ...classes, logLoss: 1.03 }, {}, false, /refused: log loss 1\.0300/],
    ['accuracy', classes, { metric: 'accuracy', minGain: 0.05 }, true, /accuracy 0\.6000 against 0\.5000/],
    ['accuracy by too little', classes, { metric: 'accuracy', minGain: 0.2 }, false, /refused: accuracy 0\.6000/],
    ['Brier score', classes, { metric: 'brier', minGain: 0 }, true, /0\.5000 against 0\.6200/],
    ['F1 of always the frequent class', classes, { metric: 'f1', minGain: 0 }, true, /F1 0\.5500 against 0\.2222/],
    [
      'a number',
      number,
      { metric: 'rmse', minGain: 0.5 },
      true,
      /RMSE 2\.0000 against 2\.8300 of always answering the mean/,
    ],
    ['a number by too little', number, { metric: 'rmse', minGain: 1 }, false, /refused: RMSE/],
    ['absolute error', number, { metric: 'mae', minGain: 0 }, true, /MAE 1\.5000 against 2\.2000/],
    ['nothing measured', { ...number, rmse: null, ofMean: null }, { metric: 'rmse' }, false, /cannot be compared/],
    [
      'two classes by Brier score',
      { ...evaluatedPerformance, brier: 0.17 },
      { metric: 'brier', minGain: 0 },
      false,
      /refused: Brier score 0\.1700 against 0\.1600/,
    ],
  ])('%s', (_, challenger, policy, promote, text) => {
    expect(judge({ ...first, challenger }, policy)).toMatchObject({ promote, text: expect.stringMatching(text) });
  });
});

test.each<[ApprovalPolicy['mode'], Partial<EvaluationSummary>, string]>([
  ['auto', { gain: 0.002 }, 'automatic'],
  ['person', { gain: 0.5 }, 'person'],
  ['person', first, 'person'],
  ['autoAbove', { gain: 0.01 }, 'automatic'],
  ['autoAbove', { gain: 0.0099 }, 'person'],
  ['autoAbove', first, 'automatic'],
])('who agrees: %s %j', (mode, change, approval) => {
  expect(judge(change, {}, { mode }).approval).toBe(approval);
});

test.each(['auto', 'autoAbove'] as const)('%s: a champion that was not compared needs a person', (mode) => {
  const judged = judge({ ...first, notCompared: 'it needs the column wind' }, {}, { mode });
  expect(judged).toMatchObject({ promote: true, approval: 'person' });
  expect(judged.text).toMatch(/NOT compared with the champion: it needs the column wind$/);
  expect(judged.text).not.toMatch(/first model/);
});
