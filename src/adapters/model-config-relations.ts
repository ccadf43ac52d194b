/** Rules between the fields of a model's configuration. They are checked besides other problems, so values may be missing or wrong. */
import {
  metricNames,
  metricsOf,
  parseDurationMs,
  predictionColumns,
  scoreColumn,
  type Task,
} from '../contracts/index.js';
import { promotionProblems } from './model-config-promotion.js';

export interface Relation {
  path: string[];
  text: string;
}
type Fields = Record<string, unknown>;

/** @param file the file's fields as far as they could be read, defaults filled in */
export function brokenRelations(file: unknown): Relation[] {
  return [
    ...taskProblems(file),
    ...trainerProblems(file),
    ...featureProblems(file),
    ...datasetProblems(file),
    ...approvalProblems(file),
    ...labelProblems(file),
    ...['nullShare', 'unseenShare', 'outOfRangeShare'].flatMap((share) =>
      ordered(file, ['monitor', share, 'warn'], ['monitor', share, 'block']),
    ),
    ...['drop', 'gap', 'duplicates', 'late'].flatMap((share) =>
      ordered(file, ['monitor', 'feed', share, 'warn'], ['monitor', 'feed', share, 'block']),
    ),
    ...ordered(file, ['gate', 'drift', 'warnPsi'], ['gate', 'drift', 'featurePsi']),
  ];
}

function taskProblems(file: unknown): Relation[] {
  const task = at(file, ['task']) as Task;
  if (!(metricsOf[task] as unknown)) return [];
  const features = at(file, ['features']);
  const problems = [
    ...classProblems(file, task),
    ...promotionProblems(at(file, ['promotion']), task, isFields(features) ? features : {}),
  ];
  const metric = at(file, ['promotion', 'metric']);
  if (typeof metric === 'string' && metric in metricNames && !metricsOf[task].some((one) => one === metric)) {
    const text = `is ${metric}, which ${task} does not have: one of ${metricsOf[task].join(', ')}`;
    problems.push({ path: ['promotion', 'metric'], text });
  }
  return problems;
}

function classProblems(file: unknown, task: Task): Relation[] {
  const classes = at(file, ['classes']);
  if (task !== 'multiclass')
    return classes === undefined
      ? []
      : [{ path: ['classes'], text: `stands beside task: ${task}; only multiclass has classes` }];
  if (classes === undefined)
    return [{ path: ['task'], text: 'is multiclass: list the labels as `classes: [a, b, …]`' }];
  if (!Array.isArray(classes)) return [];
  const names = classes.map(String);
  const folded = names.map((name) => name.toLowerCase());
  const twice = folded.findIndex((name, i) => folded.indexOf(name) !== i);
  const problems: Relation[] =
    twice === -1 ? [] : [{ path: ['classes', String(twice)], text: 'is listed twice (columns know no case)' }];
  const features = at(file, ['features']);
  const columns = new Set(names.map((name) => scoreColumn(name).toLowerCase()));
  for (const feature of isFields(features) ? Object.keys(features) : []) {
    if (columns.has(feature.toLowerCase()))
      problems.push({
        path: ['features', feature],
        text: 'is the column of a class’s score in the prediction log: rename it',
      });
  }
  return problems;
}

function trainerProblems(file: unknown): Relation[] {
  const trainer = at(file, ['trainer']);
  if (!isFields(trainer)) return [];
  const given = ['use', 'command'].filter((field) => trainer[field] !== undefined);
  if (given.length === 1) return [];
  const allowed = 'give either `use: xgboost` or `command: [program, argument, …]`';
  return given.length === 0
    ? [{ path: ['trainer'], text: `says not what to run: ${allowed}` }]
    : [{ path: ['trainer', 'command'], text: `stands beside trainer.use: ${allowed}` }];
}

function featureProblems(file: unknown): Relation[] {
  const features = at(file, ['features']);
  if (!isFields(features)) return [];
  const names = Object.keys(features);
  const problems: Relation[] = [];
  if (names.length === 0) problems.push({ path: ['features'], text: 'is empty: a model needs at least one feature' });
  const label = at(file, ['label', 'column']);
  const slices = at(file, ['monitor', 'slices']);
  for (const [i, slice] of (Array.isArray(slices) ? slices : []).entries())
    if (typeof slice === 'string' && !(slice in features))
      problems.push({ path: ['monitor', 'slices', String(i)], text: `is ${slice}, which is no feature` });
  if (typeof label === 'string' && label in features)
    problems.push({ path: ['features', label], text: 'is the label: a model that sees it predicts nothing' });
  const rowId = at(file, ['dataset', 'rowId']);
  if (typeof rowId === 'string' && rowId === label)
    problems.push({ path: ['dataset', 'rowId'], text: `is also label.column: name the column that tells rows apart` });
  // SQL's names know no case: two such columns would be one.
  const first = new Map<string, string>();
  for (const name of names) {
    const other = first.get(name.toLowerCase());
    if (other === undefined) first.set(name.toLowerCase(), name);
    else problems.push({ path: ['features', name], text: `differs from "${other}" only in case: rename one` });
  }
  return problems;
}

function datasetProblems(file: unknown): Relation[] {
  const dataset = at(file, ['dataset']);
  if (!isFields(dataset)) return [];
  const rowId = dataset['rowId'];
  if (dataset['from'] !== 'logs') {
    const missing = 'is missing: the name of a column, 1 to 128 characters';
    return rowId === undefined ? [{ path: ['dataset', 'rowId'], text: missing }] : [];
  }
  const features = at(file, ['features']);
  const reserved = [...(isFields(features) ? Object.keys(features) : []), predictionColumns.eventTime];
  const taken = (value: unknown): boolean =>
    typeof value === 'string' && reserved.some((other) => other.toLowerCase() === value.toLowerCase());
  const problems: Relation[] = [];
  if (taken(rowId))
    problems.push({
      path: ['dataset', 'rowId'],
      text: 'is another column of the logs: from: logs writes the predictions’ ids there',
    });
  const label = at(file, ['label', 'column']);
  const follow = dataset['follow'];
  if (follow !== undefined && follow !== 'head')
    problems.push({
      path: ['dataset', 'follow'],
      text: 'must be head with from: logs: what the logs teach becomes the newest version, which another word never learns from',
    });
  if (label === predictionColumns.eventTime)
    problems.push({ path: ['label', 'column'], text: 'is a column of the logs: give the label another name' });
  return problems;
}

function approvalProblems(file: unknown): Relation[] {
  const approval = at(file, ['approval']);
  if (!isFields(approval) || approval['mode'] !== 'autoAbove' || approval['minGain'] !== undefined) return [];
  return [
    { path: ['approval', 'minGain'], text: 'is missing: with autoAbove it says from which gain on no person is asked' },
  ];
}

/** A window stays open, and in the loop's memory, until its labels are there or its deadline has passed. */
const MOST_OPEN_WINDOWS = 400;

function labelProblems(file: unknown): Relation[] {
  const [deadline, every] = [at(file, ['label', 'deadline']), at(file, ['windows', 'every'])];
  if (typeof deadline !== 'string' || typeof every !== 'string') return [];
  const [deadlineMs, everyMs] = [parseDurationMs(deadline), parseDurationMs(every)];
  if (deadlineMs === undefined || !everyMs || deadlineMs <= MOST_OPEN_WINDOWS * everyMs) return [];
  const windows = Math.ceil(deadlineMs / everyMs);
  const text = `is ${deadline}, which is ${windows} windows of ${every} (windows.every) waiting for labels: at most ${MOST_OPEN_WINDOWS}; shorten it, or take longer windows`;
  return [{ path: ['label', 'deadline'], text }];
}

function ordered(file: unknown, low: string[], high: string[]): Relation[] {
  const [lower, upper] = [at(file, low), at(file, high)];
  if (typeof lower !== 'number' || typeof upper !== 'number' || lower <= upper) return [];
  const text = `is ${lower}, above ${high.join('.')} (${upper}): a warning must come first`;
  return [{ path: low, text }];
}

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function at(value: unknown, path: readonly string[]): unknown {
  let current = value;
  for (const field of path) {
    if (!isFields(current) || !Object.hasOwn(current, field)) return undefined;
    current = current[field];
  }
  return current;
}
