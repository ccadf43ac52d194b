/** What a trainer prints: lines of progress, lines of log, and the last of them for the error message. */
import { createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import { StringDecoder } from 'node:string_decoder';
import type { Readable } from 'node:stream';

/** A longer line is cut into pieces: binary output must not grow in memory. */
const LINE_LIMIT_CHARS = 64 * 1024;
const LAST_LINES = 20;
const LAST_LINE_CHARS = 2000;
export const LOG_LIMIT_BYTES = 64 * 1024 * 1024;

/** A line of JSON on the trainer's standard output; more fields than these are passed on. */
export interface TrainerProgress {
  /** 0 to 1. */
  progress: number;
  step?: number;
  loss?: number;
  [field: string]: unknown;
}

/** undefined: the line is no progress but log. */
export function parseProgress(line: string): TrainerProgress | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const fields = JSON.parse(line) as Record<string, unknown>;
    const progress = fields['progress'];
    if (typeof progress !== 'number' || !(progress >= 0 && progress <= 1)) return undefined;
    const { step, loss, ...others } = fields;
    return {
      ...others,
      progress,
      ...(typeof step === 'number' && { step }),
      ...(typeof loss === 'number' && { loss }),
    };
  } catch {
    return undefined;
  }
}

/** Calls `onLine` for every line, the last one without a line feed included. Resolves when the stream has ended. */
export function readLines(stream: Readable, onLine: (line: string) => void): Promise<void> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  const take = (text: string): void => {
    const lines = (rest + text).split(/\r?\n/);
    rest = lines.pop() as string;
    for (; rest.length > LINE_LIMIT_CHARS; rest = rest.slice(LINE_LIMIT_CHARS)) {
      lines.push(rest.slice(0, LINE_LIMIT_CHARS));
    }
    lines.forEach(onLine);
  };
  stream.on('data', (chunk: Buffer) => take(decoder.write(chunk)));
  return finished(stream, { writable: false })
    .catch(() => undefined) // Torn off from outside: what came before counts.
    .then(() => {
      take(decoder.end());
      if (rest !== '') onLine(rest);
    });
}

export interface LineLog {
  write(line: string): void;
  /** Writes what is left; says what went wrong with the file, if anything did. */
  close(): Promise<string | undefined>;
}

/**
 * A log file, line by line, up to `limitBytes`; then one line says that the rest was cut. Never throws: a full disk
 * must not end a training that goes well.
 */
export function openLineLog(path: string, limitBytes: number = LOG_LIMIT_BYTES): LineLog {
  const file = createWriteStream(path);
  let problem: string | undefined;
  let bytes = 0;
  let cut = false;
  file.on('error', (error) => (problem = `the log ${path} is incomplete: ${error.message}`));
  const write = (line: string): void => {
    if (cut || problem) return;
    const text = `${line}\n`;
    bytes += Buffer.byteLength(text);
    cut = bytes > limitBytes;
    file.write(cut ? `[truncated: the log reached its limit of ${limitBytes} bytes]\n` : text);
  };
  const close = async (): Promise<string | undefined> => {
    if (!file.destroyed) file.end();
    await finished(file).catch(() => undefined);
    return problem;
  };
  return { write, close };
}

/** Keeps the newest lines, each of bounded length. */
export function createLastLines(): { add(line: string): void; lines: string[] } {
  const lines: string[] = [];
  const add = (line: string): void => {
    if (line.trim() === '') return;
    lines.push(line.slice(0, LAST_LINE_CHARS));
    if (lines.length > LAST_LINES) lines.shift();
  };
  return { add, lines };
}
