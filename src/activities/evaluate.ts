/** Evaluate: challenger and champion on the same rows, which neither has learnt from. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Answering,
  type BlobRef,
  type Evaluated,
  type EvaluateInput,
  type EvaluationSummary,
  type Evidence,
  type Feature,
  keys,
  type ReferenceProfile,
  type RunPlan,
  SeawallError,
} from '../contracts/index.js';
import { judgePromotion } from '../domain/decisions/promotion.js';
import { beating } from './heartbeat.js';
import { type Champion, type HoldoutRule, learntBy, rowsForBoth } from './fair-rows.js';
import { patient } from './outage.js';
import { logLossGain, measure } from './paired-performance.js';
import type { BlobStore, JsonStore, RecordStore } from './ports.js';
import { readPlan } from './run.js';

export interface ScoreRequest {
  /** For messages: whose model this is. */
  subject: string;
  modelFile: string;
  /** Parquet. */
  rowsFile: string;
  /** In the order of the configuration. */
  features: Feature[];
  labelColumn: string;
  /** An empty folder for what the scoring leaves behind. */
  workDir: string;
  /** Also write the rows with their score, as Parquet. */
  withRows: { file: string; scoreColumn: string } | null;
  signal: AbortSignal;
}
/** In the order of the rows in the file. */
export interface Scores {
  scores: Float32Array;
  labels: Uint8Array;
}
export interface Scorer {
  /** Scores all rows in a process of its own. @throws SeawallError `InvalidModel`, `BadData` */
  score(request: ScoreRequest): Promise<Scores>;
}

export interface EvaluatePorts {
  json: JsonStore;
  blobs: BlobStore;
  records: RecordStore;
  scorer: Scorer;
  buildReference(
    request: Answering & {
      files: string[];
      features: Feature[];
      labelColumn: string;
      /** Answers by their names in the prediction log, and the columns of the files that hold them. */
      outputs: { name: string; column: string }[];
      slices: string[];
    },
  ): Promise<ReferenceProfile>;
  /** Copies the rows of a Parquet file that `rule` holds out; null: the file lacks the rule's column. */
  keepHeldOut(file: string, rule: HoldoutRule, target: string): Promise<number | null>;
  /** A local folder for scratch files. */
  tempDir: string;
}

/** What an evaluation came to; create-once per challenger and holdout. */
interface EvaluationRecord {
  kind: 'evaluation';
  schema: 1;
  evaluated: Evaluated;
}

/** Begins with `_`, so that no feature is called like that. */
const SCORE_COLUMN = '_challenger_score';

export type EvaluateActivities = ReturnType<typeof createEvaluateActivities>;

export function createEvaluateActivities(ports: EvaluatePorts) {
  return {
    /**
     * Compares, judges, and stores the evidence that an approval binds to. The first result for these bytes stands. An outage of
     * storage is waited out. A champion that cannot be compared is no fault of the challenger's: the evidence says why, and a
     * person must approve.
     * @throws SeawallError `InvalidModel`, `BadData`, `NotFound`; final `Corrupt`: an object is damaged
     */
    evaluate: (input: EvaluateInput): Promise<Evaluated> =>
      beating(
        () => null,
        (signal) => {
          const { json, blobs, records } = ports;
          const stores = {
            json: patient(json, signal),
            blobs: patient(blobs, signal),
            records: patient(records, signal),
          };
          return evaluate({ ...ports, ...stores }, input, signal);
        },
      ),
  };
}

async function evaluate(ports: EvaluatePorts, input: EvaluateInput, signal: AbortSignal): Promise<Evaluated> {
  const { model, n, challenger, holdout } = input;
  const key = keys.runEvaluation(model, n, challenger.sha256, holdout.sha256);
  const standing = await ports.json.read<EvaluationRecord>(key);
  if (standing) return standing.value.evaluated;
  const plan = await readPlan(ports.json, model, n);
  await mkdir(ports.tempDir, { recursive: true });
  const folder = await mkdtemp(join(ports.tempDir, 'evaluate-'));
  try {
    const evaluated = await evaluateIn(folder, ports, plan, input, signal);
    const record: EvaluationRecord = { kind: 'evaluation', schema: 1, evaluated };
    await ports.json.create(key, record);
    return (await ports.json.read<EvaluationRecord>(key))?.value.evaluated ?? evaluated;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function evaluateIn(
  folder: string,
  ports: EvaluatePorts,
  plan: RunPlan,
  { challenger, holdout }: EvaluateInput,
  signal: AbortSignal,
): Promise<Evaluated> {
  const { features, label } = plan.config;
  const whole = join(folder, 'holdout.parquet');
  await ports.blobs.fetchTo(holdout.sha256, whole, signal);
  const champion = plan.champion && (await learntBy(ports, plan, plan.champion));
  const judged = await rowsForBoth(folder, ports, plan, champion, { file: whole, rows: holdout.rows });
  const withRows = { file: join(folder, 'scored.parquet'), scoreColumn: SCORE_COLUMN };
  const ofChallenger = { name: 'challenger', sha256: challenger.sha256, subject: `the challenger of run ${plan.n}` };
  const common = { rowsFile: judged.file, labelColumn: label.column, signal };
  const first = await scoreBlob(folder, ports, ofChallenger, { ...common, features, withRows });
  requireRows(first, judged.rows);
  const second = champion && !judged.notCompared ? await scoreChampion(folder, ports, champion, common) : null;
  const notCompared = judged.notCompared ?? (second && 'notCompared' in second ? second.notCompared : undefined);
  const compared = second && 'scores' in second ? second : null;
  const summary = { ...summarise(plan, first, compared), ...(notCompared === undefined ? {} : { notCompared }) };
  const { task, classes, monitor } = plan.config;
  const reference = await ports.blobs.putJson(
    await ports.buildReference({
      ...{ files: [withRows.file], features, labelColumn: label.column, task, slices: monitor.slices },
      ...(classes && { classes }),
      outputs: [{ name: 'score', column: SCORE_COLUMN }],
    }),
  );
  const { promote, text, rules, approval } = judgePromotion(summary, plan.config.promotion, plan.config.approval);
  const promotion: Evidence['promotion'] = { promote, text, rules, evaluator: 'promotion/1' };
  const heldOut = { ...holdout, rule: judged.rule };
  const evidence = evidenceOf(plan, challenger, heldOut, { summary, promotion, reference: reference.sha256 });
  return { evidence: (await ports.blobs.putJson(evidence)).sha256, summary, promotion: { promote, text, approval } };
}

function evidenceOf(
  { model, n, champion, dataset }: RunPlan,
  challenger: BlobRef,
  holdout: Evidence['holdout'],
  found: Pick<Evidence, 'summary' | 'promotion' | 'reference'>,
): Evidence {
  const { name, version } = dataset;
  return {
    kind: 'evidence',
    schema: 1,
    model,
    n,
    challenger,
    champion,
    dataset: { name, version },
    holdout,
    ...found,
    at: new Date().toISOString(),
  };
}

interface Scored {
  name: string;
  sha256: string;
  subject: string;
}
type ScoreOptions = Pick<ScoreRequest, 'rowsFile' | 'labelColumn' | 'signal' | 'features' | 'withRows'>;

async function scoreBlob(
  folder: string,
  { blobs, scorer }: EvaluatePorts,
  what: Scored,
  options: ScoreOptions,
): Promise<Scores> {
  const modelFile = join(folder, `${what.name}.onnx`);
  const workDir = join(folder, what.name);
  await mkdir(workDir);
  await blobs.fetchTo(what.sha256, modelFile, options.signal);
  return scorer.score({ ...options, subject: what.subject, modelFile, workDir });
}

/** A champion that cannot score today's rows says nothing about the challenger, which just did. */
async function scoreChampion(
  folder: string,
  ports: EvaluatePorts,
  { ref, features }: Champion,
  common: Pick<ScoreRequest, 'rowsFile' | 'labelColumn' | 'signal'>,
): Promise<Scores | { notCompared: string }> {
  const what = { name: 'champion', sha256: ref.sha256, subject: `the champion, release ${ref.release}` };
  try {
    return await scoreBlob(folder, ports, what, { ...common, features, withRows: null });
  } catch (error) {
    if (!(error instanceof SeawallError) || (error.type !== 'InvalidModel' && error.type !== 'BadData')) throw error;
    return { notCompared: `it cannot score these rows: ${error.message}` };
  }
}

function requireRows({ scores }: Scores, rows: number): void {
  if (scores.length === rows && rows > 0) return;
  throw new SeawallError(
    'BadData',
    `The holdout has ${scores.length} rows, but ${rows} are to be judged`,
    'The holdout does not belong to this run: start a new one.',
  );
}

function summarise(plan: RunPlan, challenger: Scores, champion: Scores | null): EvaluationSummary {
  const { metric } = plan.config.promotion;
  const { labels } = challenger;
  const own = { rows: labels.length, metric, challenger: measure(challenger.scores, labels) };
  if (!champion) return { ...own, champion: null, gain: null, gainInterval: null };
  const other = measure(champion.scores, labels);
  if (metric === 'logLoss') {
    const { gain, interval } = logLossGain(champion.scores, challenger.scores, labels);
    return { ...own, champion: other, gain, gainInterval: interval };
  }
  const bothAuc = own.challenger.auc !== null && other.auc !== null;
  const gain = bothAuc ? (own.challenger.auc as number) - (other.auc as number) : null;
  return { ...own, champion: other, gain, gainInterval: null };
}
