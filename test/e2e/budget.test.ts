import { it } from 'vitest';
import { budgetStorm } from '../support/budget-storm.js';

it('of six models behind a freeze the best two start, whatever dies meanwhile', { timeout: 600_000 }, async () => {
  const lines: string[] = [];
  await budgetStorm({ seed: 7, models: 6, winners: 2, kills: 3, print: (line) => void lines.push(line) });
});
