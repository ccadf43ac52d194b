/** What the example's results depend on besides its data: a run that was cut off under one digest does not go on under another. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalJson, type ModelConfig } from '../../src/contracts/index.js';
import { packageRoot } from '../../src/workers/package-root.js';

const PROGRAMS = ['examples/flights/baselines.py', 'trainers/xgboost/train.py'];

/** Of what decides how a model comes out: what it learns from, by which program, with which parameters. */
export async function digestOfTraining({ trainer, features, label, dataset, holdout }: ModelConfig): Promise<string> {
  const programs = await Promise.all(PROGRAMS.map((path) => readFile(join(packageRoot, path), 'utf8')));
  return digestOf({ programs, trainer, features, label, dataset, holdout });
}

/** Of all that a story depends on; `data` is the version of the code that cuts the flights. */
export async function digestOfStory(config: ModelConfig, data: number): Promise<string> {
  return digestOf({ training: await digestOfTraining(config), config, data });
}

const digestOf = (value: unknown): string =>
  createHash('sha256').update(canonicalJson(value)).digest('hex').slice(0, 16);
