/** Contests with real models on real rows, without storage. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sliceHoldout, writeBehaviourRows } from '../../src/adapters/duckdb/index.js';
import { createScorer } from '../../src/adapters/onnx/scoring.js';
import { type ContestRequest, holdContest } from '../../src/activities/contest.js';
import type { Answering, PromotionPolicy } from '../../src/contracts/index.js';
import { biased } from '../support/models.js';
import { configOf, sql, writeFlights } from '../support/steps.js';
import { fixture } from '../serving/support.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'seawall-contest-'));
  await writeFlights(join(folder, 'rows.parquet'), 0, 6000);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const ports = {
  scorer: createScorer(),
  sliceHoldout,
  writeBehaviourRows: (request: Parameters<typeof writeBehaviourRows>[1]) =>
    writeBehaviourRows({ tempDir: join(folder, 'tmp') }, request),
};
let count = 0;
async function model(bias: number): Promise<string> {
  const path = join(folder, `model-${count++}.onnx`);
  await writeFile(path, await biased(bias));
  return path;
}
async function contest(
  challenger: string,
  champion: string | null,
  promotion: Partial<PromotionPolicy> = {},
  change: Partial<ContestRequest> = {},
  answering: Answering = { task: 'binary' },
) {
  const own = join(folder, `contest-${count++}`);
  await mkdir(own);
  const config = { ...configOf(), ...answering, promotion: { metric: 'logLoss' as const, minGain: 0, ...promotion } };
  return holdContest(ports, {
    config,
    rowsFile: join(folder, 'rows.parquet'),
    challenger: { file: challenger, subject: 'the challenger', parityFile: null },
    champion: champion === null ? null : { file: champion, subject: 'the champion', features: config.features },
    ...{ seed: 'test', withRows: null, folder: own, signal: new AbortController().signal },
    ...change,
  });
}
async function rowsWith(select: string): Promise<string> {
  const file = join(folder, `rows-${count++}.parquet`);
  await sql(`COPY (SELECT ${select} FROM read_parquet('${folder}/rows.parquet')) TO '${file}' (FORMAT parquet)`);
  return file;
}

// The bias of -1.2 fits the rows better than -2.2.
describe.each(['logLoss', 'brier', 'accuracy', 'f1'] as const)('by %s', (metric) => {
  it('the better one is promoted, its opposite is not, and a tie keeps the champion', async () => {
    const [good, bad] = [await model(-1.2), await model(-2.2)];
    const won = await contest(good, bad, { metric });
    expect(won.promotion, won.promotion.text).toMatchObject({ promote: true });
    const lost = await contest(bad, good, { metric });
    expect(lost.promotion).toMatchObject({ promote: false });
    expect(lost.summary.gain).toBeCloseTo(-won.summary.gain!, 12);
    for (const mode of ['better', 'notWorse'] as const) {
      const same = await contest(good, good, { metric, mode, margin: 0.01 });
      expect(same.promotion.promote).toBe(false);
      expect(same.summary).toMatchObject({ gain: 0, identical: true });
      expect(same.promotion.text).toContain('a tie keeps the champion');
    }
  });
});

it('draws the same for the same bytes, and otherwise for others', async () => {
  const [a, b] = [await model(-1.2), await model(-1.3)];
  const first = await contest(a, b);
  expect((await contest(a, b)).summary).toEqual(first.summary);
  const other = (await contest(a, b, {}, { seed: 'another' })).summary;
  expect(other.gainInterval).not.toEqual(first.summary.gainInterval);
  expect(other.gainInterval![0]).toBeCloseTo(first.summary.gainInterval![0], 3);
});

it('refuses what is better on the whole and surely worse in a slice', async () => {
  const [good, bad] = [await model(-1.2), await model(-2.2)];
  // In Seattle nobody is late: there the pessimist is right.
  const rowsFile = await rowsWith(`* REPLACE (CASE WHEN origin = 'SEA' THEN 0 ELSE late END AS late)`);
  const slices = { by: ['origin', 'hour', 'distance'], margin: 0.01, minRows: 200 };
  const { slices: found, promotion } = await contest(good, bad, { slices }, { rowsFile });
  expect(found!.find(({ slice }) => slice === 'origin = SEA')).toMatchObject({
    worse: true,
    rows: expect.any(Number) as number,
  });
  expect(found!.filter(({ slice }) => slice.startsWith('distance'))).toHaveLength(4);
  expect(found!.filter(({ slice }) => slice.startsWith('hour'))).toHaveLength(24);
  for (const column of ['origin', 'hour', 'distance']) {
    const rows = found!.filter(({ slice }) => slice.startsWith(column)).reduce((sum, slice) => sum + slice.rows, 0);
    expect(rows).toBe(6000);
  }
  expect(promotion.promote).toBe(false);
  expect(promotion.text).toMatch(/refused: surely worse than -0.01 in \d+ of 32 slices: /);
  const sound = await contest(good, bad, { slices: { ...slices, by: ['origin'] } });
  expect(sound.promotion.promote).toBe(true);
  await expect(contest(good, bad, { slices: { ...slices, by: ['airline'] } })).rejects.toThrow(
    'no column "airline" to slice by',
  );
});

it('a slice of one class has no AUC: it is shown, and decides nothing', async () => {
  const rowsFile = await rowsWith(`* REPLACE (CASE WHEN origin = 'SEA' THEN 0 ELSE late END AS late)`);
  const slices = { by: ['origin'], margin: 0, minRows: 2000 };
  const { slices: found } = await contest(
    await model(-1.2),
    await model(-1.3),
    { metric: 'auc', slices: { ...slices, minRows: 1 } },
    { rowsFile },
  );
  expect(found!.find(({ slice }) => slice === 'origin = SEA')).toMatchObject({
    gain: null,
    pValue: null,
    worse: false,
  });
  expect((await contest(await model(-1.2), await model(-1.3), { slices })).slices).toEqual([]);
});

it('labels of one class: no AUC and no gain in it, so no promotion; log loss can still tell', async () => {
  const rowsFile = await rowsWith(`* REPLACE (0 AS late)`);
  const [good, bad] = [await model(-2.2), await model(-1.2)];
  const byAuc = await contest(good, bad, { metric: 'auc' }, { rowsFile });
  expect(byAuc.promotion).toMatchObject({ promote: false, text: expect.stringContaining('no gain in AUC') as string });
  expect((await contest(good, bad, {}, { rowsFile })).promotion.promote).toBe(true);
  const alone = await contest(good, null, {}, { rowsFile });
  expect(alone.promotion).toMatchObject({
    promote: false,
    text: expect.stringContaining('cannot be compared') as string,
  });
});

it('tests behaviour: what must not matter, which way it must go, what it must know', async () => {
  const later = { kind: 'direction' as const, add: { hour: 3 }, tolerance: 0, share: 1 };
  const tests: NonNullable<PromotionPolicy['tests']> = [
    { ...later, name: 'later is worse', expect: 'up' },
    { ...later, name: 'later is better', expect: 'down' },
    { name: 'nowhere', kind: 'invariance', set: { origin: 'XXX' }, tolerance: 0.25, share: 1 },
    { name: 'anywhere', kind: 'invariance', set: { origin: 'ORD' }, tolerance: 0.01, share: 0.2 },
    {
      name: 'midnight',
      kind: 'minimum',
      set: { hour: 0, distance: 2000, origin: 'SEA' },
      atMost: 0.05,
      tolerance: 0,
      share: 1,
    },
    {
      name: 'evening',
      kind: 'minimum',
      set: { hour: 23, distance: 1, origin: 'ORD' },
      atLeast: 0.9,
      tolerance: 0,
      share: 1,
    },
  ];
  const { behaviour, promotion } = await contest(await model(-1.2), await model(-2.2), { tests });
  expect(behaviour!.map(({ passed }) => passed)).toEqual([true, false, true, true, true, false]);
  expect(behaviour![3]!.value).toBeCloseTo(0.25, 1);
  expect(behaviour![5]!.value).toBeCloseTo(1 / (1 + Math.exp(-(-1.2 + 2.3 - 0.001 + 0.75))), 5);
  expect(promotion.text).toMatch(
    /refused: "later is better": .* 0\.0 % of 2000 changed rows.*; "evening": it answers 0\.86/,
  );
});

describe('other tasks', () => {
  it('several classes', async () => {
    const classes = ['late', 'early', 'on-time'];
    const rowsFile = await rowsWith(`* REPLACE (['early', 'late', 'on-time', 'early'][1 + row_id % 4] AS late)`);
    const answering: Answering = { task: 'multiclass', classes };
    const found = await contest(
      fixture('three-classes'),
      fixture('three-classes'),
      { metric: 'f1' },
      { rowsFile },
      answering,
    );
    expect(found.summary.challenger).toMatchObject({ task: 'multiclass', rows: 6000, counts: [1500, 3000, 1500] });
    expect(found.promotion).toMatchObject({ promote: false });
    expect(found.calibrationError.challenger).toBeGreaterThan(0);
  });

  it('a number', async () => {
    const rowsFile = await rowsWith(`* REPLACE (0.1 * hour - 0.001 * distance + (row_id % 7) / 10 AS late)`);
    const found = await contest(fixture('number'), null, { metric: 'rmse' }, { rowsFile }, { task: 'regression' });
    expect(found.promotion, found.promotion.text).toMatchObject({ promote: true });
    expect(found.calibrationError.challenger).toBeNull();
  });
});
