/** Rules between the fields of `promotion` and the rest of a model's file. */
import type { BehaviourTest, Task } from '../contracts/index.js';
import type { Relation } from './model-config-relations.js';

type Fields = Record<string, unknown>;

/** @param promotion the section as far as it could be read, defaults filled in */
export function promotionProblems(promotion: unknown, task: Task, features: Fields): Relation[] {
  if (!isFields(promotion)) return [];
  const { mode, margin, tests, guardrails } = promotion;
  const problems: Relation[] = [];
  const add = (path: string[], text: string): void => void problems.push({ path: ['promotion', ...path], text });
  if (mode === 'notWorse' && !(typeof margin === 'number' && margin > 0))
    add(['mode'], 'is notWorse: say with margin, above 0, which loss the interval must exclude');
  if (mode !== 'notWorse' && margin !== undefined) add(['margin'], 'counts only with mode: notWorse');
  if (task === 'regression' && isFields(guardrails)) {
    for (const name of ['logLossRise', 'calibrationRise'])
      if (guardrails[name] !== undefined) add(['guardrails', name], 'needs scores, and regression has none');
  }
  for (const [i, test] of (Array.isArray(tests) ? tests : []).entries()) {
    if (!isFields(test)) continue;
    const problem = testProblem(test as Partial<BehaviourTest>, task, features);
    if (problem) add(['tests', String(i), ...problem.path], problem.text);
  }
  return problems;
}

function testProblem(test: Partial<BehaviourTest>, task: Task, features: Fields): Relation | undefined {
  const { kind, set = {}, add = {}, expect, atLeast, atMost, class: ofClass } = test;
  const at = (path: string[], text: string): Relation => ({ path, text });
  for (const [field, values] of Object.entries({ set, add })) {
    const stranger = Object.keys(values).find((name) => !(name in features));
    if (stranger !== undefined) return at([field, stranger], 'is no feature');
  }
  const text = Object.keys(add).find((name) => features[name] === 'string');
  if (text !== undefined) return at(['add', text], 'is a text: use set');
  if (kind === 'direction' && expect === undefined) return at([], 'is a direction: say expect: up or expect: down');
  if (kind === 'minimum') {
    const missing = Object.keys(features).find((name) => !(name in set));
    if (missing !== undefined) return at([], `is a minimum: set every feature of its row; "${missing}" is missing`);
    if (atLeast === undefined && atMost === undefined) return at([], 'is a minimum: say atLeast or atMost');
  } else if (Object.keys(set).length + Object.keys(add).length === 0) {
    return at([], 'changes nothing: give set or add');
  }
  if (task === 'multiclass' && ofClass === undefined) return at([], 'says not whose score: give class');
  if (task !== 'multiclass' && ofClass !== undefined) return at(['class'], 'counts only with multiclass');
  return undefined;
}

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
