import { mkdirSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { DayLines } from './log-lines.js';
import type { LogLimits, ServingLogger } from './ports.js';
import { appendTo, closeSegment, leftoverSegments, openSegment, removeSegment } from './segment.js';
import type { OpenSegment, Segment } from './segment.js';

/** The local part of the prediction log: open segments that are written to, and closed ones that wait for their upload. */
export interface Spool {
  /** In the kernel's hands when it returns: it survives a kill of the process. Throws when the disk takes no more. */
  append(model: string, columns: string, lines: DayLines): void;
  /** Closes the segments that are old enough, or all of them. */
  close(which: 'aged' | 'all'): void;
  /** Closed segments, oldest first. */
  closed(): Segment[];
  /** While it is uploaded a segment is not dropped. */
  hold(segment: Segment | undefined): void;
  remove(segment: Segment): void;
  /** Takes a segment out of the count without touching its file. */
  forget(segment: Segment): void;
  bytes(): number;
  droppedSegments(): number;
}

/** Opens the spool below `folder` and finds what an earlier process left there. */
export async function openSpool(folder: string, limits: LogLimits, logger: ServingLogger): Promise<Spool> {
  await mkdir(folder, { recursive: true });
  const closed = await leftoverSegments(folder, (path, bytes) =>
    logger.warn(
      { path, bytes },
      'dropped the torn last line of a prediction log segment: its request was never answered',
    ),
  );
  if (closed.length > 0)
    logger.info({ segments: closed.length }, 'found prediction log segments of an earlier process');
  const open = new Map<string, OpenSegment>();
  let held: Segment | undefined;
  let bytes = closed.reduce((sum, segment) => sum + segment.bytes, 0);
  let dropped = 0;
  let counter = 0;
  // Sorted by age, and never a name twice: the start's time, then a count.
  const start = new Date().toISOString().replace(/[-:.]/g, '');

  const closeOne = (key: string, segment: OpenSegment): void => {
    closeSegment(segment);
    open.delete(key);
    closed.push(segment);
  };
  const segmentFor = (model: string, day: string, columns: string): OpenSegment => {
    const key = `${model}/${day}`;
    const current = open.get(key);
    if (current?.columns === columns) return current;
    if (current) closeOne(key, current);
    else if (open.size >= limits.openSegments) closeLeastUsed();
    const dayFolder = join(folder, model, day);
    mkdirSync(dayFolder, { recursive: true });
    const name = `${start}-${String(++counter).padStart(8, '0')}`;
    const segment = openSegment(dayFolder, { model, day, name }, columns, Date.now());
    open.set(key, segment);
    return segment;
  };
  const closeLeastUsed = (): void => {
    const [oldest] = [...open].sort(([, a], [, b]) => a.lastUsedMs - b.lastUsedMs);
    if (oldest) closeOne(...oldest);
  };
  const forget = (segment: Segment): void => {
    const at = closed.indexOf(segment);
    if (at < 0) return;
    closed.splice(at, 1);
    bytes -= segment.bytes;
  };
  const remove = (segment: Segment): void => {
    removeSegment(segment);
    forget(segment);
  };
  const dropOldest = (): void => {
    const victim = closed.find((segment) => segment !== held);
    if (!victim) {
      if (open.size === 0) return;
      closeLeastUsed();
      return dropOldest();
    }
    remove(victim);
    dropped++;
    const { model, day, name } = victim;
    logger.error(
      { model, day, name, bytes: victim.bytes, limitBytes: limits.spoolBytes },
      'the local prediction log is full: dropped its oldest segment; its predictions will be missing in monitoring',
    );
  };

  return {
    append: (model, columns, lines) => {
      const text = Buffer.from(lines.text, 'utf8');
      const segment = segmentFor(model, lines.day, columns);
      appendTo(segment, text);
      segment.lastUsedMs = Date.now();
      bytes += text.length;
      if (segment.bytes >= limits.segmentBytes) closeOne(`${model}/${lines.day}`, segment);
      while (bytes > limits.spoolBytes && (open.size > 0 || closed.some((each) => each !== held))) dropOldest();
    },
    close: (which) => {
      const before = Date.now() - limits.segmentAgeMs;
      for (const [key, segment] of open) if (which === 'all' || segment.openedAtMs <= before) closeOne(key, segment);
    },
    closed: () => [...closed],
    hold: (segment) => void (held = segment),
    remove,
    forget,
    bytes: () => bytes,
    droppedSegments: () => dropped,
  };
}
