/** What commands print: text for a person, or one JSON document on standard output with `--json`. */
import { failureTypes, SeawallError } from '../contracts/index.js';
import type { Environment } from '../workers/config.js';

export interface Output {
  json: boolean;
  /** The command's result: `document` as JSON, or the lines that `text` gives. Once per command. */
  print(document: unknown, text: () => string | readonly string[]): void;
  /** A line for the person who waits; standard error, so that `--json` stays one document. */
  progress(line: string): void;
  color: Colors;
}

export type Colors = Record<'bold' | 'dim' | 'red' | 'green' | 'yellow', (text: string) => string>;

const codes = { bold: [1, 22], dim: [2, 22], red: [31, 39], green: [32, 39], yellow: [33, 39] } as const;

/** Colours for a terminal; plain text elsewhere, or with NO_COLOR (https://no-color.org). */
export function colors(env: Environment, isTerminal: boolean): Colors {
  const on = isTerminal && !env['NO_COLOR'] && env['TERM'] !== 'dumb';
  const paint = ([open, close]: readonly [number, number]) =>
    on ? (text: string) => `\u001b[${open}m${text}\u001b[${close}m` : (text: string) => text;
  return {
    bold: paint(codes.bold),
    dim: paint(codes.dim),
    red: paint(codes.red),
    green: paint(codes.green),
    yellow: paint(codes.yellow),
  };
}

export function createOutput(env: Environment, json: boolean): Output {
  return {
    json,
    color: colors(env, process.stdout.isTTY === true && !json),
    print(document, text) {
      if (json) {
        process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
        return;
      }
      const lines = text();
      process.stdout.write(`${typeof lines === 'string' ? lines : lines.join('\n')}\n`);
    },
    progress(line) {
      process.stderr.write(`${line}\n`);
    },
  };
}

/** Rows as aligned columns; numbers to the right. The first row is the head. */
export function table(rows: readonly (readonly (string | number | null | undefined)[])[]): string[] {
  const cells = rows.map((row) => row.map((cell) => (cell === null || cell === undefined ? '-' : String(cell))));
  const widths: number[] = [];
  for (const row of cells) row.forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, cell.length)));
  const isNumeric = (i: number) => rows.slice(1).some((row) => typeof row[i] === 'number');
  return cells.map((row) =>
    row
      .map((cell, i) => (isNumeric(i) ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}

/** A failure as every command reports it. */
export interface ErrorReport {
  type: string;
  message: string;
  /** What the user can do. */
  next: string;
}

/** Makes a report of any error: ours as they are, Temporal's and the network's by what they mean. */
export function reportOf(error: unknown): ErrorReport {
  if (error instanceof SeawallError) return { type: error.type, message: error.message, next: error.next };
  const { name = 'Error', message = String(error) } = error as Partial<Error>;
  const text = [message, causeMessage(error)].filter(Boolean).join(': ');
  const known = classify(error, text);
  if (known) return known;
  return { type: name, message: text, next: 'Run it again with SEAWALL_DEBUG=1 to see where it happened.' };
}

/** The message of the innermost cause: gRPC and fetch wrap what matters. */
function causeMessage(error: unknown): string | undefined {
  let inner = (error as { cause?: unknown }).cause;
  while ((inner as { cause?: unknown } | undefined)?.cause !== undefined) inner = (inner as { cause?: unknown }).cause;
  return (inner as { message?: string } | undefined)?.message;
}

function classify(error: unknown, text: string): ErrorReport | undefined {
  const failureType = (error as { type?: unknown }).type;
  if (typeof failureType === 'string' && failureType in failureTypes) {
    const next = (error as { next?: unknown }).next;
    return { type: failureType, message: text, next: typeof next === 'string' ? next : 'Look at `seawall doctor`.' };
  }
  if (/UNAUTHENTICATED|PERMISSION_DENIED|Request unauthorized/i.test(text)) {
    return { type: 'AccessDenied', message: text, next: 'Check TEMPORAL_API_KEY, the TLS files and the namespace.' };
  }
  if (/ECONNREFUSED|UNAVAILABLE|ENOTFOUND|EAI_AGAIN|Failed to connect|DEADLINE_EXCEEDED/i.test(text)) {
    return { type: 'Unavailable', message: text, next: 'Check that the servers run: `seawall doctor`.' };
  }
  return undefined;
}

/** Prints a failure: one line and what to do next, or `{ "error": … }` with `--json`; the stack trace only for debugging. */
export function printError(error: unknown, { json, debug }: { json: boolean; debug: boolean }): void {
  const report = reportOf(error);
  if (json) process.stdout.write(`${JSON.stringify({ error: report }, null, 2)}\n`);
  else process.stderr.write(`seawall: ${report.message}\n  ${report.next}\n`);
  if (debug && error instanceof Error) process.stderr.write(`${error.stack ?? ''}\n`);
}
