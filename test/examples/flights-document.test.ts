import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { BaselineModel } from '../../examples/flights/baselines.js';
import { productionWeek, PRODUCTION_START } from '../../examples/flights/calendar.js';
import { assembleDocument } from '../../examples/flights/assemble.js';
import { actLines, approvedText, releaseLine, weekLine } from '../../examples/flights/lines.js';
import { createRecordReader, type ModelRecords } from '../../examples/flights/records.js';
import { isSettled, whatMoves } from '../../examples/flights/settle.js';
import { parseModelConfig } from '../../src/adapters/model-config.js';
import type { ReleaseResult } from '../../examples/flights/document.js';
import type {
  Action,
  AuditRecord,
  DecisionRecord,
  LoopStatus,
  MonitorReport,
  ReleaseRecord,
  RunPlan,
  RunRecord,
} from '../../src/contracts/index.js';
import { keys, sequenceKey } from '../../src/contracts/index.js';
import { driftBy, performanceOf, report as sample } from '../domain/decisions/samples.js';

const SHA = 'a'.repeat(64);
const [first, second] = [productionWeek(1), productionWeek(2)];

function report(k: number, revision: number, change: Partial<MonitorReport> = {}): MonitorReport {
  const { from, to } = productionWeek(k);
  return {
    ...sample,
    model: 'flights',
    window: { from, to },
    revision,
    causeId: `window/${from}_${to}/rev-${revision}`,
    status: revision === 1 ? 'provisional' : 'final',
    at: to,
    rows: 1000 + k,
    servedBy: [{ release: 1, rows: 1000 + k }],
    drift: {
      ...sample.drift,
      columns: [driftBy('hour', 0.01), driftBy('origin', 0.03), driftBy('distance', null)],
      outputs: [driftBy('score', 0.02)],
    },
    labelMaturity: revision === 1 ? 0 : 1,
    performance: revision === 1 ? null : performanceOf(0.66, 0.56),
    labelMean: revision === 1 ? null : 0.25,
    ...change,
  };
}

function decision(seq: number, action: Action, about: { k: number; revision: number } | null): DecisionRecord {
  const week = about && productionWeek(about.k);
  return {
    kind: 'decision',
    schema: 1,
    seq,
    causeId: `cause/${seq}`,
    model: 'flights',
    action,
    trigger: action === 'retrain' ? (about ? 'performance' : 'firstModel') : 'none',
    reason: `reason ${seq}`,
    decidedBy: null,
    rules: [],
    window: week && { from: week.from, to: week.to },
    revision: about?.revision ?? null,
    report: null,
    context: {
      now: PRODUCTION_START,
      championRelease: 1,
      openRun: null,
      paused: false,
      pinned: false,
      lastRetrainAt: null,
      request: null,
      datasetVersion: SHA,
      learntIn: null,
    },
    configDigest: SHA,
    evaluator: 'gate/2',
    at: PRODUCTION_START,
  };
}

function run(n: number, decisionSeq: number, change: Partial<RunRecord> = {}): RunRecord {
  const performance = { rows: 100, positives: 20, auc: 0.7, aucSe: 0.01, logLoss: 0.46, logLossSe: 0.01, brier: 0.2 };
  return {
    kind: 'run',
    schema: 1,
    model: 'flights',
    n,
    seq: 5,
    causeId: `decision/${decisionSeq}`,
    workflowId: `train/flights/${n}`,
    phase: 'ended',
    outcome: { kind: 'released', release: n, text: `release ${n}` },
    configDigest: SHA,
    dataset: { name: 'flights', version: SHA },
    champion: null,
    attempts: [],
    challenger: { sha256: SHA, size: 1 },
    trainSeconds: 2.5,
    device: 'cpu',
    evidence: SHA,
    evaluation: {
      rows: 100,
      metric: 'logLoss',
      challenger: performance,
      champion: n === 1 ? null : performance,
      gain: n === 1 ? null : 0.0025,
      gainInterval: null,
    },
    approval: null,
    at: '2026-01-01T00:00:00.000Z',
    ...change,
  };
}

function release(number: number, verdict: 'automatic' | 'approved'): ReleaseRecord {
  const by = verdict === 'automatic' ? 'policy' : 'demo';
  return {
    kind: 'release',
    schema: 1,
    seq: number,
    causeId: `flights/${number}`,
    model: 'flights',
    release: number,
    artifact: { sha256: SHA, size: 1 },
    dataset: { name: 'flights', version: SHA },
    run: number,
    reference: SHA,
    holdout: SHA,
    evidence: SHA,
    approval: { verdict, by, reason: null, at: '2026-01-01T00:00:00.000Z', challenger: SHA, evidence: SHA },
    at: '2026-01-01T00:00:01.000Z',
  };
}

const plan = (n: number, include: string[]) => ({ kind: 'run-plan', n, dataset: { include } }) as unknown as RunPlan;

/** The model for week `k`, with its quality in the weeks from then on up to the third. */
const baseline = (k: number): BaselineModel => ({
  week: k,
  seconds: 4,
  rows: 100,
  scores: [1, 2, 3]
    .filter((week) => week >= k)
    .map((week) => ({
      week,
      rows: 10,
      positives: 2,
      auc: 0.6 + week / 100,
      aucSe: 0.01,
      logLoss: 0.5 + week / 100,
      logLossSe: 0.01,
    })),
});

/** Two weeks: the second retrained on its final labels, and its provisional decision came first. */
function story(): ModelRecords {
  return {
    reports: [report(1, 1), report(1, 2), report(2, 1), report(2, 2)],
    decisions: [
      decision(1, 'retrain', null),
      decision(2, 'wait', { k: 1, revision: 1 }),
      decision(3, 'wait', { k: 1, revision: 2 }),
      decision(4, 'wait', { k: 2, revision: 1 }),
      decision(5, 'retrain', { k: 2, revision: 2 }),
    ],
    runs: [run(1, 1), run(2, 5)],
    plans: new Map([
      [1, plan(1, ['january'])],
      [2, plan(2, ['january', 'week'])],
    ]),
    releases: [release(1, 'automatic'), release(2, 'approved')],
    audit: [],
    live: { release: 2, epoch: 2 },
  };
}

const status = (release: number, openRuns: number[] = []): LoopStatus => ({
  model: 'flights',
  state: 'watching',
  now: second.to,
  champion: { release, sha256: SHA, epoch: release },
  configSeq: 1,
  standing: { paused: false, pinned: false },
  orders: { paused: null, pinned: null },
  incident: null,
  openRuns,
  runs: [],
  waitsForBudget: [],
  lookedAt: null,
  monitoredTo: second.to,
  lastReport: null,
  lastRun: null,
  problem: null,
  lastDecision: null,
  windowsSinceStart: 2,
});

describe('the document', () => {
  const document = assembleDocument('flights', story(), [first, second], [baseline(1)]);

  it('takes the newest report of a week, and the decision that bound most', () => {
    const [one, two] = document.weeks;
    expect(one).toMatchObject({
      from: first.from,
      rows: 1001,
      decision: 'wait',
      reason: 'reason 3',
      auc: 0.66,
      release: 1,
    });
    expect(two).toMatchObject({
      decision: 'retrain',
      reason: 'reason 5',
      logLoss: 0.56,
      lateShare: 0.25,
      status: 'final',
    });
    expect(two?.decisions.map(({ seq, revision }) => [seq, revision])).toEqual([
      [4, 1],
      [5, 2],
    ]);
    expect(two?.drift).toEqual({ column: 'origin', psi: 0.03, prediction: 0.02 });
  });

  it.each([
    [['wait', 'block'], 'block'],
    [['block', 'escalate', 'wait'], 'escalate'],
    [['retrain', 'escalate'], 'retrain'],
    [['retrain', 'wait'], 'retrain'],
  ] as [Action[], Action][])('says of %j: %s', (actions, expected) => {
    const decisions = actions.map((action, i) => decision(i + 1, action, { k: 1, revision: i + 1 }));
    expect(assembleDocument('flights', { ...story(), decisions }, [first], []).weeks[0]?.decision).toBe(expected);
  });

  it('does not count the first champion as a retrain, but its seconds', () => {
    expect(document.retrains).toBe(1);
    expect(document.trainSeconds).toEqual({ seawall: 5, weekly: 4 });
  });

  it('says of each release who approved it, what it gained and what it learnt from', () => {
    expect(document.releases).toMatchObject([
      { release: 1, run: 1, gain: null, approval: { verdict: 'automatic' }, trainedOn: { files: ['january'] } },
      {
        release: 2,
        run: 2,
        gain: 0.0025,
        approval: { verdict: 'approved', by: 'demo' },
        trainedOn: { files: ['january', 'week'] },
      },
    ]);
  });

  it('sets the January model and weekly retraining beside it; in the third week the model may be another one', () => {
    expect(document.weeks[1]).toMatchObject({
      aucFrozen: 0.62,
      aucWeekly: 0.62,
      logLossFrozen: 0.52,
      trainSecondsWeekly: 0,
    });
    const models = [baseline(1), baseline(3)];
    const [third] = assembleDocument('flights', story(), [productionWeek(3)], models).weeks;
    expect(third).toMatchObject({ aucFrozen: 0.63, aucWeekly: 0.63, trainSecondsWeekly: 4 });
    const [unmeasured] = assembleDocument('flights', story(), [productionWeek(3)], [baseline(1)]).weeks;
    expect(unmeasured).toMatchObject({ aucFrozen: 0.63, aucWeekly: null, trainSecondsWeekly: null });
  });

  it('marks the weeks that an incident touches', () => {
    const weeks = Array.from({ length: 21 }, (_, i) => productionWeek(i + 1));
    const marked = assembleDocument('flights', story(), weeks, []);
    const of = (id: string) =>
      marked.weeks.filter(({ incident }) => incident === id).map(({ from }) => from.slice(0, 10));
    expect(of('codes')).toEqual(['2001-03-12', '2001-03-19']);
    expect(of('capacity')[0]).toBe('2001-05-14');
    expect(of('capacity')).toHaveLength(7);
    expect(marked.weeks.filter(({ injected }) => injected)).toHaveLength(9);
    expect(marked.incidents.map(({ id }) => id)).toEqual(['codes', 'capacity']);
    expect(document.incidents).toEqual([]);
  });

  it('leaves a week that was never monitored empty, and invents nothing', () => {
    const [week] = assembleDocument('flights', story(), [productionWeek(3)], []).weeks;
    expect(week).toMatchObject({ rows: 0, decision: null, reason: null, auc: null, release: null, decisions: [] });
  });
});

describe('the terminal', () => {
  it('has one line per week and per release', () => {
    const [, week] = assembleDocument('flights', story(), [first, second], [baseline(1)]).weeks;
    expect(weekLine(week!)).toMatch(
      /^2001-02-12 +1,002 +25\.0 % +origin 0\.030 +0\.660 +0\.620 +0\.620 +0\.560 +0\.520 +0\.520 +1 +retrain +reason 5$/,
    );
    expect(weekLine({ ...week!, injected: true })).toContain('[injected] reason 5');
    expect(releaseLine(story(), 2)).toContain('release 2: holdout AUC 0.700, log loss 0.460, gain 0.0025');
    expect(releaseLine(story(), 2)).toContain('approved by demo');
  });
});

describe('who did what', () => {
  it('tells people from the example itself', () => {
    const act = (by: string, reason: string | null, accepted: boolean) =>
      ({ by, message: 'pause', reason, accepted, result: 'done' }) as unknown as AuditRecord;
    expect(actLines([act('demo', null, true), act('ada', 'a holiday', true), act('bob', null, false)])).toEqual([
      '            ada: pause (“a holiday”): done',
      '            bob: pause, refused: done',
    ]);
    const of = (verdict: string, by: string) => ({ approval: { verdict, by } }) as unknown as ReleaseResult;
    expect(approvedText([of('automatic', 'policy'), of('approved', 'demo'), of('approved', 'ada')])).toBe(
      "3 releases, 1 approved by a person, 1 by the example in a person's place",
    );
  });
});

describe('settled', () => {
  it('does not take the times at which the loop looked for a movement', () => {
    const now = status(1);
    expect(whatMoves({ ...now, lookedAt: '2026-11-25T00:00:05.000Z' })).toBe(whatMoves(now));
    expect(whatMoves({ ...now, configSeq: 2 })).not.toBe(whatMoves(now));
  });
  const expected = { what: '', monitored: second, final: second };
  it('is when the final verdict is decided, its run has ended, and the loop knows the champion', () => {
    expect(isSettled(story(), status(2), expected)).toBe(true);
  });
  it('is not while a run is open, or the loop believes in the old champion', () => {
    expect(isSettled(story(), status(2, [2]), expected)).toBe(false);
    expect(isSettled(story(), status(1), expected)).toBe(false);
  });
  it('is also when a person has rolled back, and the loop knows it', () => {
    const back = { ...story(), live: { release: 1, epoch: 3 } };
    const knows = { ...status(1), champion: { release: 1, sha256: SHA, epoch: 3 } };
    expect(isSettled(back, knows, expected)).toBe(true);
    expect(isSettled(back, status(2), expected)).toBe(false);
  });
  it('is not between the decision to retrain and its run', () => {
    expect(isSettled({ ...story(), runs: [run(1, 1)] }, status(2), expected)).toBe(false);
    const running = run(2, 5, { outcome: null, phase: 'training' });
    expect(isSettled({ ...story(), runs: [run(1, 1), running] }, status(2), expected)).toBe(false);
  });
  it('is not before the newest report is decided, or is final', () => {
    const undecided = { ...story(), decisions: story().decisions.slice(0, 4) };
    expect(isSettled(undecided, status(2), expected)).toBe(false);
    const provisional = { ...story(), reports: [report(1, 1), report(1, 2), report(2, 1)] };
    expect(isSettled(provisional, status(2), expected)).toBe(false);
    expect(isSettled(provisional, status(2), { what: '', monitored: second, final: first })).toBe(true);
  });
});

describe('the records', () => {
  it('are read from their keys, the newest revision of a run, windows in order', async () => {
    const stored = new Map<string, unknown>();
    const windows = [report(10, 1), report(1, 2), report(1, 1)];
    for (const each of windows)
      stored.set(keys.report('flights', each.window.from, each.window.to, each.revision), each);
    for (const each of story().decisions) stored.set(sequenceKey(keys.decisions('flights'), each.seq), each);
    stored.set(sequenceKey(keys.runRecords('flights', 1), 1), run(1, 1, { seq: 1, outcome: null }));
    stored.set(sequenceKey(keys.runRecords('flights', 1), 2), run(1, 1, { seq: 2 }));
    stored.set(sequenceKey(keys.runRecords('flights', 10), 1), run(10, 5));
    stored.set(keys.runClaim('flights', 1), { kind: 'run-claim' });
    stored.set(keys.runPlan('flights', 10), plan(10, ['january']));
    stored.set(sequenceKey(keys.releases('flights'), 1), release(1, 'automatic'));
    let reads = 0;
    const json = {
      read: <T>(key: string) => {
        reads += 1;
        return Promise.resolve({ value: stored.get(key) as T, etag: '' });
      },
      create: () => Promise.reject(new Error('nothing is written')),
      async *list(prefix: string) {
        for (const key of [...stored.keys()].sort()) if (key.startsWith(prefix)) yield { key, size: 1, etag: '' };
      },
    };
    const read = createRecordReader(
      { json, pointers: { read: async () => undefined, move: undefined as never, history: undefined as never } },
      'flights',
    );
    const found = await read();
    expect(found.reports.map(({ window, revision }) => [window.from, revision])).toEqual([
      [first.from, 1],
      [first.from, 2],
      [productionWeek(10).from, 1],
    ]);
    expect(found.runs.map(({ n, seq }) => [n, seq])).toEqual([
      [1, 2],
      [10, 5],
    ]);
    expect(found.plans.get(10)?.dataset.include).toEqual(['january']);
    expect(found.decisions).toHaveLength(5);
    expect(found.releases).toHaveLength(1);
    expect(found.audit).toEqual([]);
    const before = reads;
    await read();
    expect(reads).toBe(before);
  });
});

describe('model.yaml', () => {
  it('is valid, and agrees with the calendar', () => {
    const file = 'examples/flights/model.yaml';
    const config = parseModelConfig(readFileSync(file, 'utf8'), file);
    expect(config.windows).toMatchObject({ everyMs: 7 * 864e5, anchor: PRODUCTION_START });
    expect(config.features.map(({ name }) => name)).toEqual(['hour', 'weekday', 'distance', 'origin', 'destination']);
    expect(config).toMatchObject({ name: 'flights', clock: 'feed', label: { column: 'late', maturity: 0.95 } });
  });
});
