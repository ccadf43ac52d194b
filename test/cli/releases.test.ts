/** Releases and moves on a real store, as people ask for them. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createStore, type Store } from '../../src/adapters/store/index.js';
import type { CommandHandler } from '../../src/cli/command.js';
import { liveAt, releases, releaseShow } from '../../src/cli/releases.js';
import { keys, type ReleaseRecord } from '../../src/contracts/index.js';
import { runCommand } from '../support/command.js';
import { s3Environment, startS3, type S3Server } from '../support/s3.js';

let s3: S3Server;
let store: Store;
let prefix: string;
beforeAll(async () => void (s3 = await startS3()));
afterAll(() => s3.stop());
beforeEach(() => {
  prefix = randomUUID();
  store = createStore({ ...s3.options, prefix });
  return () => store.close();
});
const run = (handler: CommandHandler, ...args: string[]) =>
  runCommand(handler, args, { env: s3Environment(s3.options, prefix) });

const MODEL = 'visits';
const sha = (release: number): string => String(release).repeat(64);

async function release(number: number, at: string): Promise<void> {
  const promotion = { promote: true, text: `better than before, ${number}`, rules: [], evaluator: 'promotion/1' };
  const holdout = { sha256: sha(7), size: 9, rows: 1234, rule: 'a tenth of the rows' };
  const evidence = await store.blobs.putJson({ kind: 'evidence', schema: 1, promotion, holdout });
  const causeId = `run/${number}`;
  await store.records.append<ReleaseRecord>(keys.releases(MODEL), causeId, (seq) => ({
    ...{ kind: 'release', schema: 1, seq, causeId, model: MODEL, release: seq, run: seq, at },
    artifact: { sha256: sha(number), size: 5000 },
    dataset: { name: 'visits', version: sha(8) },
    ...{ reference: sha(6), holdout: sha(7), evidence: evidence.sha256 },
    approval: {
      ...{ verdict: 'approved', by: 'ann', reason: 'looked at it', at, challenger: sha(number) },
      evidence: evidence.sha256,
    },
  }));
}
const move = (number: number, expectedEpoch: number, at: string) =>
  store.pointers.move(MODEL, {
    ...{ moveId: `move-${expectedEpoch}`, release: number, expectedEpoch, at },
    ...{ sha256: sha(number), by: 'ann', reason: 'because' },
  });

/** 1 from Monday, 2 from Tuesday noon, back to 1 on Wednesday; 3 was accepted and never went live. */
async function week(): Promise<void> {
  for (const [number, at] of [
    [1, '02T08'],
    [2, '03T12'],
    [3, '05T10'],
  ] as const)
    await release(number, `2026-11-${at}:00:00.000Z`);
  await move(1, 0, '2026-11-02T08:00:00.000Z');
  await move(2, 1, '2026-11-03T12:00:00.000Z');
  await move(1, 2, '2026-11-04T09:30:00.000Z');
}

test('releases say when they served, also twice or never', async () => {
  expect((await run(releases, MODEL)).text).toBe('visits has no release yet');
  await week();
  const { document, text } = await run(releases, MODEL);
  const served = document.releases.map(({ release, served }: { release: number; served: unknown[] }) => [
    release,
    served.length,
  ]);
  expect(served).toEqual([
    [3, 0],
    [2, 1],
    [1, 2],
  ]);
  expect(text).toMatch(/^ +2 .* 2026-11-03 12:00 UTC to 2026-11-04 09:30 UTC$/m);
  expect(text).toMatch(/^ +1 .* 2026-11-02 08:00 UTC to 2026-11-03 12:00 UTC; 2026-11-04 09:30 UTC to now$/m);
  expect(text).toMatch(/^ +3 .* never$/m);
});

test('a release shows what it is bound to; without a number it is the champion', async () => {
  await week();
  const { document, text } = await run(releaseShow, MODEL);
  expect(document.release.release).toBe(1);
  expect(text).toContain('approved by ann: looked at it');
  expect(text).toContain('better than before, 1');
  expect((await run(releaseShow, `${MODEL}/3`)).document).toMatchObject({ release: { release: 3 }, served: [] });
  await expect(run(releaseShow, `${MODEL}/4`)).rejects.toThrow('visits has no release 4');
  await expect(run(releaseShow, 'other')).rejects.toThrow('other has no release yet');
});

test.each<[string, number[]]>([
  ['2026-11-02T07:59:59Z', []],
  ['2026-11-02T08:00:00Z', [1]],
  ['2026-11-01', []],
  ['2026-11-03', [1, 2]],
  ['2026-11-03 13:00', [2]],
  ['2026-11-04', [2, 1]],
  ['2026-11-04T10:00:00+01:00', [2]],
  ['2026-11-04T10:30:00+01:00', [1]],
  ['2030-01-01', [1]],
])('what was live at %s', async (time, expected) => {
  await week();
  const { document, text } = await run(liveAt, MODEL, time);
  expect(document.live.map(({ release }: { release: number }) => release)).toEqual(expected);
  expect(text).toContain(expected.length === 0 ? 'no release was live' : `release ${expected[0]}`);
});

test('a time that is none is wrong usage', async () => {
  await expect(run(liveAt, MODEL, 'tuesday')).rejects.toThrow('"tuesday" is no time');
  await expect(run(liveAt, MODEL, '2026-13-40')).rejects.toThrow('is no time');
});
