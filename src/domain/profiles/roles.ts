import {
  EXACT_BITS,
  type ProfiledColumn,
  type QualityRoles,
  SeawallError,
  type TableProfile,
} from '../../contracts/index.js';

/** What a person says about columns; what is left out is concluded from the values. */
export interface AskedRoles {
  label: string;
  /** Classes, numbers, or the probability of the positive class. */
  prediction?: string;
  /** The probability of the positive class. */
  score?: string;
  /** The probability of each class. */
  scores?: Record<string, string>;
  task?: QualityRoles['task'];
}

/** Whole numbers as labels: up to so many of them are classes, more are numbers to be predicted. */
const MOST_NUMBERED_CLASSES = 20;
const MOST_CLASSES = 1000;

/**
 * Tells tasks apart by the values of label and prediction, and says in `assumed` what was concluded.
 * @returns roles null where there is nothing to conclude from, as `assumed` then says
 * @throws SeawallError BadInput when a column is not there, or when what was asked for does not fit the values
 */
export function concludeRoles(
  table: TableProfile,
  asked: AskedRoles,
): { roles: QualityRoles | null; assumed: string[] } {
  const label = columnOf(table, asked.label, 'label');
  const prediction = asked.prediction === undefined ? null : columnOf(table, asked.prediction, 'prediction');
  const scores = asked.scores ?? {};
  for (const name of Object.values(scores)) columnOf(table, name, 'score');
  const isScore = prediction !== null && isProbability(prediction) && asked.score === undefined;
  const score = asked.score !== undefined ? columnOf(table, asked.score, 'score') : isScore ? prediction : null;
  const classes = valuesOf(label);
  if (!prediction && !score && Object.keys(scores).length === 0)
    return { roles: null, assumed: ['quality is not judged: there is a label, but neither prediction nor score'] };
  const task = asked.task ?? concludeTask(label, prediction, score !== null, Object.keys(scores).length > 0);
  if (task === null) return { roles: null, assumed: [`quality is not judged: label ${label.name} has no values`] };
  const assumed = asked.task ? [] : [`task ${task}, by the values of ${label.name}`];
  const roles: QualityRoles = {
    task,
    label: label.name,
    classes: [],
    prediction: prediction?.name ?? null,
    scores: [],
  };
  if (task === 'regression') return { roles: regressionRoles(roles, score), assumed };
  if (task === 'multiclass')
    return { roles: multiclassRoles(roles, label, prediction === score ? null : prediction, scores), assumed };
  if (!score) throw noScore(prediction!.name);
  if (score === prediction) {
    roles.prediction = null;
    assumed.push(`${score.name} holds probabilities: the predicted class is positive from 0.5 on`);
  }
  roles.scores = [score.name];
  roles.classes = binaryClasses(label, classes);
  if (roles.classes.join() !== '0,1')
    assumed.push(`positive is the label ${roles.classes[1]}, negative ${roles.classes[0]}`);
  return { roles, assumed };
}

function concludeTask(
  label: ProfiledColumn,
  prediction: ProfiledColumn | null,
  hasScore: boolean,
  hasScores: boolean,
): QualityRoles['task'] | null {
  const labels = valuesOf(label);
  if (labels?.length === 0) return null;
  if (hasScores) return 'multiclass';
  if (hasScore && labels && labels.length <= 2) return 'binary';
  if (label.sketch.kind === 'categorical') return 'multiclass';
  const predicted = prediction ? valuesOf(prediction) : [];
  const isClass = (values: string[] | null) =>
    values !== null &&
    values.length <= MOST_NUMBERED_CLASSES &&
    values.every((value) => Number.isInteger(Number(value)));
  return isClass(labels) && isClass(predicted) ? 'multiclass' : 'regression';
}

function regressionRoles(roles: QualityRoles, score: ProfiledColumn | null): QualityRoles {
  return { ...roles, prediction: roles.prediction ?? score?.name ?? null };
}

function multiclassRoles(
  roles: QualityRoles,
  label: ProfiledColumn,
  prediction: ProfiledColumn | null,
  scores: Record<string, string>,
): QualityRoles {
  const named = Object.keys(scores);
  const values = [label, ...(prediction ? [prediction] : [])].map(valuesOf);
  if (values.includes(null) || values.some((list) => list!.length > MOST_CLASSES)) {
    throw new SeawallError(
      'BadInput',
      `${label.name} has about ${distinct(label)} values: too many for classes`,
      'Say --task regression if it is a number to be predicted.',
    );
  }
  if (named.length === 0 && !prediction) {
    throw new SeawallError(
      'BadInput',
      `${roles.label} has ${values[0]!.length} classes, and one score cannot say which of them is predicted`,
      'Name the column with the predicted class with --prediction.',
    );
  }
  const classes = named.length > 0 ? named : inOrder([...new Set(values.flatMap((list) => list!))]);
  return { ...roles, prediction: prediction?.name ?? null, classes, scores: Object.values(scores) };
}

const inOrder = (classes: string[]): string[] =>
  classes.every((value) => value !== '' && Number.isFinite(Number(value)))
    ? classes.sort((a, b) => Number(a) - Number(b))
    : classes.sort();

/** As scikit-learn orders classes: the greater is positive. */
function binaryClasses(label: ProfiledColumn, classes: string[] | null): string[] {
  if (!classes || classes.length > 2) {
    throw new SeawallError(
      'BadInput',
      `a binary task needs a label with two values, but ${label.name} has ${classes?.length ?? `about ${distinct(label)}`}`,
      'Say --task multiclass or --task regression.',
    );
  }
  for (const usual of [
    ['0', '1'],
    ['false', 'true'],
  ]) {
    if (classes.every((value) => usual.includes(value))) return usual;
  }
  if (classes.length === 2) return classes;
  throw new SeawallError(
    'BadInput',
    `the label ${label.name} has one value only, ${classes[0]}: which class is that?`,
    'Give more rows, or labels 0 and 1.',
  );
}

/** The distinct values as texts, in order; null: more than a sketch names. */
function valuesOf({ sketch }: ProfiledColumn): string[] | null {
  if (sketch.kind === 'categorical') return sketch.of === 'values' ? sketch.categories : null;
  return sketch.bits === EXACT_BITS ? sketch.starts.map(String) : null;
}

const distinct = ({ sketch }: ProfiledColumn): number =>
  sketch.kind === 'categorical' ? sketch.distinct : sketch.starts.length;

/** Numbers of [0, 1] of which one at least is neither 0 nor 1. */
function isProbability({ sketch }: ProfiledColumn): boolean {
  if (sketch.kind !== 'numeric' || sketch.min === null || sketch.max === null) return false;
  return sketch.min >= 0 && sketch.max <= 1 && sketch.starts.some((start) => start > 0 && start < 1);
}

const noScore = (prediction: string): SeawallError =>
  new SeawallError(
    'BadInput',
    `a binary task needs probabilities, but ${prediction} holds none`,
    'Name the column with the probability of the positive class with --score, or say --task multiclass.',
  );

/** @throws SeawallError BadInput that names the columns that are there */
export function columnOf(table: TableProfile, name: string, role: string): ProfiledColumn {
  const column = table.columns.find((one) => one.name === name);
  if (column) return column;
  const names = table.columns.map((one) => one.name);
  const some = names.length > 30 ? `${names.slice(0, 30).join(', ')} and ${names.length - 30} more` : names.join(', ');
  throw new SeawallError(
    'BadInput',
    `there is no column ${name} (${role})`,
    names.length > 0 ? `The columns are: ${some}.` : 'The files have no columns that can be read.',
  );
}
