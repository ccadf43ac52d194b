/** What a model must do on rows that are made for the purpose: the tests of CheckList (Ribeiro et al. 2020), for tables. */
import type { BehaviourOutcome, BehaviourTest, Task } from '../../contracts/index.js';
import type { Answers } from './answers.js';

/** Rows of the tests' file, in the order of the tests: as they are, then changed; a `minimum` has one row. */
export interface BehaviourRows {
  before: number;
  changed: number;
}

export function judgeBehaviour(
  tests: BehaviourTest[],
  rows: BehaviourRows[],
  answers: Answers,
  classes: string[] = [],
): BehaviourOutcome[] {
  let at = 0;
  return tests.map((test, i) => {
    const { before, changed } = rows[i] as BehaviourRows;
    const number = numberOf(answers, test.class === undefined ? 0 : classes.indexOf(test.class));
    const from = at;
    at += before + changed;
    return test.kind === 'minimum'
      ? judgeMinimum(test, number(from))
      : judgeChange(test, before, (row) => number(from + before + row) - number(from + row));
  });
}

function numberOf({ task, width, scores, predictions }: Answers, column: number): (row: number) => number {
  const of: Record<Task, (row: number) => number> = {
    binary: (row) => scores[row] as number,
    multiclass: (row) => scores[row * width + column] as number,
    regression: (row) => predictions[row] as number,
  };
  return of[task];
}

function judgeMinimum({ name, kind, atLeast, atMost }: BehaviourTest, value: number): BehaviourOutcome {
  const passed = value >= (atLeast ?? -Infinity) && value <= (atMost ?? Infinity);
  const asked = [
    ...(atLeast === undefined ? [] : [`at least ${atLeast}`]),
    ...(atMost === undefined ? [] : [`at most ${atMost}`]),
  ];
  return {
    name,
    kind,
    passed,
    value,
    text: `"${name}": it answers ${value.toFixed(4)}, asked is ${asked.join(' and ')}`,
  };
}

function judgeChange(test: BehaviourTest, rows: number, change: (row: number) => number): BehaviourOutcome {
  const { name, kind, tolerance, share, expect } = test;
  const sign = expect === 'down' ? -1 : 1;
  let kept = 0;
  for (let row = 0; row < rows; row++) {
    const moved = change(row);
    // A direction is kept by standing still, too: what must not happen is the opposite.
    if (kind === 'invariance' ? Math.abs(moved) <= tolerance : sign * moved >= -tolerance) kept += 1;
  }
  const value = rows === 0 ? 0 : kept / rows;
  const rule = kind === 'invariance' ? 'stays' : `does not go ${expect === 'down' ? 'up' : 'down'}`;
  const text = `"${name}": the answer ${rule} (within ${tolerance}) in ${(100 * value).toFixed(1)} % of ${rows} changed rows, asked is ${100 * share} %`;
  return { name, kind, passed: rows > 0 && value >= share, value, text };
}
