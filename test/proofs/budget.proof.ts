/**
 * `npm run proof:budget [-- --seed N --models N --winners N --kills N]`: models queue behind a freeze, the budget is for fewer,
 * and workers are killed at random meanwhile, on the real servers. Exactly the best by the stated ranking start, none twice.
 * Prints its seed and a table.
 */
import { it } from 'vitest';
import { budgetStorm } from '../support/budget-storm.js';

const setting = (name: string, otherwise: number): number => Number(process.env[`PROOF_${name}`] ?? otherwise);
const seed = setting('SEED', Date.now() % 1_000_000);
const models = setting('MODELS', 20);
const winners = setting('WINNERS', 5);
const kills = setting('KILLS', 50);
const print = (line: string): void => void process.stdout.write(`${line}\n`);

it(`${models} models, budget for ${winners}, ${kills} kills (seed ${seed})`, { timeout: 3 * 3600_000 }, async () => {
  print(`seed ${seed}; ${models} models, budget for ${winners}, ${kills} kills`);
  print('| # | seconds after the last | hit | signal |\n| --- | --- | --- | --- |');
  await budgetStorm({ seed, models, winners, kills, print });
});
