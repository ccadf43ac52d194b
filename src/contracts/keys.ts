/**
 * Where everything lies in object storage, below the workspace's prefix.
 * Keys are content-addressed, attempt-unique or create-once; only `live.json` and `head.json` change.
 */
import { keyTime } from './time.js';

/** Sequence numbers in keys are padded, so that a listing is in order. */
const padded = (seq: number): string => String(seq).padStart(8, '0');
/** The number in a key made by `sequenceKey`; undefined for other keys. */
export function sequenceOf(key: string): number | undefined {
  const m = /\/(\d{8})\.json$/.exec(key);
  return m ? Number(m[1]) : undefined;
}
/** `<folder>/<seq>.json` for the folders below whose records are numbered. */
export const sequenceKey = (folder: string, seq: number): string => `${folder}/${padded(seq)}.json`;

const windowFolder = (from: string, to: string): string => `${keyTime(from)}_${keyTime(to)}`;

export const keys = {
  root: 'seawall.json',
  blobs: 'blobs/sha256/',
  blob: (sha256: string): string => `blobs/sha256/${sha256.slice(0, 2)}/${sha256}`,

  datasets: 'datasets/',
  datasetVersions: (name: string): string => `datasets/${name}/versions/`,
  datasetVersion: (name: string, digest: string): string => `datasets/${name}/versions/${digest}.json`,
  datasetHead: (name: string): string => `datasets/${name}/head.json`,
  /** Every move of the head, by its number. */
  datasetHistory: (name: string): string => `datasets/${name}/history`,
  datasetTags: (name: string): string => `datasets/${name}/tags/`,
  datasetTag: (name: string, tag: string): string => `datasets/${name}/tags/${tag}`,
  /** What was imported from DVC, and from which revision. */
  datasetImports: (name: string): string => `datasets/${name}/imports`,

  models: 'models/',
  configRevisions: (model: string): string => `models/${model}/config/revisions`,
  windows: (model: string): string => `models/${model}/windows/`,
  /** A window as a part of a path: `<from>_<to>`. */
  windowName: ({ from, to }: { from: string; to: string }): string => windowFolder(from, to),
  /** Monitor report; `rev` counts from 1. */
  report: (model: string, from: string, to: string, rev: number): string =>
    `models/${model}/windows/${windowFolder(from, to)}/rev-${rev}.json`,
  /** What a window became as training data; `shape` is a digest of the columns. */
  windowRows: (model: string, { from, to }: { from: string; to: string }, shape: string): string =>
    `models/${model}/windows/${windowFolder(from, to)}/rows-${shape}.json`,
  /** Where its rows lie in the dataset. */
  windowRowsPath: (model: string, { from, to }: { from: string; to: string }): string =>
    `logs/${model}/window=${windowFolder(from, to)}/rows.parquet`,
  decisions: (model: string): string => `models/${model}/decisions`,
  /** Which windows were blocked after the decision of that number; derived from the decisions, so that nobody reads them all. */
  blockedWindows: (model: string): string => `models/${model}/blocked-windows`,
  runs: (model: string): string => `models/${model}/runs/`,
  run: (model: string, n: number): string => `models/${model}/runs/${n}/`,
  runClaim: (model: string, n: number): string => `models/${model}/runs/${n}/claim.json`,
  runPlan: (model: string, n: number): string => `models/${model}/runs/${n}/plan.json`,
  runRecords: (model: string, n: number): string => `models/${model}/runs/${n}/record`,
  /** What an open run holds out, named before it is needed: content that no record names is collected. */
  runHoldout: (model: string, n: number, sha256: string): string => `models/${model}/runs/${n}/holdout/${sha256}.json`,
  trainerLog: (model: string, n: number, attempt: number): string => `models/${model}/runs/${n}/trainer-${attempt}.log`,
  /** Of a log that is not whole yet: `log` is its key; a part is named by the byte at which it begins. */
  trainerLogParts: (log: string): string => `${log.replace(/\.log$/, '')}/`,
  trainerLogPart: (log: string, offset: number): string =>
    `${keys.trainerLogParts(log)}${String(offset).padStart(12, '0')}.log`,
  /** What became of this challenger on this holdout; both by digest. */
  runEvaluation: (model: string, n: number, challenger: string, holdout: string): string =>
    `models/${model}/runs/${n}/evaluation/${challenger}_${holdout}.json`,
  /** What the run was expected to cost, when its pool has a ledger. */
  runReservation: (model: string, n: number): string => `models/${model}/runs/${n}/reservation.json`,
  /** What its attempts used: `<attempt>-<unique>.started.json` and `….ended.json`. */
  runUse: (model: string, n: number): string => `models/${model}/runs/${n}/use/`,
  releases: (model: string): string => `models/${model}/releases`,
  audit: (model: string): string => `models/${model}/audit`,
  live: (model: string): string => `models/${model}/live.json`,
  /** Every move of the live pointer, by its epoch. */
  moves: (model: string): string => `models/${model}/moves`,

  fleet: (pool: string): string => `fleet/${pool}/`,
  ledger: (pool: string): string => `fleet/${pool}/ledger`,
  /** Budgets, by their number; the newest counts. */
  budgets: (pool: string): string => `fleet/${pool}/budget`,
  fleetAudit: (pool: string): string => `fleet/${pool}/audit`,

  predictions: (model: string): string => `predictions/${model}/`,
  labels: (model: string): string => `labels/${model}/`,
  /** One object of the prediction or label log; `day` is YYYY-MM-DD, `file` must be unique and end in .parquet or .jsonl. */
  logObject: (kind: 'predictions' | 'labels', model: string, day: string, file: string): string =>
    `${kind}/${model}/dt=${day}/${file}`,
  watermarks: (kind: 'predictions' | 'labels', model: string): string => `${kind}/${model}/watermarks/`,
  watermark: (kind: 'predictions' | 'labels', model: string, completeTo: string): string =>
    `${kind}/${model}/watermarks/${keyTime(completeTo)}.json`,
} as const;
