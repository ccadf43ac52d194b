/**
 * `npm run proof:datasets [-- --seed N --files N --gib N --kills N]`: 100,000 small files and one of 20 GiB are committed, pulled
 * and verified by the commands, on a real store, with the commands killed at random moments before. Prints its seed and a table.
 * Needs three times the large file on the disk of the folder for temporary files (TMPDIR).
 */
import { statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { afterEach, expect, it } from 'vitest';
import { createPlace, HEAD_LINES, type Place, proveLargeFile, proveManyFiles } from '../support/dataset-proof.js';

const setting = (name: string, otherwise: number): number => Number(process.env[`PROOF_${name}`] ?? otherwise);
const SEED = setting('SEED', Date.now() % 1_000_000);
const FILES = setting('FILES', 100_000);
const GIB = setting('GIB', 20);
const KILLS = setting('KILLS', 3);
const print = (line: string): void => void process.stdout.write(`${line}\n`);

let place: Place | undefined;
afterEach(() => place?.remove(), 600_000);

it(`${FILES} small files (seed ${SEED})`, { timeout: 3 * 3600_000 }, async () => {
  place = await createPlace(SEED, print);
  print(`seed ${SEED}\n${HEAD_LINES}`);
  await proveManyFiles(place, { files: FILES, kills: KILLS });
});

it(`a file of ${GIB} GiB (seed ${SEED})`, { timeout: 3 * 3600_000 }, async () => {
  const bytes = Math.round(GIB * 2 ** 30);
  const { bavail, bsize } = await statfs(tmpdir());
  expect(bavail * bsize, `free bytes in ${tmpdir()} for three copies`).toBeGreaterThan(3.1 * bytes);
  place = await createPlace(SEED, print);
  print(`seed ${SEED}\n${HEAD_LINES}`);
  await proveLargeFile(place, { bytes, kills: KILLS });
});
