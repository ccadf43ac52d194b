/** Evaluate: challenger and champion on the same rows, which neither has learnt from. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Answering,
  type BlobRef,
  type Evaluated,
  type EvaluateInput,
  type Evidence,
  type Feature,
  keys,
  MAX_MODEL_BYTES,
  outputsOf,
  type ReferenceProfile,
  type RunPlan,
  SeawallError,
} from '../contracts/index.js';
import { EVALUATOR } from '../domain/decisions/promotion.js';
import type { Answers } from '../domain/evaluation/answers.js';
import { answeringOf, type ContestPorts, type EvaluationPage, holdContest, pageOf } from './contest.js';
import { beating } from './heartbeat.js';
import { type HoldoutRule, learntBy, rowsForBoth } from './fair-rows.js';
import { patient } from './outage.js';
import type { BlobStore, JsonStore, RecordStore } from './ports.js';
import { readPlan } from './run.js';

export interface EvaluatePorts extends ContestPorts {
  json: JsonStore;
  blobs: BlobStore;
  records: RecordStore;
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
  renderEvaluation(page: EvaluationPage): Promise<string>;
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
  const { features, label } = plan.config;
  requireSize(challenger, plan.n);
  const fetched = async (sha256: string, name: string): Promise<string> => {
    const file = join(folder, name);
    await ports.blobs.fetchTo(sha256, file, signal);
    return file;
  };
  const whole = { file: await fetched(holdout.sha256, 'holdout.parquet'), rows: holdout.rows };
  const champion = plan.champion && (await learntBy(ports, plan, plan.champion));
  const judged = await rowsForBoth(folder, ports, plan, champion, whole);
  const withRows = { file: join(folder, 'scored.parquet'), prefix: ANSWER_PREFIX };
  const contest = await holdContest(ports, {
    ...{ config: plan.config, rowsFile: judged.file, notCompared: judged.notCompared, withRows, folder, signal },
    challenger: {
      file: await fetched(challenger.sha256, 'challenger.onnx'),
      subject: `the challenger of run ${plan.n}`,
      parityFile: parity ? await fetched(parity.sha256, 'parity.parquet') : null,
    },
    champion: champion && {
      file: await fetched(champion.ref.sha256, 'champion.onnx'),
      subject: `the champion, release ${champion.ref.release}`,
      features: champion.features,
    },
    seed: [challenger.sha256, champion?.ref.sha256, holdout.sha256].join('/'),
  });
  const { answers, promotion: judgement, ...found } = contest;
  requireRows(answers.challenger, judged.rows);
  const answering = answeringOf(plan.config);
  const reference = await ports.blobs.putJson(
    await ports.buildReference({
      ...{ files: [withRows.file], features, labelColumn: label.column, slices: plan.config.monitor.slices },
      ...answering,
      outputs: outputsOf(answering).map(({ name }) => ({ name, column: ANSWER_PREFIX + name })),
    }),
  );
  const { promote, text, rules, approval } = judgement;
  const promotion: Evidence['promotion'] = { promote, text, rules, evaluator: EVALUATOR };
  const page = join(folder, 'evaluation.html');
  await writeFile(page, await ports.renderEvaluation(pageOf(`${plan.model}, run ${plan.n}`, contest)));
  const uses = await usesOf(ports.json, plan.model, holdout.sha256);
  const evidence = evidenceOf(
    plan,
    challenger,
    { ...holdout, rule: judged.rule, uses },
    {
      ...found,
      promotion,
      reference: reference.sha256,
      page: await ports.blobs.putFile(page),
      ...(parity && { parity }),
    },
  );
  const { sha256 } = await ports.blobs.putJson(evidence);
  return { evidence: sha256, summary: found.summary, promotion: { promote, text, approval } };
}

/**
 * How often this holdout has been looked at, and any of this model: every look lets a little luck in, and many looks at the same
 * rows wear them out.
 */
async function usesOf(json: JsonStore, model: string, holdout: string): Promise<{ rows: number; all: number }> {
  const uses = { rows: 1, all: 1 };
  for await (const { key } of json.list(keys.runs(model))) {
    const [, , , , kind, name] = key.split('/');
    if (kind !== 'evaluation') continue;
    uses.all += 1;
    if (name?.endsWith(`_${holdout}.json`)) uses.rows += 1;
  }
  return uses;
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
  found: Omit<Evidence, 'kind' | 'schema' | 'model' | 'n' | 'challenger' | 'champion' | 'dataset' | 'holdout' | 'at'>,
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

function requireRows({ labels }: Answers, rows: number): void {
  if (labels.length === rows && rows > 0) return;
  throw new SeawallError(
    'BadData',
    `The holdout has ${labels.length} rows, but ${rows} are to be judged`,
    'The holdout does not belong to this run: start a new one.',
  );
}
