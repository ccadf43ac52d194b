/** Scoring in a process of its own: a model is a stranger's program, and loading it may kill or hang whoever does it. */
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import { join } from 'node:path';
import type { Answers, Scored, Scorer, ScoreRequest } from '../../activities/scoring.js';
import { SeawallError } from '../../contracts/index.js';
import { entryPoint } from '../entry-point.js';
import { widthOf } from './answers.js';
import { ANSWER_FILES, type ScoringJob, type ScoringReport } from './scoring-protocol.js';

export interface ScoringOptions {
  /** For one model on all rows. Default: 10 minutes. */
  timeLimitMs?: number;
  /** For loading it and trying it on a few rows. Default: 2 minutes. */
  trialLimitMs?: number;
  /** Of memory that the process may allocate (Linux). Default: half of the machine's, at least 2 GiB, at most 8. */
  memoryBytes?: number;
  /** Of the runtime. Default: as many as the machine has, at most 4. */
  threads?: number;
}
type Limits = Required<ScoringOptions>;

const GIB = 2 ** 30;
const OUTPUT_CHARS = 2_000;
/** A program's own defects; SIGKILL and the like come from outside. */
const CRASHES: readonly (NodeJS.Signals | null)[] = ['SIGSEGV', 'SIGABRT', 'SIGBUS', 'SIGILL', 'SIGFPE', 'SIGTRAP'];

export function createScorer(options: ScoringOptions = {}): Scorer {
  const memoryBytes = Math.min(8 * GIB, Math.max(2 * GIB, totalmem() / 2));
  const threads = Math.min(4, availableParallelism());
  const limits = { timeLimitMs: 600_000, trialLimitMs: 120_000, memoryBytes, threads, ...options };
  return { score: (request) => score(request, limits) };
}

async function score({ signal, ...request }: ScoreRequest, limits: Limits): Promise<Scored> {
  signal.throwIfAborted();
  const job: ScoringJob = { ...request, threads: limits.threads };
  const end = await runChild(job, signal, limits);
  signal.throwIfAborted();
  if (end.report?.kind !== 'done') throw errorOf(job, end, limits);
  return { answers: await answersOf(job), servable: end.report.servable };
}

async function answersOf(job: ScoringJob): Promise<Answers> {
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
  /** Milliseconds. */
  timedOutAfter: number | undefined;
  output: string;
}

/**
 * Limits what the program allocates, makes it the first that the kernel ends when the machine runs out of memory, and becomes it.
 * The limit is that of data (RLIMIT_DATA): address space would not do, Node reserves far more of it than it uses.
 */
const LIMITED = 'ulimit -d "$1" 2>/dev/null; echo 1000 2>/dev/null >/proc/self/oom_score_adj; shift; exec "$@"';

/** Resolves when the process is gone. */
function runChild(job: ScoringJob, signal: AbortSignal, limits: Limits): Promise<ChildEnd> {
  return new Promise((resolve, reject) => {
    const script = entryPoint(import.meta.url, './scoring-child.js');
    const kib = String(Math.ceil(limits.memoryBytes / 1024));
    // In its own empty folder, with nothing of our environment: a model may try to read what lies around.
    const child = spawn('/bin/sh', ['-c', LIMITED, 'sh', kib, process.execPath, script], {
      cwd: job.workDir,
      env: {},
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    const end: Omit<ChildEnd, 'code' | 'signal'> = { report: undefined, timedOutAfter: undefined, output: '' };
    const collect = (chunk: Buffer): void => void (end.output = (end.output + chunk.toString()).slice(-OUTPUT_CHARS));
    const kill = (): void => void child.kill('SIGKILL');
    const limit = (ms: number) =>
      setTimeout(() => {
        end.timedOutAfter = ms;
        kill();
      }, ms);
    const timers = { trial: limit(limits.trialLimitMs), whole: limit(limits.timeLimitMs) };
    signal.addEventListener('abort', kill, { once: true });
    const settled = (): void => {
      for (const timer of Object.values(timers)) clearTimeout(timer);
      signal.removeEventListener('abort', kill);
    };
    child.stdout?.on('data', collect);
    child.stderr?.on('data', collect);
    child.on('message', (message) => {
      end.report = message as ScoringReport;
      clearTimeout(timers.trial);
    });
    child.on('error', (error) => {
      settled();
      kill();
      reject(error);
    });
    child.on('close', (code, by) => {
      settled();
      resolve({ ...end, output: end.output.trim(), code, signal: by });
    });
    child.send(job, (error) => error && kill());
  });
}

function errorOf(job: ScoringJob, end: ChildEnd, { memoryBytes }: Limits): Error {
  const { report, timedOutAfter } = end;
  if (report?.kind === 'failed' && timedOutAfter === undefined) {
    const { type, message, next } = report;
    if (OUT_OF_MEMORY.test(message)) return outOfMemory(job, memoryBytes, message);
    return type === null ? new Error(message) : new SeawallError(type, `${job.subject}: ${message}`, next);
  }
  const said = end.output ? `; it printed: ${end.output}` : '';
  if (timedOutAfter !== undefined) {
    const what = report ? 'score the holdout' : 'load and answer a few rows';
    return invalid(`${job.subject} did not ${what} within ${timedOutAfter / 1000} s${said}`);
  }
  if (OUT_OF_MEMORY.test(end.output)) return outOfMemory(job, memoryBytes, end.output);
  if (CRASHES.includes(end.signal))
    return invalid(`${job.subject} killed the process that scored it (${end.signal})${said}`);
  return new SeawallError(
    'Unavailable',
    `The process that scored ${job.subject} ended with ${end.signal ?? `code ${end.code}`}${said}`,
    'It is tried again. If it goes on, look at the memory of the host of the loop worker.',
  );
}

/** The words of the runtime, of C++ and of Node. */
const OUT_OF_MEMORY = /bad_alloc|failed to allocate|out of memory|allocation failed/i;

const outOfMemory = ({ subject }: ScoringJob, bytes: number, said: string): SeawallError =>
  invalid(`${subject} needs more memory than it may have (${(bytes / GIB).toFixed(1)} GiB): ${said.slice(0, 300)}`);

const invalid = (message: string): SeawallError =>
  new SeawallError(
    'InvalidModel',
    message,
    'Load the model with onnxruntime on your machine, and correct the trainer.',
  );
