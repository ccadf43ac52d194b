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

  print('| # | after s | hit | by | what was told last |\n| --- | --- | --- | --- | --- |');
  let demo = stormy.start(...extent);
  let hits = 0;
  let starts = 1;
  for (;;) {
    const waitMs = 500 + random() * 14_000;
    const end = await Promise.race([demo.ended, delay(waitMs)]);
    if (end && end.code === 0) {
      // More moments are wanted than this story had: another one, from its beginning.
      expect(storyOf(end.document!)).toEqual(storyOf(undisturbed.document!));
      print(`| | | came to its end after ${starts} starts: the same story | | |`);
      if (hits >= MOMENTS) break;
      demo = stormy.start(...extent);
      starts = 1;
      continue;
    }
    if (end) {
      // Killed by us, or it gave up because something of its was killed: both are interruptions, and the next start goes on.
      print(`| | | ended with ${end.code ?? 'SIGKILL'} | | ${lastLine(end.told)} |`);
      demo = stormy.start(...extent);
      starts += 1;
      continue;
    }
    if (hits >= MOMENTS) {
      const last = await demo.ended;
      if (last.code === 0) {
        expect(storyOf(last.document!)).toEqual(storyOf(undisturbed.document!));
        print(`| | | came to its end after ${starts} starts: the same story | | |`);
        break;
      }
      demo = stormy.start(...extent);
      starts += 1;
      continue;
    }
    hits += await strike(demo, waitMs, hits);
  }
  expect(hits).toBeGreaterThanOrEqual(MOMENTS);
});

async function strike(demo: Demo, waitMs: number, before: number): Promise<number> {
  const [victim, signal] = VICTIMS[Math.floor(random() * VICTIMS.length)] as [Victim, NodeJS.Signals];
  if (!(await demo.hit(victim, signal))) return 0;
  print(`| ${before + 1} | ${(waitMs / 1000).toFixed(1)} | ${victim} | ${signal} | |`);
  return 1;
}

const lastLine = (told: string): string => told.trim().split('\n').at(-1)?.slice(0, 160) ?? '';
