/** Logs of Seawall's processes: JSON lines, or coloured text on a terminal; and the same logger in Temporal's shape. */
import { createRequire } from 'node:module';
import type { Logger as TemporalLogger, LogLevel as TemporalLogLevel, LogMetadata } from '@temporalio/common';
import { pino } from 'pino';
import type { Logger } from 'pino';
import type { LogLevel } from './config.js';

export type { Logger } from 'pino';

export interface LoggerOptions {
  /** What logs: `loop`, `gpu`, `serving`, … */
  name: string;
  level: LogLevel;
  /** Standard output by default; commands that print a document log to standard error. */
  to?: 'stdout' | 'stderr';
}

/** JSON lines with ISO times and levels by name; pretty text only on a terminal, and only where pino-pretty is installed. */
export function createLogger({ name, level, to = 'stdout' }: LoggerOptions): Logger {
  const destination = to === 'stdout' ? 1 : 2;
  if (process[to].isTTY && isInstalled('pino-pretty')) {
    const transport = pino.transport({ target: 'pino-pretty', options: { destination, ignore: 'pid,hostname' } });
    return pino({ name, level }, transport);
  }
  const formatters = { level: (label: string) => ({ level: label }) };
  return pino({ name, level, formatters, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination(destination));
}

function isInstalled(module: string): boolean {
  try {
    createRequire(import.meta.url).resolve(module);
    return true;
  } catch {
    return false;
  }
}

/** Temporal's logger passes (message, metadata), pino wants (object, message): all six methods are turned around. */
export function temporalLogger(logger: Logger): TemporalLogger {
  const write = (level: LogLevel, message: string, meta: LogMetadata | undefined): void => {
    logger[level](toFields(meta), message);
  };
  return {
    log: (level: TemporalLogLevel, message: string, meta?: LogMetadata) =>
      write(level.toLowerCase() as LogLevel, message, meta),
    trace: (message, meta) => write('trace', message, meta),
    debug: (message, meta) => write('debug', message, meta),
    info: (message, meta) => write('info', message, meta),
    warn: (message, meta) => write('warn', message, meta),
    error: (message, meta) => write('error', message, meta),
  };
}

/** pino prints an error with its stack only under `err`; Temporal calls it `error`. Symbols (the SDK's own tags) don't print. */
function toFields(meta: LogMetadata | undefined): Record<string, unknown> {
  const { error, ...fields } = meta ?? {};
  return error === undefined ? fields : { ...fields, err: error };
}
