import type { Sha256 } from '../contracts/index.js';

/** What serving needs from object storage; the store adapter has it. Every method throws `SeawallError`. */
export interface ServingStore {
  read<T>(key: string): Promise<{ value: T; etag: string } | undefined>;
  /** Keys below `prefix`, in order, beginning after `after`. */
  list(prefix: string, after?: string): AsyncIterable<{ key: string }>;
  fetchTo(sha256: Sha256, path: string, signal?: AbortSignal): Promise<void>;
  upload(key: string, path: string): Promise<void>;
}

/** A pino logger, or anything that takes (fields, message). */
export interface ServingLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface ServingOptions {
  /** Seawall's folder; serving keeps everything below `<home>/serving`. */
  home: string;
  host: string;
  /** 0: any free port. */
  port: number;
  /** Serve only these models; left out: every model that is found. */
  models?: readonly string[];
  intraOpThreads?: number;
  bodyLimitBytes?: number;
  pointerPollMs?: number;
  discoveryPollMs?: number;
  log?: Partial<LogLimits>;
}

/** Limits of the local prediction log. */
export interface LogLimits {
  /** A segment is closed at this size… */
  segmentBytes: number;
  /** …or at this age, so that a slow trickle does not make thousands of tiny objects. */
  segmentAgeMs: number;
  /** Above this the oldest segments are dropped: a full disk would stop the answers too. */
  spoolBytes: number;
  /** Days that are written to at once; above it the one unused for longest is closed. */
  openSegments: number;
  tickMs: number;
  flushTimeoutMs: number;
}

export const DEFAULT_LOG_LIMITS: LogLimits = {
  segmentBytes: 16 << 20,
  segmentAgeMs: 60_000,
  spoolBytes: 2 * 2 ** 30,
  openSegments: 32,
  tickMs: 2_000,
  flushTimeoutMs: 60_000,
};
