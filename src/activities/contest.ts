/** Challenger against champion on the same rows: all that is measured, and what the policy says of it. Knows no storage. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Answering,
  type BehaviourOutcome,
  type EvaluationSummary,
  type Evidence,
  type Feature,
  type ModelConfig,
  SeawallError,
  type SlicePolicy,
} from '../contracts/index.js';
import { judgePromotion, type Promotion } from '../domain/decisions/promotion.js';
import type { Answers } from '../domain/evaluation/answers.js';
import { type BehaviourRows, judgeBehaviour } from '../domain/evaluation/behaviour.js';
import { calibration, calibrationError } from '../domain/evaluation/calibration.js';
import { type Curves, curvesOf } from '../domain/evaluation/curves.js';
import { compare } from '../domain/evaluation/compare.js';
import { measure } from '../domain/evaluation/performance.js';
import { judgeSlices, type Slice } from '../domain/evaluation/slices.js';
import type { Scored, Scorer, ScoreRequest } from './scoring.js';

export interface ContestPorts {
  scorer: Scorer;
  /** Indices of the rows of each slice. @throws SeawallError `BadData` */
  sliceHoldout(file: string, policy: SlicePolicy): Promise<{ slices: Slice[]; small: number }>;
  /** Writes the rows for tests of behaviour. @throws SeawallError `BadData` */
  writeBehaviourRows(request: {
    file: string;
    features: Feature[];
    tests: NonNullable<ModelConfig['promotion']['tests']>;
    target: string;
  }): Promise<BehaviourRows[]>;
}

export interface ContestRequest {
  config: Pick<ModelConfig, 'task' | 'classes' | 'features' | 'label' | 'promotion' | 'approval'>;
  /** Parquet; both are judged on all of it. */
  rowsFile: string;
  challenger: { file: string; subject: string; parityFile: string | null };
  /** null: there is none. */
  champion: { file: string; subject: string; features: Feature[] } | null;
  /** Why the champion that there is cannot be judged on these rows. */
  notCompared?: string | undefined;
  /** From the digests of all that takes part: the same contest draws the same. */
  seed: string;
  withRows: ScoreRequest['withRows'];
  /** For what is left behind. */
  folder: string;
  signal: AbortSignal;
}

export interface Contest extends Pick<Evidence, 'summary' | 'slices' | 'behaviour'> {
  servable: NonNullable<Evidence['servable']>;
  calibrationError: NonNullable<Evidence['calibrationError']>;
  promotion: Promotion;
  answers: { challenger: Answers; champion: Answers | null };
}

/** What a page about a contest is made from. */
export interface EvaluationPage extends Omit<Contest, 'answers'> {
  /** As `late-flights, run 7`. */
  title: string;
  curves: { challenger: Curves; champion: Curves | null };
}

export function pageOf(title: string, { answers, ...found }: Contest): EvaluationPage {
  const { challenger, champion } = answers;
  return { ...found, title, curves: { challenger: curvesOf(challenger), champion: champion && curvesOf(champion) } };
}

export const answeringOf = ({ task, classes }: Answering): Answering => ({ task, ...(classes && { classes }) });

/** @throws SeawallError `InvalidModel`: the challenger cannot serve; `BadData`: the rows cannot be judged on */
export async function holdContest(ports: ContestPorts, request: ContestRequest): Promise<Contest> {
  const { config, challenger, withRows } = request;
  const { parityFile } = challenger;
  const own = await score(ports, request, 'challenger', challenger, config.features, { withRows, parityFile });
  const other = await scoreChampion(ports, request);
  const notCompared = other && 'notCompared' in other ? other.notCompared : undefined;
  const champion = other && 'answers' in other ? other : null;
  const summary = {
    ...summarise(request, own.answers, champion?.answers ?? null),
    ...(notCompared === undefined ? {} : { notCompared }),
  };
  const slices = champion && (await compareSlices(ports, request, champion.answers, own.answers));
  const behaviour = await testBehaviour(ports, request);
  const found = {
    servable: { challenger: own.servable, champion: champion?.servable ?? null },
    calibrationError: {
      challenger: errorOf(own.answers),
      champion: champion && errorOf(champion.answers),
    },
  };
  const performance = { challenger: summary.challenger, champion: summary.champion };
  const guarded = { ...found, performance, slices, behaviour: behaviour ?? [] };
  return {
    ...found,
    summary,
    ...(slices && { slices }),
    ...(behaviour && { behaviour }),
    promotion: judgePromotion(summary, config.promotion, config.approval, guarded),
    answers: { challenger: own.answers, champion: champion?.answers ?? null },
  };
}

async function score(
  { scorer }: ContestPorts,
  { config, rowsFile, folder, signal }: ContestRequest,
  name: string,
  { file, subject }: { file: string; subject: string },
  features: Feature[],
  extras: Pick<ScoreRequest, 'withRows' | 'parityFile'> & Partial<Pick<ScoreRequest, 'rowsFile' | 'labelColumn'>>,
): Promise<Scored> {
  const workDir = join(folder, name);
  await mkdir(workDir);
  const common = { answering: answeringOf(config), labelColumn: config.label.column, signal };
  return scorer.score({ ...common, subject, modelFile: file, rowsFile, features, workDir, ...extras });
}

/** A champion that cannot score today's rows says nothing about the challenger, which just did. */
async function scoreChampion(
  ports: ContestPorts,
  request: ContestRequest,
): Promise<Scored | { notCompared: string } | null> {
  const { champion, notCompared } = request;
  if (!champion) return null;
  if (notCompared !== undefined) return { notCompared };
  try {
    return await score(ports, request, 'champion', champion, champion.features, { withRows: null, parityFile: null });
  } catch (error) {
    if (!(error instanceof SeawallError) || (error.type !== 'InvalidModel' && error.type !== 'BadData')) throw error;
    return { notCompared: `it cannot score these rows: ${error.message}` };
  }
}

function summarise({ config, seed }: ContestRequest, challenger: Answers, champion: Answers | null): EvaluationSummary {
  const { metric } = config.promotion;
  const own = { rows: challenger.labels.length, metric, challenger: measure(challenger) };
  if (!champion) return { ...own, champion: null, gain: null, gainInterval: null };
  const { gain, interval, method, pValue } = compare(champion, challenger, metric, `${seed}/${metric}`);
  return {
    ...own,
    champion: measure(champion),
    gain,
    gainInterval: interval,
    method,
    ...(pValue === undefined ? {} : { pValue }),
    ...(sameAnswers(champion, challenger) ? { identical: true as const } : {}),
  };
}

const sameAnswers = (a: Answers, b: Answers): boolean =>
  a.predictions.every((value, i) => value === b.predictions[i]) && a.scores.every((value, i) => value === b.scores[i]);

async function compareSlices(ports: ContestPorts, request: ContestRequest, champion: Answers, challenger: Answers) {
  const { metric, slices } = request.config.promotion;
  if (!slices) return null;
  const { slices: found } = await ports.sliceHoldout(request.rowsFile, slices);
  return judgeSlices(champion, challenger, found, metric, slices.margin);
}

async function testBehaviour(ports: ContestPorts, request: ContestRequest): Promise<BehaviourOutcome[] | null> {
  const { config, rowsFile, challenger, folder } = request;
  const { tests } = config.promotion;
  if (!tests || tests.length === 0) return null;
  const target = join(folder, 'behaviour.parquet');
  const rows = await ports.writeBehaviourRows({ file: rowsFile, features: config.features, tests, target });
  const extras = { withRows: null, parityFile: null, rowsFile: target, labelColumn: null };
  const { answers } = await score(ports, request, 'behaviour', challenger, config.features, extras);
  return judgeBehaviour(tests, rows, answers, config.classes);
}

function errorOf(answers: Answers): number | null {
  const bins = calibration(answers);
  return bins && calibrationError(bins);
}
