/** A quiet window of a model that nobody needs to worry about; tests change one thing each. */
import type {
  BinaryPerformance,
  ColumnDrift,
  GateContext,
  ModelConfig,
  MonitorReport,
  Performance,
  WindowFeed,
} from '../../../src/contracts/index.js';

export const DAY_MS = 86_400_000;

export const config: ModelConfig = {
  name: 'late',
  task: 'binary',
  clock: 'feed',
  windows: { everyMs: 7 * DAY_MS, anchor: '2001-02-05T00:00:00.000Z', allowedLatenessMs: 0 },
  features: [
    { name: 'hour', type: 'int64' },
    { name: 'origin', type: 'string' },
  ],
  label: { column: 'late', maturity: 0.9, deadlineMs: 14 * DAY_MS },
  dataset: { name: 'flights', rowId: 'row' },
  holdout: { hashFraction: 0.2 },
  trainer: {
    run: { use: 'xgboost' },
    params: {},
    seed: 1,
    pool: 'default',
    device: 'cpu',
    timeoutMs: 1,
    graceMs: 1,
    maxAttempts: 1,
  },
  monitor: {
    minRows: 100,
    nullShare: { warn: 0.05, block: 0.2 },
    unseenShare: { warn: 0.01, block: 0.1 },
    outOfRangeShare: { warn: 0.01, block: 0.1 },
    slices: [],
    feed: {
      drop: { warn: 0.3, block: 0.6 },
      rise: 1,
      gap: { warn: 0, block: 0.5 },
      duplicates: { warn: 0.01, block: 0.5 },
      late: { warn: 0.01, block: 1 },
    },
    schema: { columns: {}, extra: 'off' },
  },
  gate: {
    performance: {
      aucDrop: 0.02,
      logLossRise: 0.03,
      accuracyDrop: 0.02,
      rmseRise: 0.1,
      minLabelled: 200,
      minMaturity: 0.5,
    },
    drift: { warnPsi: 0.1, featurePsi: 0.25, predictionPsi: 0.2, falseAlarms: 0.05 },
    cooldownMs: 14 * DAY_MS,
  },
  promotion: { metric: 'logLoss', minGain: 0.001 },
  approval: { mode: 'autoAbove', minGain: 0.01, deadlineMs: DAY_MS },
};

/** What an evaluation measures. */
export const evaluatedPerformance: BinaryPerformance = {
  rows: 10_000,
  positives: 2_000,
  auc: 0.7,
  aucSe: 0.003,
  logLoss: 0.45,
  logLossSe: 0.004,
  brier: 0.14,
};

const measured = (value: number, error: number) => ({ value, low: value - 1.96 * error, high: value + 1.96 * error });

/** Standard errors as a window of some thousand rows has them. */
export const performanceOf = (
  auc: number | null,
  logLoss: number,
  { rows = 5_000, aucSe = 0.004, logLossSe = 0.005 } = {},
): Performance => ({
  task: 'binary',
  rows,
  metrics: { auc: auc === null ? null : measured(auc, aucSe), logLoss: measured(logLoss, logLossSe) },
});

export const referencePerformance = performanceOf(0.7, 0.45, { rows: 10_000, aucSe: 0.003, logLossSe: 0.004 });

/** A column whose PSI is known so well that its interval is `width` wide on both sides. */
export const driftBy = (name: string, psi: number | null, width = 0.001): ColumnDrift => ({
  name,
  kind: 'numeric',
  psi,
  jensenShannon: null,
  ks: null,
  wasserstein: null,
  intervals: psi === null ? {} : { psi: { low: Math.max(0, psi - width), high: psi + width } },
  newCategories: null,
  verdict: psi === null ? 'notJudged' : 'stable',
  because: '',
  parts: [],
});

export const feed: WindowFeed = {
  objectRows: 5_000,
  duplicates: 0,
  withoutId: 0,
  withoutTime: 0,
  misdated: { before: 0, after: 0 },
  volume: { partMs: DAY_MS, rows: [700, 700, 700, 700, 700, 750, 750] },
  extraColumns: [],
  repeats: [],
  unreadable: [],
};

export const report: MonitorReport = {
  kind: 'monitor-report',
  schema: 2,
  model: 'late',
  window: { from: '2001-02-12T00:00:00.000Z', to: '2001-02-19T00:00:00.000Z' },
  revision: 1,
  causeId: 'window/2001-02-12T00:00:00.000Z_2001-02-19T00:00:00.000Z/rev-1',
  status: 'final',
  closed: false,
  at: '2001-02-26T00:00:00.000Z',
  configDigest: 'c'.repeat(64),
  rows: 5_000,
  lateRows: 0,
  feed,
  expected: null,
  servedBy: [{ release: 3, rows: 5_000 }],
  referenceRelease: 3,
  referencePerformance,
  checks: [],
  drift: {
    judgedBefore: false,
    columns: [driftBy('hour', 0.05), driftBy('origin', null)],
    outputs: [driftBy('score', 0.04)],
    label: null,
  },
  labelMaturity: 1,
  performance: performanceOf(0.695, 0.455),
  labelMean: 0.2,
  estimate: null,
  arms: [],
  slices: [],
  labelObjects: 1,
  seen: 's',
  stored: {
    reference: 'a'.repeat(64),
    profile: 'b'.repeat(64),
    index: 'e'.repeat(64),
    labelled: null,
    labels: null,
    objects: 'f'.repeat(64),
  },
};

export const context: GateContext = {
  now: '2001-02-26T00:00:00.000Z',
  championRelease: 3,
  openRun: null,
  paused: false,
  pinned: false,
  lastRetrainAt: '2001-02-01T00:00:00.000Z',
  request: null,
  datasetVersion: 'd'.repeat(64),
  learntIn: null,
};
