/** Scoring in a process of its own: a model is a stranger's program, and loading it may kill or hang whoever does it. */
import { fork } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Answers, Scorer, ScoreRequest } from '../../activities/evaluate.js';
import { SeawallError } from '../../contracts/index.js';
import { entryPoint } from '../entry-point.js';
import { widthOf } from './answers.js';
import { ANSWER_FILES, type ScoringJob, type ScoringReport } from './scoring-protocol.js';

export interface ScoringOptions {
  /** For one model on all rows. Default: 10 minutes. */
  timeLimitMs?: number;
}

const TIME_LIMIT_MS = 600_000;
const OUTPUT_CHARS = 2_000;
/** A program's own defects; SIGKILL and the like come from outside. */
const CRASHES: readonly (NodeJS.Signals | null)[] = ['SIGSEGV', 'SIGABRT', 'SIGBUS', 'SIGILL', 'SIGFPE'];

export function createScorer({ timeLimitMs = TIME_LIMIT_MS }: ScoringOptions = {}): Scorer {
  return { score: (request) => score(request, timeLimitMs) };
}

async function score({ signal, ...job }: ScoreRequest, timeLimitMs: number): Promise<Answers> {
  signal.throwIfAborted();
  const end = await runChild(job, signal, timeLimitMs);
  signal.throwIfAborted();
  if (end.report?.kind !== 'done') throw errorOf(job, end, timeLimitMs);
  const files = await Promise.all(ANSWER_FILES.map((name) => readFile(join(job.workDir, name))));
  // Copies, because a Buffer may begin anywhere in its memory and floats may not.
  const [labels, predictions, scores] = files.map((bytes) => new Uint8Array(bytes).buffer) as [
    ArrayBuffer,
    ArrayBuffer,
    ArrayBuffer,
  ];
  return {
    task: job.answering.task,
    width: widthOf(job.answering),
    labels: new Float64Array(labels),
    predictions: new Float32Array(predictions),
    scores: new Float32Array(scores),
  };
}

interface ChildEnd {
  report: ScoringReport | undefined;
  code: number | null;
  signal: NodeJS.Signals | null;
  timedOut: boolean;
  output: string;
}

/** Resolves when the process is gone. */
function runChild(job: ScoringJob, signal: AbortSignal, timeLimitMs: number): Promise<ChildEnd> {
  return new Promise((resolve, reject) => {
    // In its own empty folder, with nothing of our environment: a model may try to read what lies around.
    const child = fork(entryPoint(import.meta.url, './scoring-child.js'), [], {
      cwd: job.workDir,
      env: {},
      execArgv: [],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    let report: ScoringReport | undefined;
    let timedOut = false;
    let output = '';
    const collect = (chunk: Buffer): void => void (output = (output + chunk.toString()).slice(-OUTPUT_CHARS));
    const kill = (): void => void child.kill('SIGKILL');
    const timer = setTimeout(() => {
      timedOut = true;
      kill();
    }, timeLimitMs);
    signal.addEventListener('abort', kill, { once: true });
    const settled = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', kill);
    };
    child.stdout?.on('data', collect);
    child.stderr?.on('data', collect);
    child.on('message', (message) => (report = message as ScoringReport));
    child.on('error', (error) => {
      settled();
      kill();
      reject(error);
    });
    child.on('close', (code, by) => {
      settled();
      resolve({ report, code, signal: by, timedOut, output: output.trim() });
    });
    child.send(job, (error) => error && kill());
  });
}

function errorOf(job: ScoringJob, end: ChildEnd, timeLimitMs: number): Error {
  if (end.report?.kind === 'failed' && !end.timedOut) {
    const { type, message, next } = end.report;
    return type === null ? new Error(message) : new SeawallError(type, `${job.subject}: ${message}`, next);
  }
  const said = end.output ? `; it printed: ${end.output}` : '';
  if (end.timedOut) {
    return invalid(`${job.subject} did not score the holdout within ${timeLimitMs / 1000} s${said}`);
  }
  if (CRASHES.includes(end.signal))
    return invalid(`${job.subject} killed the process that scored it (${end.signal})${said}`);
  return new SeawallError(
    'Unavailable',
    `The process that scored ${job.subject} ended with ${end.signal ?? `code ${end.code}`}${said}`,
    'It is tried again. If it goes on, look at the memory of the host of the loop worker.',
  );
}

const invalid = (message: string): SeawallError =>
  new SeawallError(
    'InvalidModel',
    message,
    'Load the model with onnxruntime on your machine, and correct the trainer.',
  );
