/**
 * `npm run proof:resume [-- --seed N --moments N --weeks N --slice S]`: the flights example is cut off at random moments, by
 * Ctrl-C or by SIGKILL of any of its processes, and started again until it comes to its end. It must end with the same decisions,
 * word for word, as a run that nobody disturbed. Prints its seed and a table.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, expect, it } from 'vitest';
import { createDemoFolder, type Demo, storyOf, type Victim } from '../support/demo.js';

const setting = (name: string, otherwise: number): number => Number(process.env[`PROOF_${name}`] ?? otherwise);
const SEED = setting('SEED', Date.now() % 1_000_000);
const MOMENTS = setting('MOMENTS', 24);
const extent = ['--weeks', String(setting('WEEKS', 21)), '--slice', String(setting('SLICE', 0.2))];

/** Mulberry32: small, and the same everywhere. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
const random = randomFrom(SEED);

const VICTIMS: [Victim, NodeJS.Signals][] = [
  ['demo', 'SIGINT'],
  ['demo', 'SIGTERM'],
  ['demo', 'SIGHUP'],
  ['demo', 'SIGKILL'],
  ['temporal', 'SIGKILL'],
  ['s3', 'SIGKILL'],
  ['worker-loop', 'SIGKILL'],
  ['worker-gpu', 'SIGKILL'],
  ['serving', 'SIGKILL'],
  ['trainer', 'SIGKILL'],
  ['baselines', 'SIGKILL'],
];

const calm = createDemoFolder();
const stormy = createDemoFolder();
afterAll(() => Promise.all([calm.remove(), stormy.remove()]));

const print = (line: string): void => void process.stdout.write(`${line}\n`);

it(`comes to the same end after ${MOMENTS} interruptions (seed ${SEED})`, { timeout: 3 * 3600_000 }, async () => {
  print(`seed ${SEED}; undisturbed run, ${extent.join(' ')} …`);
  const undisturbed = await calm.start(...extent).ended;
  expect(undisturbed.code, undisturbed.told).toBe(0);

  print('| # | seconds after the last | hit | signal |\n| --- | --- | --- | --- |');
  let hits = 0;
  let starts = 1;
  let demo = stormy.start(...extent);
  for (let last: Victim | undefined; ;) {
    const waitMs = 500 + random() * 14_000;
    const end = await (hits < MOMENTS ? Promise.race([demo.ended, delay(waitMs)]) : demo.ended);
    if (!end) {
      const victim = await strike(demo, waitMs, hits);
      if (victim) [hits, last] = [hits + 1, victim];
      continue;
    }
    if (end.code === 0) {
      expect(storyOf(end.document!)).toEqual(storyOf(undisturbed.document!));
      print(`| | | came to its end, ${starts} starts: the same story | |`);
      if (hits >= MOMENTS) break;
      starts = 0; // more moments are wanted than this story had
    } else {
      // Only the example's own end is one. While it starts, a part that dies ends it as well: nothing has begun.
      const begun = end.told.includes('Temporal Web UI');
      expect(last === 'demo' || !begun, `${last} was killed, and the example ended:\n${end.told}`).toBe(true);
      print(`| | | ended (${end.code ?? 'killed'}), started again | |`);
    }
    demo = stormy.start(...extent);
    starts += 1;
  }
});

async function strike(demo: Demo, waitMs: number, before: number): Promise<Victim | undefined> {
  const [victim, signal] = VICTIMS[Math.floor(random() * VICTIMS.length)] as [Victim, NodeJS.Signals];
  if (!(await demo.hit(victim, signal))) return undefined;
  print(`| ${before + 1} | ${(waitMs / 1000).toFixed(1)} | ${victim} | ${signal} |`);
  return victim;
}
