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
import type { RootRecord } from '../../contracts/index.js';
import { createBlobStore, createFileStore, type BlobWriter } from './blob-store.js';
import { createDatasetStore, type DatasetWriter } from './dataset-store.js';
import { createJsonStore } from './json-store.js';
import { createPointerStore } from './pointer-store.js';
import { createRecordStore } from './record-store.js';
import type { S3Options } from './client.js';
import { createS3 } from './s3.js';
import { createWatermarkStore, type WatermarkWriter } from './watermark-store.js';
import { checkAccess, openWorkspace, verifyConditionalWrites } from './workspace.js';

export type { CommitOptions, Committed } from './dataset-store.js';
export type { DatasetFile } from './manifest.js';
export type StoreOptions = S3Options;

export interface Store {
  json: JsonStore;
  blobs: BlobStore & BlobWriter;
  files: FileStore;
  records: RecordStore;
  pointers: PointerStore;
  datasets: DatasetStore & DatasetWriter;
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
  return {
    json: createJsonStore(s3),
    blobs: createBlobStore(s3),
    files: createFileStore(s3),
    records: createRecordStore(s3),
    pointers: createPointerStore(s3),
    datasets: createDatasetStore(s3),
    watermarks: createWatermarkStore(s3),
    checkAccess: () => checkAccess(s3),
    verifyConditionalWrites: () => verifyConditionalWrites(s3),
    openWorkspace: (namespace) => openWorkspace(s3, namespace),
    close: () => s3.close(),
  };
}
