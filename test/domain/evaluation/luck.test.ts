/** Luck promotes nobody: short; `npm run proof:evaluation` is the long one. */
import { expect, test } from 'vitest';
import { allowed, cases, isPromoted, twins } from './luck.js';

test.each(cases)('%s, %s: of two that are equally good, one is promoted no more often than stated', (task, metric) => {
  const tries = 60;
  let promoted = 0;
  for (let i = 0; i < tries; i++) promoted += Number(isPromoted(twins(task, 300, `${i}`), metric, `draw ${i}`));
  expect(promoted).toBeLessThanOrEqual(allowed(tries));
});

test.each(cases)('%s, %s: one that is better for sure is promoted', (task, metric) => {
  expect(isPromoted(twins(task, 3000, 'better', 0.9), metric, 'draw')).toBe(true);
});

test.each(['logLoss', 'brier'] as const)('of few rows, too: %s', (metric) => {
  const tries = 2000;
  let promoted = 0;
  for (let i = 0; i < tries; i++) promoted += Number(isPromoted(twins('binary', 8, `few ${i}`), metric, `draw ${i}`));
  expect(promoted / tries).toBeLessThan(0.05);
});
