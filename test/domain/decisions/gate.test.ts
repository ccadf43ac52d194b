import { describe, expect, test } from 'vitest';
import type { GateContext, ModelConfig, MonitorReport, Performance } from '../../../src/contracts/index.js';
import { decide } from '../../../src/domain/decisions/gate.js';
import { config, context, DAY_MS, driftBy, performanceOf, report } from './samples.js';

const gate = (
  change: {
    report?: Partial<MonitorReport> | null;
    context?: Partial<GateContext>;
    config?: Partial<ModelConfig>;
  } = {},
) =>
  decide(
    change.report === null ? null : { ...report, ...change.report },
    { ...context, ...change.context },
    { ...config, ...change.config },
  );
const worse = { performance: performanceOf(0.66, 0.455) };
const drift = (hour: number, score = 0.04, width = 0.001): Pick<MonitorReport, 'drift'> => ({
  drift: { ...report.drift, columns: [driftBy('hour', hour, width)], outputs: [driftBy('score', score, width)] },
});
const drifted = drift(0.4);
const silent = {
  rows: 0,
  servedBy: [],
  checks: [
    {
      check: 'silent' as const,
      column: null,
      severity: 'block' as const,
      value: 0,
      limit: 100,
      text: 'the feed is silent',
    },
  ],
};
const request = { by: 'ann', reason: 'new airport', force: false };
const forced = { ...request, force: true };

describe('a changed dataset', () => {
  const priced = { gate: { ...config.gate, dataset: { minNewShare: 0.3 } } };
  const newData = { newFiles: 2, newBytes: 40, files: 10, bytes: 100 };
  const asked = (change: Partial<GateContext> = {}, more: Partial<ModelConfig> = priced) =>
    gate({ report: null, context: { newData, ...change }, config: more });

  test('warrants a retrain from the share of new bytes on that its owner has named', () => {
    expect(asked()).toMatchObject({
      action: 'retrain',
      trigger: 'dataset',
      reason:
        'version dddddddddddd of dataset flights: 40 % of the bytes (2 of 10 files) are new to release 3, limit 30 %',
    });
    expect(asked().rules.at(-1)).toMatchObject({ rule: 'dataset', fired: true, value: 0.4, threshold: 0.3 });
    expect(asked({ newData: { ...newData, newBytes: 30 } }).action).toBe('retrain');
    expect(asked({ newData: { ...newData, newBytes: 29 } })).toMatchObject({
      action: 'wait',
      trigger: 'dataset',
      reason: expect.stringMatching(/^nothing warrants the cost: 29 % of the bytes .* of 30 %$/) as string,
    });
  });

  test('warrants nothing without a price, nor where nothing is new', () => {
    expect(asked({}, {})).toMatchObject({ action: 'wait', trigger: 'none' });
    expect(asked({}, {}).rules.map(({ rule }) => rule)).not.toContain('dataset');
    const free = { gate: { ...config.gate, dataset: { minNewShare: 0 } } };
    expect(asked({ newData: { ...newData, newBytes: 1 } }, free).action).toBe('retrain');
    expect(asked({ newData: { ...newData, newBytes: 0 } }, free).action).toBe('wait');
    expect(asked({ newData: { newFiles: 0, newBytes: 0, files: 0, bytes: 0 } }, free).action).toBe('wait');
  });

  test.each<[string, Partial<GateContext>, RegExp]>([
    ['a pause', { paused: true }, /paused by a person; held back: 40 % of the bytes/],
    ['an open run', { openRun: 4 }, /training run 4 is open/],
    ['the cooldown', { lastRetrainAt: '2001-02-20T00:00:00.000Z' }, /cooldown lasts another 8 d; held back: 40 %/],
    ['a run that has learnt it already', { learntIn: 4 }, /run 4 has learnt .*; held back: 40 %/],
  ])('is held back by %s', (_what, change, reason) => {
    expect(asked(change)).toMatchObject({ action: 'wait', reason: expect.stringMatching(reason) as string });
  });

  test('is judged with each window too, after what the window itself says', () => {
    expect(gate({ context: { newData }, config: priced })).toMatchObject({ action: 'retrain', trigger: 'dataset' });
    expect(gate({ report: drifted, context: { newData }, config: priced })).toMatchObject({ trigger: 'drift' });
    expect(gate({ report: silent, context: { newData }, config: priced })).toMatchObject({ action: 'block' });
  });

  test('that cannot be compared is said, and warrants nothing', () => {
    const problem = 'the plan is not in storage';
    expect(asked({ newData: { newFiles: 0, newBytes: 0, files: 0, bytes: 0, problem } })).toMatchObject({
      action: 'wait',
      reason: expect.stringContaining(problem) as string,
    });
  });
});

describe('the first rule that fires decides', () => {
  test.each<[string, Parameters<typeof gate>[0], string, string, RegExp]>([
    [
      'quiet',
      {},
      'wait',
      'none',
      /^2001-02-12 to 2001-02-19: nothing warrants the cost: nearest is AUC drop 0\.005 \(0\.700 → 0\.695, ±0\.010\) of 0\.020$/,
    ],
    [
      'blocked',
      {
        report: {
          ...worse,
          checks: [{ ...silent.checks[0]!, check: 'nulls', text: 'column hour has no value in 40 % of the rows' }],
        },
      },
      'block',
      'none',
      /hour has no value in 40 %.*nothing is learnt/,
    ],
    ['silent feed', { report: silent }, 'block', 'none', /the feed is silent.*find out why nothing arrives/],
    [
      'a warning does not block',
      { report: { checks: [{ ...silent.checks[0]!, severity: 'warn' }] } },
      'wait',
      'none',
      /nothing warrants/,
    ],
    [
      'performance',
      { report: worse },
      'retrain',
      'performance',
      /AUC drop 0\.040 against the reference \(0\.700 → 0\.660, ±0\.010\), limit 0\.020$/,
    ],
    [
      'log loss',
      { report: { performance: performanceOf(0.695, 0.5) } },
      'retrain',
      'performance',
      /log loss rise 0\.050.*limit 0\.030$/,
    ],
    ['drift of a feature', { report: drifted }, 'retrain', 'drift', /PSI of feature hour.*0\.400, limit 0\.250$/],
    ['drift of the score', { report: drift(0.05, 0.202) }, 'retrain', 'drift', /PSI of score.*0\.202, limit 0\.200$/],
    [
      'paused',
      { report: drifted, context: { paused: true } },
      'wait',
      'none',
      /paused by a person; held back: PSI of feature hour 0\.400/,
    ],
    ['pinned', { report: drifted, context: { pinned: true } }, 'wait', 'none', /pinned by a person; held back/],
    [
      'open run',
      { report: drifted, context: { openRun: 4 } },
      'wait',
      'none',
      /training run 4 is open, one at a time; held back/,
    ],
    [
      'run about to start',
      { report: drifted, context: { openRun: 0 } },
      'wait',
      'none',
      /a training run is about to start/,
    ],
    [
      'cooldown',
      { report: drifted, context: { lastRetrainAt: '2001-02-20T00:00:00.000Z' } },
      'wait',
      'none',
      /decided at 2001-02-20 and the cooldown lasts another 8 d; held back: PSI/,
    ],
    [
      'cooldown, nothing held back',
      { context: { lastRetrainAt: '2001-02-20T00:00:00.000Z' } },
      'wait',
      'none',
      /nothing warrants/,
    ],
    [
      'cooldown is over',
      { report: drifted, context: { lastRetrainAt: '2001-02-12T00:00:00.000Z' } },
      'retrain',
      'drift',
      /PSI/,
    ],
    [
      'nothing new to learn from',
      { report: drifted, context: { learntIn: 4 } },
      'wait',
      'none',
      /run 4 has learnt .* held back: .*PSI/,
    ],
    ['never retrained', { report: drifted, context: { lastRetrainAt: null } }, 'retrain', 'drift', /PSI/],
    ['block before pause', { report: silent, context: { paused: true } }, 'block', 'none', /silent/],
    [
      'no dataset',
      { report: drifted, context: { datasetVersion: null } },
      'wait',
      'drift',
      /no dataset version is committed/,
    ],
    [
      'first model',
      { report: null, context: { championRelease: null } },
      'retrain',
      'firstModel',
      /no model yet.*dddddddddddd of flights/,
    ],
    [
      'first model ignores the cooldown',
      { report: null, context: { championRelease: null, lastRetrainAt: context.now } },
      'retrain',
      'firstModel',
      /no model yet/,
    ],
    [
      'first model without data',
      { report: null, context: { championRelease: null, datasetVersion: null } },
      'wait',
      'firstModel',
      /no version of dataset flights was committed/,
    ],
    [
      'first model, paused',
      { report: null, context: { championRelease: null, paused: true } },
      'wait',
      'none',
      /^the model is paused by a person$/,
    ],
    [
      'first model, open run',
      { report: null, context: { championRelease: null, openRun: 1 } },
      'wait',
      'none',
      /training run 1 is open/,
    ],
    ['first model asked for, but one is live', { report: null }, 'wait', 'none', /release 3 is live/],
  ])('%s', (_, change, action, trigger, reason) => {
    const decision = gate(change);
    expect(decision).toMatchObject({ action, trigger, reason: expect.stringMatching(reason) });
  });
});

describe("a person's request", () => {
  test.each<[string, Partial<GateContext>, string, RegExp]>([
    [
      'needs no reason in the numbers',
      { request },
      'retrain',
      /^ann asks for a retrain on dataset version dddddddddddd: new airport$/,
    ],
    [
      'in the cooldown',
      { request, lastRetrainAt: '2001-02-20T00:00:00.000Z' },
      'wait',
      /but the last retrain was decided at 2001-02-20.*ask with force/,
    ],
    ['nothing new to learn from', { request: forced, learntIn: 4 }, 'retrain', /forced retrain/],
    ['forced in the cooldown', { request: forced, lastRetrainAt: context.now }, 'retrain', /forced retrain/],
    ['pinned', { request, pinned: true }, 'wait', /pinned: unpin it, or ask with force/],
    ['forced while pinned', { request: forced, pinned: true }, 'retrain', /forced/],
    ['paused', { request, paused: true }, 'wait', /paused: resume it first/],
    ['forced while paused', { request: forced, paused: true }, 'wait', /paused/],
    ['open run', { request, openRun: 7 }, 'wait', /training run 7 is open/],
    ['forced beside an open run', { request: forced, openRun: 7 }, 'wait', /training run 7 is open/],
    ['without data', { request: forced, datasetVersion: null }, 'wait', /no version of dataset flights/],
    ['without a champion', { request, championRelease: null, lastRetrainAt: null }, 'retrain', /ann asks/],
  ])('%s', (_, change, action, reason) => {
    expect(gate({ report: null, context: change })).toMatchObject({
      action,
      trigger: 'person',
      reason: expect.stringMatching(reason),
    });
  });
});

describe('drift from warnPsi on, below the limit', () => {
  const hour = (psi: number) => ({ report: drift(psi) });
  const ruleOf = ({ rules }: ReturnType<typeof gate>) => rules.find(({ rule }) => rule === 'featurePsi');
  test('is worth a look: the rule says so, and so does the decision', () => {
    const decision = gate(hour(0.1));
    expect(ruleOf(decision)).toMatchObject({
      fired: false,
      text: 'PSI of feature hour 0.100 of 0.250 (warning from 0.100 on: a person may look)',
    });
    expect(decision).toMatchObject({ action: 'wait', reason: expect.stringContaining('a person may look') });
  });
  test('is said once, also where it is not what is nearest', () => {
    const { report: drifting } = hour(0.12);
    const { reason } = gate({ report: { ...drifting, performance: performanceOf(0.681, 0.455) } });
    expect(reason).toMatch(/nearest is AUC drop 0\.019 .*; PSI of feature hour 0\.120 .*a person may look/);
    expect(gate(hour(0.2)).reason.match(/a person may look/g)).toHaveLength(1);
  });
  test('and nothing is said below it, or once it decides', () => {
    for (const psi of [0.099, 0.252]) expect(JSON.stringify(gate(hour(psi)))).not.toMatch(/may look/);
  });
});

describe('numbers that must not condemn the champion', () => {
  const bad = { ...worse, ...drifted };
  test.each<[string, Partial<MonitorReport>, RegExp]>([
    [
      'another release answered',
      {
        ...bad,
        servedBy: [
          { release: 2, rows: 3000 },
          { release: 3, rows: 2000 },
        ],
      },
      /release 2 answered the window, the champion is release 3/,
    ],
    ['no release said that it answered', { ...bad, servedBy: [] }, /no release answered/],
    ["another release's reference", { ...bad, referenceRelease: 2 }, /held against the reference of release 2/],
    [
      'too few labels yet',
      { ...worse, status: 'provisional', labelMaturity: 0.5 },
      /nearest is PSI of feature hour 0\.050 of 0\.250; not judged: labels for 50 % of the predictions have arrived, 90 % are awaited$/,
    ],
    [
      'too few labelled rows',
      { performance: performanceOf(0.66, 0.455, { rows: 199 }) },
      /199 labelled predictions, 200 are needed/,
    ],
    ['no label at all at the deadline', { performance: null, labelMaturity: 0 }, /0 labelled predictions/],
    ['one class only', { performance: performanceOf(null, 0.455) }, /not judged: the labels are all of one class/],
    [
      'a large drop that may be chance',
      { performance: performanceOf(0.66, 0.455, { aucSe: 0.05 }) },
      /AUC drop 0\.040 .* of 0\.020, which may be chance/,
    ],
    [
      'a certain drop below the threshold',
      { performance: performanceOf(0.6801, 0.455, { aucSe: 0.0001 }) },
      /AUC drop 0\.020 .* of 0\.020/,
    ],
    ['too few rows for drift', { ...drifted, rows: 99, performance: null }, /99 predictions, 100 are needed/],
    [
      'drift that was judged',
      { drift: { ...drifted.drift, judgedBefore: true } },
      /judged with an earlier report of the window/,
    ],
    [
      'drift that may be chance',
      drift(0.4, 0.04, 0.2),
      /PSI of feature hour 0\.400 of 0\.250, which may be chance \(0\.200 to 0\.600\)/,
    ],
    [
      'a torn feed',
      {
        ...drifted,
        checks: [{ ...silent.checks[0]!, check: 'partial', severity: 'warn', text: 'day 7 of 7 is silent' }],
      },
      /day 7 of 7 is silent: what is missing would pass for drift/,
    ],
    [
      'a column that is stuck',
      { ...drifted, checks: [{ ...silent.checks[0]!, check: 'constant', column: 'hour', severity: 'warn' }] },
      /no feature has a PSI/,
    ],
  ])('%s', (_, change, reason) => {
    expect(gate({ report: change })).toMatchObject({ action: 'wait', reason: expect.stringMatching(reason) });
  });

  test('at the deadline the labels that are there must do', () => {
    expect(gate({ report: { ...worse, status: 'final', labelMaturity: 0.5 } })).toMatchObject({
      trigger: 'performance',
    });
    expect(gate({ report: { ...worse, status: 'final', labelMaturity: 0.49 } })).toMatchObject({
      action: 'wait',
      reason: expect.stringMatching(/came until the deadline, 50 % are needed: .*no random sample/),
    });
    expect(gate({ report: { ...worse, status: 'provisional', labelMaturity: 0.9 } })).toMatchObject({
      trigger: 'performance',
    });
  });
});

describe('other tasks are judged by their own metrics', () => {
  const measured = (value: number) => ({ value, low: value - 0.01, high: value + 0.01 });
  const of = (task: 'multiclass' | 'regression', metrics: Record<string, number>): Performance => ({
    task,
    rows: 1000,
    metrics: Object.fromEntries(Object.entries(metrics).map(([name, value]) => [name, measured(value)])),
  });
  test.each<['multiclass' | 'regression', Record<string, number>, Record<string, number>, string, RegExp]>([
    ['multiclass', { accuracy: 0.8, logLoss: 0.5 }, { accuracy: 0.7, logLoss: 0.5 }, 'retrain', /accuracy drop 0\.100/],
    [
      'multiclass',
      { accuracy: 0.8, logLoss: 0.5 },
      { accuracy: 0.81, logLoss: 0.51 },
      'wait',
      /nearest is log loss rise 0\.010/,
    ],
    ['regression', { rmse: 2 }, { rmse: 2.3 }, 'retrain', /RMSE rise 0\.150 .*limit 0\.100/],
    ['regression', { rmse: 2 }, { rmse: 2.1 }, 'wait', /RMSE rise 0\.050/],
  ])('%s', (task, before, now, action, reason) => {
    const decision = gate({
      report: { referencePerformance: of(task, before), performance: of(task, now) },
      config: { task },
    });
    expect(decision).toMatchObject({ action, reason: expect.stringMatching(reason) });
    expect(gate({ config: { task } }).reason).toMatch(new RegExp(`judged as binary, the model is ${task} now`));
  });
});

test('every rule is recorded with its numbers, also when another decided', () => {
  const { rules, action } = gate({
    report: { ...worse, ...drifted, checks: silent.checks },
    context: { pinned: true },
  });
  expect(action).toBe('block');
  expect(
    rules.map(({ rule, fired, value, threshold }) => [
      rule,
      fired,
      typeof value === 'number' ? Number(value.toFixed(3)) : value,
      threshold,
    ]),
  ).toEqual([
    ['block', true, 1, 1],
    ['person', false, null, null],
    ['paused', false, 'no', null],
    ['pinned', true, 'yes', null],
    ['openRun', false, null, null],
    ['firstModel', false, 3, null],
    ['cooldown', false, 25 * DAY_MS, 14 * DAY_MS],
    ['newData', false, null, null],
    ['aucDrop', true, 0.04, 0.02],
    ['logLossRise', false, 0.005, 0.03],
    ['featurePsi', true, 0.4, 0.25],
    ['predictionPsi', false, 0.04, 0.2],
  ]);
  expect(rules.every(({ text }) => text.length > 0)).toBe(true);
});
