/** A quiet window of a model that nobody needs to worry about; tests change one thing each. */
import type {
  BinaryPerformance,
  GateContext,
  ModelConfig,
  MonitorReport,
  ReferenceProfile,
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
  },
  gate: {
    performance: { aucDrop: 0.02, logLossRise: 0.03, minLabelled: 200 },
    drift: { warnPsi: 0.1, featurePsi: 0.25, predictionPsi: 0.2 },
    cooldownMs: 14 * DAY_MS,
  },
  promotion: { metric: 'logLoss', minGain: 0.001 },
  approval: { mode: 'autoAbove', minGain: 0.01, deadlineMs: DAY_MS },
};

export const referencePerformance: BinaryPerformance = {
  rows: 10_000,
  positives: 2_000,
  auc: 0.7,
  aucSe: 0.003,
  logLoss: 0.45,
  logLossSe: 0.004,
  brier: 0.14,
};

export const report: MonitorReport = {
  kind: 'monitor-report',
  schema: 1,
  model: 'late',
  window: { from: '2001-02-12T00:00:00.000Z', to: '2001-02-19T00:00:00.000Z' },
  revision: 1,
  causeId: 'window/2001-02-12T00:00:00.000Z_2001-02-19T00:00:00.000Z/rev-1',
  status: 'final',
  at: '2001-02-26T00:00:00.000Z',
  configDigest: 'c'.repeat(64),
  rows: 5_000,
  duplicates: 0,
  servedBy: [{ release: 3, rows: 5_000 }],
  referenceRelease: 3,
  referencePerformance,
  checks: [],
  drift: {
    columns: [
      { column: 'hour', kind: 'numeric', psi: 0.05 },
      { column: 'origin', kind: 'categorical', psi: null },
    ],
    prediction: 0.04,
  },
  labelMaturity: 1,
  performance: { ...referencePerformance, rows: 5_000, auc: 0.695, aucSe: 0.004, logLoss: 0.455, logLossSe: 0.005 },
  labelObjects: 1,
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

export const reference: ReferenceProfile = {
  kind: 'reference-profile',
  schema: 1,
  rows: 1000,
  columns: [
    {
      kind: 'numeric',
      name: 'hour',
      rows: 1000,
      nulls: 0,
      min: 0,
      max: 23,
      edges: [6, 12, 18],
      counts: [250, 250, 250, 250],
    },
    {
      kind: 'categorical',
      name: 'origin',
      rows: 1000,
      nulls: 100,
      categories: [
        { value: 'ATL', count: 600 },
        { value: 'ORD', count: 300 },
      ],
      other: 0,
      known: ['ATL', 'ORD'],
    },
  ],
  prediction: {
    kind: 'numeric',
    name: 'score',
    rows: 1000,
    nulls: 0,
    min: 0,
    max: 1,
    edges: [0.5],
    counts: [500, 500],
  },
  performance: referencePerformance,
};
