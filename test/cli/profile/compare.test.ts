import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CommandContext } from '../../../src/cli/command.js';
import { colors } from '../../../src/cli/output.js';
import type { Comparison } from '../../../src/cli/profile/document.js';
import { profileCommands } from '../../../src/cli/profile/index.js';
import { writeParquet } from '../../adapters/duckdb/files.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'compare-'));
  const rows = (shift: number, n: number) => `
    SELECT i, (i * 37) % 100 + ${shift} AS amount, 'c' || (i % 5) AS kind, ((i * 7919) % 1000) / 1000.0 AS p,
           ((i * 7919) % 1000 > (i * 104729) % 1000)::INTEGER AS y, [i] AS nested FROM range(${n}) t(i)`;
  await writeParquet(join(folder, 'reference.parquet'), rows(0, 20_000));
  await writeParquet(join(folder, 'same.parquet'), rows(0, 10_000));
  await writeParquet(join(folder, 'shifted.parquet'), rows(40, 10_000));
  await writeParquet(join(folder, 'few.parquet'), rows(0, 30));
  await writeParquet(join(folder, 'unlabelled.parquet'), `SELECT * EXCLUDE (y) FROM (${rows(0, 5000)})`);
  await mkdir(join(folder, 'parts', 'deep'), { recursive: true });
  await writeParquet(join(folder, 'parts', 'a.parquet'), `${rows(0, 20_000)} WHERE i % 2 = 0`);
  await writeParquet(join(folder, 'parts', 'deep', 'b.parquet'), `${rows(0, 20_000)} WHERE i % 2 = 1`);
  await writeFile(join(folder, 'parts', 'README.md'), 'not a table');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Result {
  code: number;
  document: Comparison;
  text: string;
}
async function seawall(line: string, options: Record<string, string> = {}): Promise<Result> {
  const [command, ...args] = line.split(' ');
  const spec = profileCommands.find(({ usage }) => usage.split(' ')[0] === command)!;
  const result: Result = { code: 0, document: null as never, text: '' };
  const context = {
    args,
    options,
    cwd: folder,
    env: {},
    output: {
      json: false,
      color: colors({}, false),
      print(document: Comparison, text: () => string | readonly string[]) {
        result.document = JSON.parse(JSON.stringify(document)) as Comparison;
        result.text = [text()].flat().join('\n');
      },
      progress() {},
    },
  } as unknown as CommandContext;
  result.code = (await (await spec.load())(context)) ?? 0;
  return result;
}
const roles = { label: 'y', prediction: 'p' };
const columnOf = ({ columns }: Comparison, name: string) => columns.find((column) => column.name === name)!;

/** The definition, pair by pair. */
function aucByPairs(n: number): number {
  const rows = Array.from({ length: n }, (_, i) => ({
    score: (i * 7919) % 1000,
    label: (i * 7919) % 1000 > (i * 104_729) % 1000,
  }));
  const [positives, negatives] = [true, false].map((label) => rows.filter((row) => row.label === label));
  const wins = positives!.map(({ score }) =>
    negatives!.reduce((sum, other) => sum + (score > other.score ? 1 : score === other.score ? 0.5 : 0), 0),
  );
  return wins.reduce((a, b) => a + b, 0) / (positives!.length * negatives!.length);
}

describe('seawall compare', () => {
  test('answers drift per column and performance of both sides', async () => {
    const { document, text, code } = await seawall('compare reference.parquet shifted.parquet', roles);
    expect(code).toBe(0);
    expect(columnOf(document, 'amount')).toMatchObject({ kind: 'numeric', verdict: 'drifted', role: null });
    // Uniform on 0..99 against 40..139: 40 of 100 values have gone, each 40 farther.
    expect(columnOf(document, 'amount').ks).toBeCloseTo(0.4, 10);
    expect(columnOf(document, 'amount').wasserstein).toBeCloseTo(40, 10);
    expect(columnOf(document, 'kind')).toMatchObject({ kind: 'categorical', verdict: 'stable', ks: null });
    expect(columnOf(document, 'p').role).toBe('score');
    const { performance, reference } = document;
    expect(performance!.rows).toEqual({ reference: 20_000, current: 10_000 });
    expect(performance!.current!['auc']).toBeCloseTo(aucByPairs(10_000), 6);
    expect(Object.keys(performance!.reference!)).toEqual(
      expect.arrayContaining(['auc', 'accuracy', 'logLoss', 'brier']),
    );
    expect(performance!.intervals.reference!['auc']!.low).toBeLessThan(performance!.reference!['auc']!);
    expect(reference.skipped).toEqual([{ column: 'nested', type: 'BIGINT[]' }]);
    expect(text).toMatch(/columns drifted/);
    expect(text).toMatch(/amount +numeric +drifted/);
    expect(text).toMatch(/not counted: nested/);
  }, 60_000);

  test('a stored profile stands for its files, and so do a folder and a pattern', async () => {
    const raw = await seawall('compare reference.parquet shifted.parquet', { ...roles, slice: 'kind,amount' });
    const out = join('stored', 'reference.json');
    await seawall('profile reference.parquet', { ...roles, slice: 'kind,amount', out });
    const figures = ({ columns, performance, slices }: Comparison) => ({ columns, performance, slices });
    for (const [reference, options] of [
      [out, {}],
      ['parts', { ...roles, slice: 'kind,amount' }],
      ['parts/**/*.parquet', { ...roles, slice: 'kind,amount' }],
    ] as const) {
      const other = await seawall(`compare ${reference} shifted.parquet`, options);
      expect(figures(other.document)).toEqual(figures(raw.document));
    }
    expect(raw.document.slices.map(({ value }) => value)).toContain('c3');
    expect((await seawall('compare parts/*.parquet same.parquet', roles)).document.reference.rows).toBe(10_000);
  }, 60_000);

  test('without labels quality is estimated, not judged; a label that nobody has is an error', async () => {
    const { document, text } = await seawall('compare reference.parquet unlabelled.parquet', roles);
    expect(document.performance).toMatchObject({ current: null, rows: { current: 0 } });
    expect(Math.abs(document.performance!.estimated!['auc']! - aucByPairs(5000))).toBeLessThan(0.05);
    expect(document.onlyInReference).toEqual(['y']);
    expect(text).toMatch(/there is no column y: quality is not judged, only estimated/);
    await expect(seawall('compare unlabelled.parquet reference.parquet', roles)).rejects.toMatchObject({
      message: 'there is no column y (label)',
      next: 'The columns are: i, amount, kind, p.',
    });
  }, 60_000);

  test.each([
    ['Parquet booleans, then a CSV of pandas', 'parquet', 'csv'],
    ['a CSV of pandas, then Parquet booleans', 'csv', 'parquet'],
  ])('%s: the same values', async (_, before, now) => {
    const rows = `SELECT i % 4 = 0 AS flag, ((i * 7919) % 1000) / 1000.0 AS p, (i * 7919) % 1000 > (i * 104729) % 1000 AS y
      FROM range(4000) t(i)`;
    await writeParquet(join(folder, 'booleans.parquet'), rows);
    const lines = Array.from({ length: 4000 }, (_, i) => {
      const [flag, y] = [i % 4 === 0, (i * 7919) % 1000 > (i * 104_729) % 1000].map((yes) => (yes ? 'True' : 'False'));
      return `${flag},${((i * 7919) % 1000) / 1000},${y}`;
    });
    await writeFile(join(folder, 'booleans.csv'), ['flag,p,y', ...lines].join('\n'));
    const { document } = await seawall(`compare booleans.${before} booleans.${now}`, roles);
    expect(columnOf(document, 'flag')).toMatchObject({ verdict: 'stable', psi: 0 });
    expect(document.performance?.rows).toEqual({ reference: 4000, current: 4000 });
  });

  test('labels that are none of the classes are said', async () => {
    const table = (no: string, yes: string) => `SELECT ((i * 7919) % 1000) / 1000.0 AS p,
      CASE WHEN (i * 7919) % 1000 > (i * 104729) % 1000 THEN '${yes}' ELSE '${no}' END AS y FROM range(1000) t(i)`;
    await writeParquet(join(folder, 'words.parquet'), table('bad', 'good'));
    await writeParquet(join(folder, 'other-words.parquet'), table('BAD', 'GOOD'));
    const { text } = await seawall('compare words.parquet other-words.parquet', roles);
    expect(text).toContain("no label in y is one of the reference's classes (bad, good)");
    expect((await seawall('compare words.parquet words.parquet', roles)).text).not.toContain('no label');
  });

  test('--fail-on: drifted columns, or undecided ones too, end with 1', async () => {
    const code = async (current: string, failOn: string) =>
      (await seawall(`compare reference.parquet ${current}`, { failOn })).code;
    expect(await code('shifted.parquet', 'drifted')).toBe(1);
    expect(await code('few.parquet', 'undecided')).toBe(1);
    expect(await code('reference.parquet', 'undecided')).toBe(0);
    await writeFile(join(folder, 'empty.csv'), 'i,amount,kind,p,y\n');
    const same = 'SELECT * FROM read_parquet($$' + join(folder, 'reference.parquet') + '$$)';
    await writeParquet(join(folder, 'gone.parquet'), `SELECT * EXCLUDE (amount) FROM (${same})`);
    await writeParquet(join(folder, 'null.parquet'), `SELECT * REPLACE (NULL::DOUBLE AS amount) FROM (${same})`);
    await writeParquet(join(folder, 'text.parquet'), `SELECT * REPLACE ('x' AS amount) FROM (${same})`);
    for (const broken of ['empty.csv', 'gone.parquet', 'null.parquet', 'text.parquet'])
      expect([broken, await code(broken, 'drifted')]).toEqual([broken, 1]);
    expect((await seawall('compare reference.parquet empty.csv')).text).toContain('The current side has no rows');
    expect((await seawall('compare reference.parquet gone.parquet')).text).toContain('No column drifted, 1 missing.');
    // Labels may come later.
    await writeParquet(join(folder, 'later.parquet'), `SELECT * EXCLUDE (y) FROM (${same})`);
    const later = await seawall('compare reference.parquet later.parquet', { ...roles, failOn: 'drifted' });
    expect([later.code, later.document.onlyInReference, later.document.onlyInCurrent]).toEqual([0, ['y'], []]);
    await expect(code('same.parquet', 'sometimes')).rejects.toMatchObject({ exitCode: 2 });
  }, 60_000);

  test('a stored profile is not asked for what only rows could tell', async () => {
    await seawall('profile reference.parquet', { ...roles, out: 'stored.json' });
    const compare = (options: Record<string, string>) => seawall('compare stored.json same.parquet', options);
    expect((await compare(roles)).code).toBe(0);
    for (const asked of [{ label: 'i' }, { ...roles, slice: 'kind' }, { label: 'y', prediction: 'amount' }])
      await expect(compare(asked as Record<string, string>)).rejects.toMatchObject({
        message: expect.stringContaining('the reference is a stored profile, made with --'),
      });
  }, 60_000);

  test('--html: a page without a script, data escaped', async () => {
    const evil = '<script>alert(1)</script>';
    await writeParquet(
      join(folder, 'evil.parquet'),
      `SELECT i AS "${evil}", '${evil}' AS c, NULL AS z FROM range(50) t(i)`,
    );
    await seawall('compare evil.parquet evil.parquet', { html: 'out/evil.html' });
    const page = await readFile(join(folder, 'out', 'evil.html'), 'utf8');
    expect(page).not.toMatch(/<script/i);
    expect(page).toContain('&#60;script&#62;');
    await seawall('compare reference.parquet shifted.parquet', { ...roles, html: 'out/page.html' });
    const full = await readFile(join(folder, 'out', 'page.html'), 'utf8');
    expect(full.match(/class="chart wide"/g)!.length).toBeGreaterThanOrEqual(5 + 6);
    expect(full).toMatch(/amount <span class="drifted">drifted/);
  }, 60_000);

  test('what is no profile, no file or no table says so', async () => {
    await writeFile(join(folder, 'other.json'), '{"kind": "something"}');
    await expect(seawall('compare other.json same.parquet')).rejects.toThrow(/is no profile/);
    await expect(seawall('compare nowhere.parquet same.parquet')).rejects.toThrow(/there is no file/);
    await expect(seawall('compare stored same.parquet')).rejects.toThrow(/no files that may be tables/);
    await expect(seawall('compare same.parquet same.parquet', { score: 'p' })).rejects.toMatchObject({ exitCode: 2 });
  });
});
