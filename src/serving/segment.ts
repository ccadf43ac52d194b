import {
  closeSync,
  ftruncateSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { readFile, readdir, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import type { LogColumn } from '../adapters/duckdb/json-lines.js';

/** A file of JSON lines: rows of one model and one day, with one set of columns. Written, then closed, then uploaded, then removed. */
export interface Segment {
  readonly model: string;
  readonly day: string;
  /** Unique for this serving id, and sorted by age; the object's name is made of it. */
  readonly name: string;
  readonly path: string;
  bytes: number;
}
export interface OpenSegment extends Segment {
  /** The columns as text, to see whether a batch fits. */
  readonly columns: string;
  readonly openedAtMs: number;
  lastUsedMs: number;
  readonly fd: number;
}

const columnsPath = (path: string): string => path.replace(/\.jsonl$/, '.columns.json');
export const parquetPath = (path: string): string => path.replace(/\.jsonl$/, '.parquet');

/** `folder` is the day's folder, and exists. */
export function openSegment(
  folder: string,
  segment: Pick<Segment, 'model' | 'day' | 'name'>,
  columns: string,
  nowMs: number,
): OpenSegment {
  const path = join(folder, `${segment.name}.jsonl`);
  // The columns first: rows without them could not be read after a crash.
  writeFileSync(columnsPath(path), columns);
  return { ...segment, path, bytes: 0, columns, openedAtMs: nowMs, lastUsedMs: nowMs, fd: openSync(path, 'ax') };
}

/** One write: all rows or none. Throws when the disk is full; the segment is then as it was before. */
export function appendTo(segment: OpenSegment, text: Buffer): void {
  try {
    const written = writeSync(segment.fd, text);
    if (written !== text.length)
      throw new Error(`only ${written} of ${text.length} bytes were written: is the disk full?`);
  } catch (error) {
    ftruncateSync(segment.fd, segment.bytes);
    throw error;
  }
  segment.bytes += text.length;
}

export function closeSegment(segment: OpenSegment): void {
  closeSync(segment.fd);
}

export function segmentColumns(segment: Segment): LogColumn[] {
  return JSON.parse(readFileSync(columnsPath(segment.path), 'utf8')) as LogColumn[];
}

export function removeSegment(segment: Segment): void {
  // The rows first: columns without rows are nothing, rows without columns would be unreadable.
  for (const path of [segment.path, parquetPath(segment.path), columnsPath(segment.path)])
    rmSync(path, { force: true });
}

/** Out of the way, but not lost: a person can look at it. */
export function setAside(segment: Segment): string {
  const path = `${segment.path}.unreadable`;
  renameSync(segment.path, path);
  rmSync(parquetPath(segment.path), { force: true });
  return path;
}

/** Segments that an earlier process left, oldest first. `onTorn` is told of a last line that was cut off by a kill: it was never answered. */
export async function leftoverSegments(
  root: string,
  onTorn: (path: string, bytes: number) => void,
): Promise<Segment[]> {
  const files = await readdir(root, { recursive: true });
  const segments: Segment[] = [];
  for (const file of files.filter((name) => name.endsWith('.jsonl'))) {
    const [model, day, base] = file.split('/') as [string, string, string];
    const path = join(root, file);
    const { size } = await stat(path);
    const bytes = await wholeLines(path, size);
    if (bytes < size) {
      await truncate(path, bytes);
      onTorn(path, size - bytes);
    }
    segments.push({ model, day, name: base.replace(/\.jsonl$/, ''), path, bytes });
  }
  return segments.sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function wholeLines(path: string, size: number): Promise<number> {
  if (size === 0) return 0;
  return (await readFile(path)).lastIndexOf(0x0a) + 1;
}
