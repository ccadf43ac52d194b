import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { FlightsDocument, WeekResult } from '../../../examples/flights/document.js';
import { resultSentence } from '../../../examples/flights/report/head.js';
import { renderReport, writeReport } from '../../../examples/flights/report/index.js';
import { timelineOf } from '../../../examples/flights/report/timeline.js';
import { flightsDocument } from '../../support/flights-document.js';

const CONTEXT = { namespace: 'flights-20261124t232141', madeAt: '2026-11-24T23:30:00.000Z' };
const HOSTILE = '<script>alert(1)</script><img src=x onerror="alert(2)">';
const plain = (text: string): string => text.replaceAll('\u00a0', ' ');
const count = (page: string, pattern: RegExp): number => page.match(pattern)?.length ?? 0;
const folders: string[] = [];
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true });
});

/** As it was before baselines and incidents: what was not measured is null. */
function bare(week: WeekResult): WeekResult {
  return {
    ...week,
    ...{ aucFrozen: null, logLossFrozen: null, aucWeekly: null, logLossWeekly: null, trainSecondsWeekly: null },
    ...{ injected: false, incident: null, driftColumns: [], revisions: [] },
  };
}
const empty: Partial<WeekResult> = {
  ...{ auc: null, logLoss: null, decision: null, reason: null, release: null, lateShare: null, status: null },
  ...{ labelMaturity: null, decisions: [], rows: 0, drift: { column: null, psi: null, prediction: null } },
};

describe('renderReport', () => {
  it('holds every part, every decision, release and act', async () => {
    const document = flightsDocument();
    const page = await renderReport(document, CONTEXT);
    for (const id of ['quality', 'worth', 'spend', 'drift', 'labels', 'decisions', 'releases', 'people']) {
      expect(page).toContain(`<h2 id="${id}">`);
    }
    const decisions = document.weeks.flatMap((week) => week.decisions);
    expect(count(page, /<li data-action=/g)).toBe(decisions.length);
    for (const action of ['retrain', 'block', 'escalate', 'wait']) {
      const own = decisions.filter((decision) => decision.action === action).length;
      expect(count(page, new RegExp(`<li data-action="${action}"`, 'g')), action).toBe(own);
    }
    // Seven charts, in two sizes; injected weeks are marked wherever they are decided on.
    expect(count(page, /<svg/g)).toBe(14);
    expect(count(page, /class="injected (data|world)"/g)).toBe(
      document.weeks.filter((week) => week.injected).flatMap((week) => week.decisions).length,
    );
    expect(plain(page)).toContain('run 3, 9.3 s of training on cpu: <b>release 3</b>, gain +0.0027, approved by demo');
    expect(plain(page)).toContain('run 5, 12.4 s of training on cpu: <b>refused</b>');
    expect(page).toContain('release 7 → release 6: the on-call engineer trusts the older one more');
  });

  it('is small, quick, the same every time, and asks for nothing', async () => {
    const startedMs = performance.now();
    const page = await renderReport(flightsDocument(), CONTEXT);
    expect(performance.now() - startedMs).toBeLessThan(5_000);
    expect(page.length).toBeLessThan(1_500_000);
    expect(await renderReport(flightsDocument(), CONTEXT)).toBe(page);
    const asked = page.replaceAll('http://www.w3.org/2000/svg', '');
    expect(asked).not.toMatch(/https?:|<script|@import|url\(|src=/);
  });

  it('takes nothing from the data as markup', async () => {
    const document = hostile(flightsDocument(), 'string') as FlightsDocument;
    const page = await renderReport(document, { ...CONTEXT, namespace: HOSTILE });
    expect(page).not.toMatch(/<script|<img/);
    expect(page).toContain('&#60;script&#62;alert(1)');
  });

  it.each<[string, FlightsDocument]>([
    ['no baselines', { ...without(flightsDocument()), weeks: flightsDocument().weeks.map(bare) }],
    ['one week', flightsDocument(1)],
    ['two weeks', flightsDocument(2)],
    [
      'a week that was never monitored',
      { ...without(flightsDocument(2)), weeks: flightsDocument(2).weeks.map((week) => ({ ...bare(week), ...empty })) },
    ],
    ['no weeks', { ...without(flightsDocument()), weeks: [] }],
    ['no runs', { ...flightsDocument(), runs: [], releases: [], retrains: 0, acts: [] }],
    [
      'some gaps',
      {
        ...flightsDocument(),
        weeks: flightsDocument().weeks.map((week) => (week.k % 4 === 0 ? { ...bare(week), ...empty } : week)),
      },
    ],
  ])('copes with %s', async (_, document) => {
    const page = await renderReport(document, CONTEXT);
    expect(page).toContain('<h2 id="decisions">');
    expect(page).not.toMatch(/NaN|undefined|Infinity|\[object|null/);
  });

  it('says what is missing', async () => {
    const page = await renderReport(
      { ...without(flightsDocument()), weeks: flightsDocument().weeks.map(bare) },
      CONTEXT,
    );
    expect(page).toContain('The baselines were not measured');
    expect(page).toMatch(/Log loss saved against the January model<\/b>: not measured/);
  });
});

describe('the result in a sentence', () => {
  it('names the nearest timers where none is better in both', () =>
    expect(plain(resultSentence(flightsDocument()))).toBe(
      '7 retrains for 37 % of weekly retraining’s training seconds kept 83 % of its gain in log loss. A timer that never looks kept 88 % for 49 % (every 2nd week), or 79 % for 32 % (every 3rd week).',
    ));

  it('says how much a timer depends on the week in which it begins', () => {
    const document = flightsDocument();
    const third = document.comparison?.policies.find(({ name }) => name === 'every 3rd week');
    if (third) third.range = { gainKept: [0.7, 0.83], costShare: [0.32, 0.32] };
    expect(plain(resultSentence(document))).toContain(
      'kept, by the week it begins in, 88 % for 49 % (every 2nd week), or 70 to 83 % for 32 % (every 3rd week).',
    );
  });

  it('says so where a timer is better', () => {
    const document = flightsDocument();
    const third = document.comparison?.policies.find(({ name }) => name === 'every 3rd week');
    if (third) third.gainKept = 0.9;
    expect(plain(resultSentence(document))).toContain(
      'A timer that never looks did better: 90 % for 32 % (every 3rd week).',
    );
  });

  it('promises nothing where nothing was measured, or nothing gained', () => {
    expect(resultSentence(without(flightsDocument()))).toContain('is not known');
    const document = flightsDocument();
    for (const policy of document.comparison?.policies ?? []) policy.gainKept = null;
    expect(resultSentence(document)).toContain('gained nothing');
  });
});

describe('timelineOf', () => {
  it('marks where a release begins to answer, who approved it, and a return to an older one', () => {
    const marks = timelineOf(flightsDocument()).marks.map(({ atMs, release, kind }) => [
      new Date(atMs).toISOString().slice(0, 10),
      release,
      kind,
    ]);
    expect(marks).toEqual([
      ['2001-02-05', 1, 'automatic'],
      ['2001-02-26', 2, 'automatic'],
      ['2001-03-12', 3, 'person'],
      ['2001-04-09', 4, 'automatic'],
      ['2001-05-14', 5, 'automatic'],
      ['2001-05-28', 6, 'automatic'],
      ['2001-06-18', 7, 'automatic'],
      ['2001-06-25', 6, 'rollback'],
    ]);
  });
});

describe('writeReport', () => {
  it('writes the page whole, with its folders, over an older one', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'seawall-report-'));
    folders.push(folder);
    const file = join(folder, 'reports', 'flights.html');
    await writeReport(file, flightsDocument(1), CONTEXT);
    await writeReport(file, flightsDocument(2), CONTEXT);
    expect(await readFile(file, 'utf8')).toBe(await renderReport(flightsDocument(2), CONTEXT));
    expect(await readdir(join(folder, 'reports'))).toEqual(['flights.html']);
  });
});

const without = (document: FlightsDocument): FlightsDocument => ({
  ...document,
  incidents: [],
  comparison: null,
  trainSeconds: { ...document.trainSeconds, weekly: null },
});

/** Markup in every text that no program chose: what people, data and errors say. */
function hostile(value: unknown, key: string): unknown {
  const chosen = [
    'id',
    'kind',
    'from',
    'to',
    'at',
    'action',
    'decision',
    'status',
    'incident',
    'verdict',
    'boughtBy',
    'severity',
  ];
  if (typeof value === 'string') return chosen.includes(key) ? value : `${value} ${HOSTILE}`;
  if (Array.isArray(value)) return value.map((one) => hostile(one, key));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [name, name === 'name' && 'label' in value ? one : hostile(one, name)]),
  );
}
