import { describe, expect, test } from 'vitest';
import type { ColumnDrift, ProfiledColumn, TableProfile } from '../../../../src/contracts/index.js';
import { DRIFT_POLICY, driftOf, driftOfProfiles } from '../../../../src/domain/decisions/drift/column.js';
import { categorical, column, normalFrom, numeric, numericSketch, randomFrom } from '../../../support/sketches.js';

const random = randomFrom(3);
const normals = (rows: number, mean = 0, scale = 1): ProfiledColumn =>
  numeric(Float64Array.from({ length: rows }, () => mean + scale * normalFrom(random)));
const policy = { ...DRIFT_POLICY, columns: 7 };
const drift = (reference: ProfiledColumn, current: ProfiledColumn, change = {}): ColumnDrift =>
  driftOf(reference, current, { ...policy, ...change });

const STATISTICS = ['psi', 'jensenShannon', 'ks', 'wasserstein'] as const;

describe('by effect size, whatever statistic decides', () => {
  const reference = normals(200_000);
  const forty = normals(40);
  const many = normals(200_000, 0.01);
  const moved = normals(5000, 0.6);
  test.each(STATISTICS)('%s', (numericStatistic) => {
    const decided = { numeric: numericStatistic };
    expect(drift(reference, forty, decided).verdict).toBe('undecided');
    // A p-value would call this drifted: it is 3 standard errors.
    expect(drift(reference, many, decided).verdict).toBe('stable');
    expect(drift(reference, moved, decided).verdict).toBe('drifted');
  });
  test('a million rows with a negligible shift are stable, in milliseconds', () => {
    const [a, b] = [normals(1_000_000), normals(1_000_000, 0.003)];
    expect(drift(a, b).verdict).toBe('stable');
  });
  test('limits decide', () => {
    const slight = normals(50_000, 0.2);
    expect(drift(reference, slight).verdict).toBe('stable');
    expect(drift(reference, slight, { limits: { ...policy.limits, psi: 0.01 } }).verdict).toBe('drifted');
  });
  test('the more columns, the surer each must be', () => {
    const width = (columns: number): number => {
      const { low, high } = drift(reference, moved, { columns }).intervals.psi!;
      return high - low;
    };
    expect(width(100)).toBeGreaterThan(1.3 * width(1));
  });
});

describe('what drifted is explained', () => {
  test('the bin that contributes most stands first; shares are of the rows, and of the PSI', () => {
    const { parts, because } = drift(
      numeric([...Array(900).fill(1), ...Array(100).fill(2)]),
      numeric([...Array(700).fill(1), ...Array(300).fill(2)]),
    );
    expect(parts[0]).toMatchObject({ part: '[2, ∞)', reference: 0.1, current: 0.3 });
    expect(parts.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 9);
    expect(because).toMatch(
      /^PSI 0\.269 \(interval 0\.1\d+ to 0\.\d+\) is above the limit 0\.1; most of it in \[2, ∞\): 10 % of the rows before, 30 % now\.$/,
    );
  });
  test('what becomes of a column that is mostly zero is seen', () => {
    const zeros = (share: number): ProfiledColumn =>
      numeric(Float64Array.from({ length: 5000 }, () => (random() < share ? 1 + random() * 40 : 0)));
    const { verdict, parts } = drift(zeros(0.05), zeros(0.3));
    expect(verdict).toBe('drifted');
    expect(parts).toHaveLength(2);
  });
  test('new categories are counted, and drift under their own names', () => {
    const before = categorical([...Array(500).fill('a'), ...Array(500).fill('b')]);
    const now = categorical([...Array(400).fill('a'), ...Array(300).fill('b'), ...Array(300).fill('c')]);
    const measured = drift(before, now);
    expect(measured).toMatchObject({ verdict: 'drifted', newCategories: 0.3, ks: null, wasserstein: null });
    expect(measured.parts[0]).toMatchObject({ part: 'c', reference: 0, current: 0.3 });
  });
  test('rare categories are judged in groups: in a small window they alone are noise', () => {
    const rare = Array.from({ length: 80 }, (_, i) => `r${i}`);
    const before = categorical([...Array(9200).fill('big'), ...rare.flatMap((r) => Array<string>(10).fill(r))]);
    const window = (categories: string[]): ProfiledColumn => categorical([...Array(920).fill('big'), ...categories]);
    for (let round = 0; round < 20; round++)
      expect(drift(before, window(Array.from({ length: 80 }, () => rare[Math.floor(random() * 80)]!))).verdict).toBe(
        'stable',
      );
    const measured = drift(before, window(Array<string>(80).fill('r7')));
    expect(measured.verdict).toBe('drifted');
    const parts = measured.parts.map(({ part }) => part).join('; ');
    expect(parts).toMatch(/gone and rare.*other \(group \d of \d\)/);
  });
});

describe('a column of many rare categories', () => {
  const drawn = (rows: number, of: number, name: string): ProfiledColumn =>
    categorical(Array.from({ length: rows }, () => `${name}${Math.floor(random() * of)}`));
  const reference = drawn(15_000, 3000, 'old');
  test.each([15_000, 5000, 1500, 300, 40])('%d rows of other categories are never stable', (rows) => {
    const measured = drift(reference, drawn(rows, 3000, 'new'));
    expect(measured).toMatchObject({
      newCategories: 1,
      verdict: rows >= 300 ? 'drifted' : expect.not.stringMatching('stable'),
    });
    if (rows >= 300) expect(measured.parts.map(({ part }) => part)).toContain('new and rare');
  });
  test('half of them gone', () => {
    const measured = drift(reference, drawn(15_000, 1500, 'old'));
    expect(measured.verdict).toBe('drifted');
    expect(measured.because).toContain('gone and rare');
  });
  test.each([
    [15_000, 3000],
    [5000, 3000],
    [1500, 3000],
    [15_000, 15_000],
  ])('%d rows of the same %d categories are never called drifted', (rows, of) => {
    let stable = 0;
    for (let round = 0; round < 10; round++) {
      const { verdict, parts } = drift(drawn(15_000, of, 'old'), drawn(rows, of, 'old'));
      expect(verdict).not.toBe('drifted');
      // Chance alone makes some of them look new, or gone.
      expect(parts.filter(({ part }) => part.endsWith('and rare'))).toEqual([]);
      if (verdict === 'stable') stable++;
    }
    expect(stable).toBeGreaterThanOrEqual(9);
  });
});

describe('what cannot be judged says why', () => {
  const some = numeric([1, 2, 3]);
  const empty = (change: Partial<ProfiledColumn>): ProfiledColumn => ({ ...numeric([]), ...change });
  test.each<[string, ProfiledColumn, ProfiledColumn, string]>([
    ['an empty window', some, empty({}), 'there is no row'],
    ['an empty reference', empty({}), some, 'the reference has no row'],
    ['all null', some, empty({ rows: 9, nulls: 9 }), 'no value: all 9 are null'],
    ['no such column', some, empty({ rows: 9, missing: 9 }), 'no such column'],
    ['another type', some, empty({ rows: 9, wrong: [{ kind: 'text', rows: 9 }] }), '9 are text'],
    ['no finite number', some, column(numericSketch([NaN, NaN])), 'no finite number in 2 rows'],
    [
      'numbers became categories',
      some,
      categorical(['a']),
      'the reference has numbers here, and now there are categories',
    ],
  ])('%s', (_, reference, current, why) => {
    const measured = drift(reference, current);
    expect(measured.verdict).toBe('notJudged');
    expect(measured.because).toContain(why);
    expect(measured.psi).toBeNull();
  });
  test('numbers too large to subtract: no Wasserstein distance, and the rest stands', () => {
    const huge = drift(numeric([-1.7e308, 1.7e308]), numeric([1.7e308, 1.7e308]), { numeric: 'wasserstein' });
    expect(huge.verdict).toBe('notJudged');
    expect(huge.ks).toBe(0.5);
    expect(JSON.parse(JSON.stringify(huge))).toEqual(huge);
  });
});

describe('a constant column', () => {
  const constant = (x: number, rows: number): ProfiledColumn => numeric(new Float64Array(rows).fill(x));
  test.each(STATISTICS)('%s: the same is stable, another is drifted', (numericStatistic) => {
    const decided = { numeric: numericStatistic };
    expect(drift(constant(5, 2000), constant(5, 2000), decided).verdict).toBe('stable');
    expect(drift(constant(5, 2000), constant(6, 2000), decided).verdict).toBe('drifted');
  });
  test('three equal rows prove nothing', () =>
    expect(drift(constant(5, 2000), constant(5, 3)).verdict).toBe('undecided'));
});

test('sketches of different widths are compared in the wider cells', () => {
  const fine = numeric(Float64Array.from({ length: 3000 }, (_, i) => i / 1000));
  const coarse = column(
    numericSketch(
      Float64Array.from({ length: 3000 }, (_, i) => i / 1000),
      100,
    ),
  );
  expect(coarse.sketch.kind === 'numeric' && coarse.sketch.bits).toBeLessThan(52);
  const measured = drift(fine, coarse);
  expect(measured.ks).toBe(0);
  expect(measured.wasserstein).toBeCloseTo(0, 12);
  // What the width hides is in the interval.
  expect(measured.intervals.ks!.high).toBeGreaterThan(drift(fine, fine).intervals.ks!.high);
});

describe('more categories than a sketch has places for', () => {
  const ids = (rows: number, of: number, name: string): string[] =>
    Array.from({ length: rows }, () => `${name}${Math.floor(random() * of)}`);
  const many = categorical(ids(30_000, 20_000, 'id'));
  const half = (a: string[], b: string[]): string[] => [...a, ...b];
  test('are compared in groups, and it is said', () => {
    const measured = drift(many, categorical(ids(30_000, 20_000, 'id')));
    expect(measured).toMatchObject({ verdict: 'stable', newCategories: null });
    expect(measured.because).toMatch(/[34],\d{3} groups of categories were compared/);
  });
  test('that they are many is no drift', () => {
    expect(drift(many, categorical(ids(30_000, 20_000, 'id'))).intervals.psi!.low).toBe(0);
  });
  test('one side by name, the other in groups', () => {
    const measured = drift(many, categorical(half(ids(5000, 20_000, 'id'), Array<string>(5000).fill('bot'))));
    expect(measured.verdict).toBe('drifted');
    expect(drift(categorical(ids(20_000, 3000, 'id')), many).newCategories).toBeNull();
  });
});

test('columns of two profiles are judged together, in the order of the reference', () => {
  const table = (columns: ProfiledColumn[]): TableProfile => ({
    kind: 'profile',
    schema: 1,
    rows: 100,
    columns,
    quality: null,
    slices: [],
  });
  const named = (name: string): ProfiledColumn => ({ ...normals(100), name });
  const reference = table([named('a'), named('b'), named('gone')]);
  const current = table([named('new'), named('b'), named('a')]);
  expect(driftOfProfiles(reference, current, DRIFT_POLICY).map(({ name }) => name)).toEqual(['a', 'b']);
  expect(driftOfProfiles(reference, current, DRIFT_POLICY, ['b']).map(({ name }) => name)).toEqual(['b']);
});
