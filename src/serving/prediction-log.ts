import { SeawallError, keys } from '../contracts/index.js';
import type { JsonLinesConverter } from '../adapters/duckdb/json-lines.js';
import { dayLines, logColumns } from './log-lines.js';
import type { LoggedBatch } from './log-lines.js';
import { within } from './model-source.js';
import type { LogLimits, ServingLogger, ServingStore } from './ports.js';
import { textOf } from './problem.js';
import { parquetPath, segmentColumns, setAside } from './segment.js';
import type { Segment } from './segment.js';
import type { Spool } from './spool.js';

export interface Flushed {
  /** Objects, and rows in them, that this call brought into object storage. */
  uploaded: number;
  rows: number;
  /** Segments that this process dropped so far, because the local log was full. */
  dropped: number;
}
export interface PredictionLog {
  /** Returns when the rows are written locally; throws `Unavailable` when they can't be. */
  append(batch: LoggedBatch): void;
  /** Everything that was appended before the call is in object storage when it resolves; otherwise it throws, and nothing is lost. */
  flush(): Promise<Flushed>;
  spoolBytes(): number;
  droppedSegments(): number;
  uploadedRows(): number;
  /** Ends the background work; what is not uploaded stays for the next start. */
  stop(): Promise<void>;
}

const MAX_BACKOFF_MS = 60_000;

export interface PredictionLogOptions {
  spool: Spool;
  converter: JsonLinesConverter;
  store: Pick<ServingStore, 'upload'>;
  /** This serving process's place in object names; the same after a restart. */
  servingId: string;
  limits: LogLimits;
  logger: ServingLogger;
}

/** "Answered means written locally first"; Parquet and upload happen in the background. */
export function createPredictionLog(options: PredictionLogOptions): PredictionLog {
  const { spool, limits, logger } = options;
  let queue: Promise<unknown> = Promise.resolve();
  let failures = 0;
  let retryAt = 0;
  let uploadedRows = 0;

  /** One at a time: two uploads of one segment would be waste, though harmless. */
  const enqueue = <T>(work: () => Promise<T>): Promise<T> => {
    const result = queue.then(work);
    queue = result.catch(() => undefined);
    return result;
  };

  const shipAll = async (segments: readonly Segment[]): Promise<Flushed> => {
    const flushed: Flushed = { uploaded: 0, rows: 0, dropped: 0 };
    for (const segment of segments) {
      // Uploaded or dropped while this call was waiting.
      if (!spool.closed().includes(segment)) continue;
      const rows = await shipHeld(segment);
      uploadedRows += rows;
      flushed.rows += rows;
      flushed.uploaded++;
    }
    if (failures > 0 && flushed.uploaded > 0) logger.info({}, 'the prediction log is being uploaded again');
    failures = 0;
    return { ...flushed, dropped: spool.droppedSegments() };
  };
  const shipHeld = async (segment: Segment): Promise<number> => {
    spool.hold(segment);
    try {
      return await ship(segment, options);
    } finally {
      spool.hold(undefined);
    }
  };

  const background = async (): Promise<void> => {
    try {
      await shipAll(spool.closed());
    } catch (error) {
      const waitMs = Math.min(MAX_BACKOFF_MS, limits.tickMs * 2 ** failures++);
      retryAt = Date.now() + waitMs;
      logger.warn(
        { error: textOf(error), spoolBytes: spool.bytes(), waitMs },
        'the prediction log cannot be uploaded; it is kept here',
      );
    }
  };
  let busy = false;
  const timer = setInterval(() => {
    spool.close('aged');
    if (busy || Date.now() < retryAt || spool.closed().length === 0) return;
    busy = true;
    void enqueue(background).finally(() => (busy = false));
  }, limits.tickMs);

  return {
    append: (batch) => {
      const columns = JSON.stringify(logColumns(batch.inputs, batch.outputs));
      try {
        for (const lines of dayLines(batch)) spool.append(batch.model, columns, lines);
      } catch (cause) {
        throw new SeawallError(
          'Unavailable',
          `The predictions cannot be written to the local log: ${textOf(cause)}`,
          'Make room on the disk of the serving process; the request can be sent again.',
          { cause },
        );
      }
    },
    flush: () => {
      spool.close('all');
      const segments = spool.closed();
      return withDeadline(
        enqueue(() => shipAll(segments)),
        limits.flushTimeoutMs,
      );
    },
    spoolBytes: spool.bytes,
    droppedSegments: spool.droppedSegments,
    uploadedRows: () => uploadedRows,
    stop: async () => {
      clearInterval(timer);
      spool.close('all');
      await within(queue, 1_000);
    },
  };
}

/** The object's name comes from the segment's: a second upload after a crash writes the same object again, not a second one. */
async function ship(segment: Segment, options: PredictionLogOptions): Promise<number> {
  const { spool, store, servingId } = options;
  const { model, day, name } = segment;
  if (segment.bytes === 0) {
    spool.remove(segment);
    return 0;
  }
  const parquet = parquetPath(segment.path);
  const rows = await convert(segment, parquet, options);
  await store.upload(keys.logObject('predictions', model, day, `${servingId}-${name}.parquet`), parquet);
  spool.remove(segment);
  return rows;
}

async function convert(segment: Segment, parquet: string, options: PredictionLogOptions): Promise<number> {
  try {
    return await options.converter.toParquet(segment.path, parquet, segmentColumns(segment));
  } catch (error) {
    // The disk or the memory may be better tomorrow; a line that cannot be read will not be.
    if (/^(IO|Out of Memory) Error/.test(textOf(error))) throw error;
    const path = setAside(segment);
    options.spool.forget(segment);
    options.logger.error(
      { model: segment.model, day: segment.day, path, error: textOf(error) },
      'set aside an unreadable segment',
    );
    throw new SeawallError(
      'Corrupt',
      `A segment of the prediction log of ${segment.model} for ${segment.day} is unreadable: ${textOf(error)}`,
      `It was set aside as ${path}, and its predictions will be missing in monitoring; the rest goes on.`,
      { cause: error },
    );
  }
}

async function withDeadline<T>(work: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(
        new SeawallError(
          'Unavailable',
          `The prediction log was not uploaded within ${ms / 1000} s`,
          'Nothing is lost: call again when object storage answers.',
        ),
      );
    }, ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
    work.catch(() => undefined);
  }
}
