/** The short version of `npm run proof:datasets`. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createPlace, type Place, proveLargeFile, proveManyFiles } from '../support/dataset-proof.js';

let place: Place;
beforeEach(async () => {
  place = await createPlace(20_261_125);
});
afterEach(() => place.remove());

it(
  'hundreds of files survive kills of commit and pull, and only what changed travels',
  { timeout: 120_000 },
  async () => {
    const rows = await proveManyFiles(place, { files: 400, kills: 2 });
    expect(rows.flatMap(({ killedAt }) => killedAt).length).toBeGreaterThan(0);
  },
);

it('a file of many pieces survives kills of commit and pull', { timeout: 120_000 }, async () => {
  const rows = await proveLargeFile(place, { bytes: 96 * 2 ** 20 + 1, kills: 2 });
  expect(rows.flatMap(({ killedAt }) => killedAt).length).toBeGreaterThan(0);
});
