/** The JSON documents that Seawall keeps in object storage. Every one has `kind` and `schema`. */
import type { ModelConfig } from './config.js';

export type Sha256 = string;
export interface Window {
  /** Inclusive, ISO 8601 UTC. */
  from: string;
  /** Exclusive. */
  to: string;
}

/** At the prefix's root: prefix and Temporal namespace belong together. */
export interface RootRecord {
  kind: 'seawall';
  schema: 1;
  namespace: string;
  createdAt: string;
}

/** A record in a numbered folder. The same `causeId` twice is the same record. */
export interface Sequenced {
  seq: number;
  causeId: string;
}

export interface ConfigRevision extends Sequenced {
  kind: 'model-config';
  schema: 1;
  /** SHA-256 of the canonical JSON of `config`. */
  digest: Sha256;
  config: ModelConfig;
  by: string;
  at: string;
}

export interface ManifestFile {
  /** Relative, `/`-separated, sorted by UTF-16 code unit. */
  path: string;
  size: number;
  sha256: Sha256;
}
/** A dataset version; its id is the SHA-256 of its canonical JSON, so equal files are equal versions anywhere. */
export interface Manifest {
  kind: 'dataset-version';
  schema: 1;
  files: ManifestFile[];
}
/** `head.json`: the newest version. A copy of it is kept for every move (`history/<seq>.json`). */
export interface DatasetHead {
  kind: 'dataset-head';
  schema: 1;
  name: string;
  version: Sha256;
  previous: Sha256 | null;
  /** Counts the moves of the head. */
  seq: number;
  by: string;
  /** What the committer said about it. */
  message?: string;
  at: string;
}
/** A name for a version; the highest number counts, those below are its history. */
export interface DatasetTag extends Sequenced {
  kind: 'dataset-tag';
  schema: 1;
  name: string;
  tag: string;
  version: Sha256;
  by: string;
  at: string;
}

/** The git revision of a DVC repository. */
export interface DvcRevision {
  commit: string;
  /** Whether DVC's own files differed from it. */
  changed: boolean;
}
/** Which DVC objects a dataset version was made from; the next import takes what it lists from the store. */
export interface DatasetImport extends Sequenced {
  kind: 'dataset-import';
  schema: 1;
  version: Sha256;
  /** null: the repository is not in git. */
  revision: DvcRevision | null;
  /** What was imported, relative to the repository. */
  outs: string[];
  by: string;
  at: string;
  /** `hash`: `md5`, or DVC 2's `md5-dos2unix`. */
  files: { path: string; hash: string; md5: string; sha256: Sha256; size: number }[];
}

/** A window of the logs as training data; written once per shape of the configuration. */
export interface WindowRows {
  kind: 'window-rows';
  schema: 1;
  model: string;
  window: Window;
  /** Of the report that was final. */
  revision: number;
  rows: number;
  /** null: no row has a label. */
  file: ManifestFile | null;
}

export interface Watermark {
  kind: 'watermark';
  schema: 1;
  completeTo: string;
  at: string;
}
