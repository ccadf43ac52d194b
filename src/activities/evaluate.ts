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
  MAX_MODEL_BYTES,
  predictionColumns,
  type PromotionPolicy,
  type ReferenceProfile,
  type RunPlan,
  scoreColumn,
  SeawallError,
  type Servable,
} from '../contracts/index.js';
import { EVALUATOR, judgePromotion } from '../domain/decisions/promotion.js';
import type { Answers } from '../domain/evaluation/answers.js';
import { compare } from '../domain/evaluation/compare.js';
import { measure } from '../domain/evaluation/performance.js';
import { beating } from './heartbeat.js';
import { type Champion, type HoldoutRule, learntBy, rowsForBoth } from './fair-rows.js';
import { patient } from './outage.js';
import type { BlobStore, JsonStore, RecordStore } from './ports.js';
import { readPlan } from './run.js';

export type { Answers };

export interface ScoreRequest {
  /** For messages: whose model this is. */
  subject: string;
  modelFile: string;
  /** Parquet. */
  rowsFile: string;
  /** In the order of the configuration. */
  features: Feature[];
  /** What the model must answer with. */
  answering: Answering;
  /** null: the rows have no labels. */
  labelColumn: string | null;
  /** An empty folder for what the scoring leaves behind. */
  workDir: string;
  /** Parquet: rows with the trainer's own answers, named as the outputs. null: it left none. */
  parityFile: string | null;
  /** Also write the rows with the answers beside them, as Parquet; the outputs' names get the prefix. */
  withRows: { file: string; prefix: string } | null;
  signal: AbortSignal;
}
export interface Scored {
  /** In the order of the rows. */
  answers: Answers;
  servable: Servable;
}
export interface Scorer {
  /**
   * Tries the model as serving would use it, compares it with its trainer's own answers, and scores all rows: in a process of its
   * own, within limits of time and memory. @throws SeawallError `InvalidModel`, `BadData`
   */
  score(request: ScoreRequest): Promise<Scored>;
}

export interface EvaluatePorts {
  json: JsonStore;
  blobs: BlobStore;
  records: RecordStore;
  scorer: Scorer;
  buildReference(request: {
    files: string[];
    features: Feature[];
    labelColumn: string;
    scoreColumn: string;
  }): Promise<ReferenceProfile>;
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
const ANSWER_PREFIX = '_challenger_';

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
  { challenger, holdout, parity }: EvaluateInput,
  signal: AbortSignal,
): Promise<Evaluated> {
  const { features, label, promotion: policy } = plan.config;
  requireSize(challenger, plan.n);
  const whole = join(folder, 'holdout.parquet');
  await ports.blobs.fetchTo(holdout.sha256, whole, signal);
  const parityFile = parity ? join(folder, 'parity.parquet') : null;
  if (parity && parityFile) await ports.blobs.fetchTo(parity.sha256, parityFile, signal);
  const champion = plan.champion && (await learntBy(ports, plan, plan.champion));
  const judged = await rowsForBoth(folder, ports, plan, champion, { file: whole, rows: holdout.rows });
  const withRows = { file: join(folder, 'scored.parquet'), prefix: ANSWER_PREFIX };
  const ofChallenger = { name: 'challenger', sha256: challenger.sha256, subject: `the challenger of run ${plan.n}` };
  const answering = answeringOf(plan.config);
  const common = { rowsFile: judged.file, answering, labelColumn: label.column, signal };
  const first = await scoreBlob(folder, ports, ofChallenger, { ...common, features, withRows, parityFile });
  requireRows(first.answers, judged.rows);
  const second = champion && !judged.notCompared ? await scoreChampion(folder, ports, champion, common) : null;
  const notCompared = judged.notCompared ?? (second && 'notCompared' in second ? second.notCompared : undefined);
  const compared = second && 'answers' in second ? second : null;
  const measured = summarise(policy, first.answers, compared?.answers ?? null);
  const summary = { ...measured, ...(notCompared === undefined ? {} : { notCompared }) };
  const files = { files: [withRows.file], features, labelColumn: label.column, scoreColumn: referenceScore(answering) };
  const reference = await ports.blobs.putJson(referenceOf(await ports.buildReference(files), answering));
  const { promote, text, rules, approval } = judgePromotion(summary, policy, plan.config.approval);
  const promotion: Evidence['promotion'] = { promote, text, rules, evaluator: EVALUATOR };
  const servable = { challenger: first.servable, champion: compared?.servable ?? null };
  const found = { summary, servable, promotion, reference: reference.sha256, ...(parity && { parity }) };
  const evidence = evidenceOf(plan, challenger, { ...holdout, rule: judged.rule }, found);
  return { evidence: (await ports.blobs.putJson(evidence)).sha256, summary, promotion: { promote, text, approval } };
}

/** Before it is fetched: a file of this size would be refused when it is loaded. */
function requireSize({ size }: BlobRef, n: number): void {
  if (size <= MAX_MODEL_BYTES) return;
  throw new SeawallError(
    'InvalidModel',
    `The challenger of run ${n} has ${size} bytes; the limit is ${MAX_MODEL_BYTES}`,
    'Train a smaller model: fewer trees, fewer or smaller layers, or 16-bit weights.',
  );
}

function evidenceOf(
  { model, n, champion, dataset }: RunPlan,
  challenger: BlobRef,
  holdout: Evidence['holdout'],
  found: Pick<Evidence, 'summary' | 'servable' | 'promotion' | 'reference' | 'parity'>,
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

const answeringOf = ({ task, classes }: Answering): Answering => ({ task, ...(classes && { classes }) });

/** The one number per row that the reference profiles: the score (with several classes the first one's), else the prediction. */
const referenceScore = ({ task, classes }: Answering): string =>
  ANSWER_PREFIX + (task === 'regression' ? predictionColumns.prediction : scoreColumn(classes?.[0]));

/** The profile measures as if there were two classes: for other tasks that is nothing, and the numbers stand in the summary. */
function referenceOf(profile: ReferenceProfile, { task }: Answering): ReferenceProfile {
  if (task === 'binary') return profile;
  const none = { positives: 0, auc: null, aucSe: null, logLoss: null, logLossSe: null, brier: null };
  return { ...profile, performance: { rows: profile.rows, ...none } };
}

interface Contestant {
  name: string;
  sha256: string;
  subject: string;
}
type ScoreOptions = Omit<ScoreRequest, 'subject' | 'modelFile' | 'workDir'>;

async function scoreBlob(
  folder: string,
  { blobs, scorer }: EvaluatePorts,
  what: Contestant,
  options: ScoreOptions,
): Promise<Scored> {
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
  common: Omit<ScoreOptions, 'features' | 'withRows' | 'parityFile'>,
): Promise<Scored | { notCompared: string }> {
  const what = { name: 'champion', sha256: ref.sha256, subject: `the champion, release ${ref.release}` };
  try {
    return await scoreBlob(folder, ports, what, { ...common, features, withRows: null, parityFile: null });
  } catch (error) {
    if (!(error instanceof SeawallError) || (error.type !== 'InvalidModel' && error.type !== 'BadData')) throw error;
    return { notCompared: `it cannot score these rows: ${error.message}` };
  }
}

function requireRows({ labels }: Answers, rows: number): void {
  if (labels.length === rows && rows > 0) return;
  throw new SeawallError(
    'BadData',
    `The holdout has ${labels.length} rows, but ${rows} are to be judged`,
    'The holdout does not belong to this run: start a new one.',
  );
}

function summarise({ metric }: PromotionPolicy, challenger: Answers, champion: Answers | null): EvaluationSummary {
  const own = { rows: challenger.labels.length, metric, challenger: measure(challenger) };
  if (!champion) return { ...own, champion: null, gain: null, gainInterval: null };
  const { gain, interval } = compare(champion, challenger, metric);
  return { ...own, champion: measure(champion), gain, gainInterval: interval };
}
