/**
 * The baselines: what the model would have been if nobody decided. One Python process trains a model for every week on what is
 * labelled by then, between two steps of the story, so that neither disturbs the other's clock.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type BinaryPerformance, type ModelConfig, SeawallError } from '../../src/contracts/index.js';
import type { FlightsData } from './data.js';

/** Quality of one model on one week's flights. */
export type Scored = Omit<BinaryPerformance, 'brier'> & { week: number };

export interface BaselineModel {
  /** It was trained for this week: on January and the weeks up to two before it. */
  week: number;
  /** Of training: encoding to parity check, without the start of the interpreter. */
  seconds: number;
  /** Rows that it learnt from. */
  rows: number;
  /** On every week from its own on, in order. */
  scores: Scored[];
  /** Only when asked for (`holdout`): its quality on the held-out rows of what it learnt from. */
  reference?: Omit<BinaryPerformance, 'brier'>;
  /** There, in log loss, over the model of each earlier week; the interval is paired, 95 %. */
  gains?: { week: number; gain: number; low: number; high: number }[];
}

export interface BaselineOptions {
  python: string;
  /** `examples/flights/baselines.py`. */
  script: string;
  data: FlightsData;
  /** The model's configuration: the baselines train as the model does. */
  config: ModelConfig;
  /** Results are kept here: a run that is taken up again does not measure twice. */
  dir: string;
  holdout?: boolean;
  signal: AbortSignal;
}

export interface Baselines {
  /**
   * The model for week `k`, counted from 1: trained now, or as it was measured before. The second week's model is the first's: no
   * label has come yet. Throws SeawallError when the process fails.
   */
  model(k: number, onProgress?: (share: number) => void): Promise<BaselineModel>;
  /** All that were asked for, in the order of weeks. */
  known(): BaselineModel[];
  close(): void;
}

/** Week 1's model learns from January alone; until the third week nothing more is labelled. */
const FIRST_RETRAINED = 3;

/** The week for which the model that is new in week `k` was trained. */
export const modelFor = (k: number): number => (k < FIRST_RETRAINED ? 1 : k);

export function createBaselines(options: BaselineOptions): Baselines {
  const found = new Map<number, BaselineModel>();
  let trainer: Trainer | undefined;
  /** A process that was killed from outside is started anew, once. */
  const train = async (week: number, onProgress?: (share: number) => void): Promise<BaselineModel> => {
    trainer ??= startTrainer(options);
    try {
      return await trainer.train(week, onProgress);
    } catch (error) {
      if (!trainer.killed() || options.signal.aborted) throw error;
      trainer = startTrainer(options);
      return trainer.train(week, onProgress);
    }
  };
  return {
    async model(k, onProgress) {
      const week = modelFor(k);
      const known = found.get(week) ?? (await readKept(options.dir, week));
      const model = known ?? (await train(week, onProgress));
      if (!known) await keep(options.dir, model);
      found.set(week, model);
      return model;
    },
    known: () => [...found.values()].sort((a, b) => a.week - b.week),
    close: () => trainer?.close(),
  };
}

const fileOf = (dir: string, week: number): string => join(dir, `week-${String(week).padStart(2, '0')}.json`);

async function readKept(dir: string, week: number): Promise<BaselineModel | undefined> {
  try {
    return JSON.parse(await readFile(fileOf(dir, week), 'utf8')) as BaselineModel;
  } catch {
    return undefined;
  }
}

/** Appears whole or not at all. */
async function keep(dir: string, model: BaselineModel): Promise<void> {
  await mkdir(dir, { recursive: true });
  const file = fileOf(dir, model.week);
  await writeFile(`${file}.making`, JSON.stringify(model));
  await rename(`${file}.making`, file);
}

interface Trainer {
  /** By a signal that somebody else sent. */
  killed(): boolean;
  train(week: number, onProgress?: (share: number) => void): Promise<BaselineModel>;
  close(): void;
}

function startTrainer(options: BaselineOptions): Trainer {
  const { python, script, signal } = options;
  const child = spawn(python, [script, JSON.stringify(planOf(options))], {
    stdio: ['pipe', 'pipe', 'pipe'],
    signal,
    env: { ...process.env, PYTHONUNBUFFERED: '1' },
  });
  const complaints = tailOf(child);
  // A process that has just died cannot be asked; `failed` says so.
  child.stdin.on('error', () => undefined);
  const failed = new Promise<never>((_, reject) => {
    const fail = (why: string): void => {
      const text = `the baselines' trainer ended: ${why}${complaints() ? `\n${complaints()}` : ''}`;
      reject(new SeawallError('Unavailable', text, `Run ${script} by hand to see more.`));
    };
    child.once('error', (error) => fail(error.message));
    child.once('close', (code, killed) => fail(killed ? `killed by ${killed}` : `exit code ${code}`));
  });
  failed.catch(() => undefined); // it also ends when all is done
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    killed: () => child.signalCode !== null,
    async train(week, onProgress) {
      child.stdin.write(`${week}\n`);
      for (;;) {
        const { value, done } = await Promise.race([answers.next(), failed]);
        if (done) return failed;
        const line = JSON.parse(value) as BaselineModel | { progress: number };
        if (!('progress' in line)) return line;
        onProgress?.(line.progress);
      }
    },
    close: () => void child.stdin.end(),
  };
}

/** What the trainer is told: as Seawall tells its own, beside where everything lies. */
function planOf({ data, config, holdout }: BaselineOptions): unknown {
  const { trainer, features, label, task, dataset } = config;
  const files = [
    { week: 0, path: data.january.file },
    // The days between January and the first week are labelled, and committed, with that week.
    { week: 1, path: data.gap.file, scored: false },
    ...data.weeks.map((week) => ({ week: week.k, path: week.data.file })),
  ];
  const job = { params: trainer.params, features, label: { column: label.column }, task, seed: trainer.seed };
  return { files, rowId: dataset.rowId, fraction: config.holdout.hashFraction, holdout: holdout ?? false, job };
}

function tailOf(child: ChildProcess): () => string {
  let text = '';
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => (text = (text + chunk).slice(-2_000)));
  return () => text.trim();
}
