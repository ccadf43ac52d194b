/**
 * `npm run proof:evaluation [-- --tries N --rows N --seed N]`: how often `promotion/2` promotes a challenger that is exactly as good
 * as the champion (at most 2.5 %), the champion itself (never), and one that is better. Prints a table.
 */
import { afterAll, expect, test } from 'vitest';
import { allowed, cases, isPromoted, twins } from '../domain/evaluation/luck.js';

const setting = (name: string, otherwise: number): number => Number(process.env[`PROOF_${name}`] ?? otherwise);
const TRIES = setting('TRIES', 1000);
const ROWS = setting('ROWS', 300);
const SEED = setting('SEED', 1);

const table: string[] = [];
afterAll(() => {
  const head = `${TRIES} pairs of ${ROWS} rows, seed ${SEED}: promoted, in %`;
  process.stdout.write(`\n${[head, 'task         metric     itself  twin  better by a third', ...table].join('\n')}\n`);
});

test.each(cases)('%s, %s', { timeout: 3_600_000 }, (task, metric) => {
  const found = { itself: 0, twin: 0, better: 0 };
  for (let i = 0; i < TRIES; i++) {
    const seed = `${SEED}/${i}`;
    const pair = twins(task, ROWS, seed);
    found.twin += Number(isPromoted(pair, metric, seed));
    found.itself += Number(isPromoted({ ...pair, challenger: pair.champion }, metric, seed));
    found.better += Number(isPromoted(twins(task, ROWS, `${seed}/b`, 1 / 3), metric, seed));
  }
  const percent = (n: number): string => ((100 * n) / TRIES).toFixed(1).padStart(5);
  table.push(
    `${task.padEnd(12)} ${metric.padEnd(9)} ${percent(found.itself)}  ${percent(found.twin)}  ${percent(found.better)}`,
  );
  expect(found.itself).toBe(0);
  expect(found.twin).toBeLessThanOrEqual(allowed(TRIES));
  expect(found.better).toBeGreaterThan(found.twin);
});
