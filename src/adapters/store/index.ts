/** Object storage: the ports of `activities/ports.ts` on any S3, through minio-js. */
import type {
  BlobStore,
  DatasetStore,
  FileStore,
  JsonStore,
  PointerStore,
  RecordStore,
  WatermarkStore,
} from '../../activities/ports.js';
import type { RootRecord, Sha256 } from '../../contracts/index.js';
import { createBlobStore, createFileStore, type BlobWriter } from './blob-store.js';
import { createDatasetStore, type DatasetHistory, type DatasetWriter } from './dataset-store.js';
import { createDatasetRefs, type DatasetRefs } from './dataset-refs.js';
import { createJsonStore } from './json-store.js';
import { createPointerStore, type PointerHistory } from './pointer-store.js';
import { createRecordStore } from './record-store.js';
import { collectGarbage, type Collected, type CollectOptions } from './garbage.js';
import { createRollbackCheck, type MissingObject } from './rollback-check.js';
import { verifyVersions, type VerifyProgress, type Verification } from './dataset-verify.js';
import type { S3Options } from './client.js';
import { createS3 } from './s3.js';
import { createWatermarkStore, type WatermarkWriter } from './watermark-store.js';
import { checkAccess, openWorkspace, verifyConditionalWrites } from './workspace.js';

export type { CommitOptions, Committed } from './dataset-store.js';
export type { Collected } from './garbage.js';
export type { DatasetFile } from './manifest.js';
export type StoreOptions = S3Options;

export interface Store {
  json: JsonStore;
  blobs: BlobStore & BlobWriter;
  files: FileStore;
  records: RecordStore;
  pointers: PointerStore & PointerHistory;
  datasets: DatasetStore &
    DatasetWriter &
    DatasetHistory &
    DatasetRefs & {
      /** Reads every object of these versions once and compares it with the manifests. */
      verify(name: string, versions: Sha256[], onProgress?: (progress: VerifyProgress) => void): Promise<Verification>;
    };
  /** Removes what nothing needs; see `garbage.ts` for what keeps what. */
  collectGarbage(options: CollectOptions): Promise<Collected>;
  /** What a rollback to a release would need and is not there. */
  missingForRollback(): Promise<MissingObject[]>;
  /** The names of the bucket's lifecycle rules that remove objects below this prefix. */
  expiryRules(): Promise<string[]>;
  watermarks: WatermarkStore & WatermarkWriter;
  /** Throws `AccessDenied`, `NotFound` or `Unavailable` when the bucket cannot be listed. */
  checkAccess(): Promise<void>;
  /** Throws `BadInput` when the store ignores conditional writes. */
  verifyConditionalWrites(): Promise<void>;
  /** Creates or checks `seawall.json`; throws `BadInput` when the prefix belongs to another namespace. */
  openWorkspace(namespace: string): Promise<RootRecord>;
  /** Ends idle connections. */
  close(): void;
}

/** Makes no request yet. Throws `AccessDenied` without keys and `BadInput` on an address or a prefix that cannot be. */
export function createStore(options: StoreOptions): Store {
  const s3 = createS3(options);
  const records = createRecordStore(s3);
  const datasets = createDatasetStore(s3);
  return {
    json: createJsonStore(s3),
    blobs: createBlobStore(s3),
    files: createFileStore(s3),
    records,
    pointers: createPointerStore(s3),
    datasets: {
      ...datasets,
      ...createDatasetRefs(s3, records, datasets.versions),
      verify: (name, versions, onProgress) => verifyVersions(s3, datasets, name, versions, onProgress),
    },
    collectGarbage: (options) => collectGarbage(s3, options),
    missingForRollback: createRollbackCheck(s3, records),
    expiryRules: () => s3.expiryRules(),
    watermarks: createWatermarkStore(s3),
    checkAccess: () => checkAccess(s3),
    verifyConditionalWrites: () => verifyConditionalWrites(s3),
    openWorkspace: (namespace) => openWorkspace(s3, namespace),
    close: () => s3.close(),
  };
}
