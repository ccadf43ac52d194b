/**
 * What the steps need from the world, as small interfaces; the adapters implement them.
 * All keys are relative to the workspace's prefix. Every method throws `SeawallError` (`Unavailable`, `AccessDenied`, `Corrupt`, …).
 */
import type { BlobRef, LivePointer, Manifest, PointerMove, Sequenced, Sha256 } from '../contracts/index.js';

export interface Stored<T> {
  value: T;
  etag: string;
}

export interface JsonStore {
  read<T>(key: string): Promise<Stored<T> | undefined>;
  /** `If-None-Match: *`. An answer that was lost and turned into "exists" is recognised by equal content: that is `created`. */
  create(key: string, value: unknown): Promise<'created' | 'exists'>;
  /** Keys below `prefix`, in order, beginning after `after`. */
  list(prefix: string, after?: string): AsyncIterable<{ key: string; size: number; etag: string }>;
}

export interface BlobStore {
  /** Canonical JSON, stored under its digest. */
  putJson(value: unknown): Promise<BlobRef>;
  putFile(path: string): Promise<BlobRef>;
  readJson<T>(sha256: Sha256): Promise<T>;
  /** Written beside `path`, verified, then renamed: what lies at `path` is always whole and right. */
  fetchTo(
    sha256: Sha256,
    path: string,
    signal?: AbortSignal,
    options?: { size?: number; onBytes?: (bytes: number) => void },
  ): Promise<void>;
}

/** Any object by key, for logs and trainer output. */
export interface FileStore {
  upload(key: string, path: string): Promise<void>;
  download(key: string, path: string): Promise<void>;
  put(key: string, bytes: Buffer): Promise<void>;
  /** undefined: no such object. */
  read(key: string): Promise<Buffer | undefined>;
  remove(key: string): Promise<void>;
}

/** Numbered folders: create-once, one number per cause. */
export interface RecordStore {
  /**
   * Stores `make(seq)` under the next free number. A record with the same `causeId` that is already there is returned as it is.
   * `after` is a hint where to look: no record with this cause lies at or below it.
   */
  append<T extends Sequenced>(folder: string, causeId: string, make: (seq: number) => T, after?: number): Promise<T>;
  newest<T extends Sequenced>(folder: string): Promise<T | undefined>;
  read<T extends Sequenced>(folder: string, seq: number): Promise<T | undefined>;
  /** Oldest first, only numbers above `after`. */
  list<T extends Sequenced>(folder: string, after?: number): AsyncIterable<T>;
}

export interface PointerStore {
  read(model: string): Promise<LivePointer | undefined>;
  /**
   * Moves the pointer by DESIGN's rules. `moveId` among the last 32 moves: that move's result again. Epoch not `expectedEpoch`
   * (0: no pointer yet): throws `PointerMoved`. Otherwise one conditional PUT, epoch + 1.
   */
  move(
    model: string,
    move: Omit<PointerMove, 'epoch'> & { sha256: Sha256; expectedEpoch: number },
  ): Promise<LivePointer>;
}

export interface DatasetStore {
  head(name: string): Promise<{ version: Sha256; seq: number } | undefined>;
  manifest(name: string, version: Sha256): Promise<Manifest>;
}

/** How far a log is complete: the newest watermark; undefined: none yet. */
export interface WatermarkStore {
  completeTo(kind: 'predictions' | 'labels', model: string): Promise<string | undefined>;
}
