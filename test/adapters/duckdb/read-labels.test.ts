import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type {
  ExpectedColumn,
  LabelReading,
  LabelRequest,
  LogFile,
  WindowRequest,
} from '../../../src/activities/monitor.js';
import { readLabels, readWindow } from '../../../src/adapters/duckdb/index.js';
import type { Performance } from '../../../src/contracts/index.js';
import { performanceOf } from '../../../src/domain/decisions/performance/performance.js';
import { type Row, sql, writeJsonLines, writeParquet } from './files.js';

const window = { from: '2001-02-05T00:00:00.000Z', to: '2001-02-06T00:00:00.000Z' };
let folder: string;
let files = 0;
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'performance-'))));
afterAll(() => rm(folder, { recursive: true, force: true }));

const log = (rows: Row[]): Promise<LogFile> => writeJsonLines(join(folder, `${files++}.jsonl`), rows);
const predicted = (id: string, score: unknown, more: Row = {}): Row => ({
  _prediction_id: id,
  _event_time: '2001-02-05T10:00:00Z',
  _release: 1,
  score,
  ...more,
});
const labelled = (id: string, label: unknown, seq: unknown = 1, time = '2001-02-08T00:00:00Z'): Row => ({
  _prediction_id: id,
  label,
  _seq: seq,
  _label_time: time,
});
/** What an index holds of these predictions. */
async function indexOf(predictions: LogFile[], more: Partial<WindowRequest> = {}): Promise<string> {
  const indexFile = join(folder, `index-${files++}.parquet`);
  const score: ExpectedColumn = { name: 'score', type: 'float32', output: true };
  await readWindow(
    { tempDir: folder },
    {
      ...{ files: predictions, window, columns: [score], answering: { task: 'binary' }, slices: [] },
      ...{ partMs: 3_600_000, extras: false, unique: [], indexFile, ...more },
    },
  );
  return indexFile;
}
interface Judged {
  labelled: number;
  performance: Performance | null;
  reading: LabelReading;
  labelsFile: string;
}
async function judge(indexFile: string, labelFiles: LogFile[], more: Partial<LabelRequest> = {}): Promise<Judged> {
  const labelsFile = join(folder, `labels-${files++}.parquet`);
  const reading = await readLabels(
    { tempDir: folder },
    {
      ...{ indexFile, answering: { task: 'binary' }, labelColumn: 'late', slices: [], known: null },
      ...{ files: labelFiles, labelsFile, ...more },
    },
  );
  const { quality } = reading.profile;
  const performance = quality && quality.rows > 0 ? performanceOf(quality) : null;
  return { labelled: reading.labelled, performance, reading, labelsFile };
}
const measure = async (predictions: Row[], labels: Row[]): Promise<Judged> =>
  judge(await indexOf([await log(predictions)]), [await log(labels)]);
const value = ({ performance }: Judged, metric: string): number | undefined => performance?.metrics[metric]?.value;

/** Scores that float32 holds exactly: (0.75, 1) (0.5, 1) (0.5, 0) (0.25, 0) (0.25, 1). */
const scores = [0.75, 0.5, 0.5, 0.25, 0.25];
const truths = [1, 1, 0, 0, 1];
const predictions = scores.map((score, i) => predicted(`p${i}`, score));
const labels = truths.map((label, i) => labelled(`p${i}`, label));

describe('numbers', () => {
  test('AUC with ties, log loss and Brier score are those computed by hand', async () => {
    const judged = await measure(predictions, labels);
    expect(judged.labelled).toBe(5);
    // Pairs (positive, negative): 0.75 beats both, 0.5 ties and beats, 0.25 loses and ties: 2 + 1.5 + 0.5 of 6.
    expect(value(judged, 'auc')).toBeCloseTo(4 / 6, 12);
    const losses = [-Math.log(0.75), -Math.log(0.5), -Math.log(0.5), -Math.log(0.75), -Math.log(0.25)];
    expect(value(judged, 'logLoss')).toBeCloseTo(losses.reduce((a, b) => a + b) / 5, 6);
    expect(value(judged, 'brier')).toBeCloseTo((0.0625 + 0.25 + 0.25 + 0.0625 + 0.5625) / 5, 6);
  });

  test('constant scores: AUC 0.5; labels of one class: no AUC, but a log loss', async () => {
    const constant = await measure(
      truths.map((_, i) => predicted(`p${i}`, 0.5)),
      labels,
    );
    expect([value(constant, 'auc'), value(constant, 'logLoss')]).toEqual([0.5, expect.closeTo(Math.LN2, 6)]);
    const one = await measure(
      predictions,
      truths.map((_, i) => labelled(`p${i}`, 1)),
    );
    expect(one.performance!.metrics['auc']).toBeNull();
    expect(value(one, 'logLoss')).toBeGreaterThan(0);
  });

  test('_seq is compared exactly where doubles are equal, also with the labels of an earlier look', async () => {
    const label = (value: number, seq: string) =>
      writeParquet(
        join(folder, `${files++}.parquet`),
        `SELECT 'p0' AS _prediction_id, ${value} AS label, ${seq} AS _seq, TIMESTAMP '2001-02-08' AS _label_time`,
      );
    const [higher, lower] = [await label(0, '1760000000000000002'), await label(1, '1760000000000000001')];
    const indexFile = await indexOf([await log([predicted('p0', 0.25)])]);
    const counted = async (path: string) => (await sql(`SELECT label FROM read_parquet('${path}')`))[0]!['label'];
    // The greater label would win a tie.
    expect(await counted((await judge(indexFile, [higher, lower])).labelsFile)).toBe(0);
    const { labelsFile: known } = await judge(indexFile, [higher]);
    expect(await counted((await judge(indexFile, [lower], { known })).labelsFile)).toBe(0);
  });

  test('no labels, or no label files: nothing is judged', async () => {
    expect(await measure(predictions, [])).toMatchObject({ labelled: 0, performance: null });
    expect(await judge(await indexOf([await log(predictions)]), [])).toMatchObject({ labelled: 0, performance: null });
  });

  test('scores that are null, NaN or text count as labelled, but are not judged', async () => {
    const odd = await writeParquet(
      join(folder, 'odd.parquet'),
      `SELECT * FROM (VALUES ('a', 'NaN'::FLOAT), ('b', NULL), ('c', 0.5::FLOAT)) t(_prediction_id, score), (SELECT TIMESTAMP '2001-02-05 01:00:00' AS _event_time)`,
    );
    const truth = await log([labelled('a', 1), labelled('b', 1), labelled('c', 0)]);
    const judged = await judge(await indexOf([odd]), [truth]);
    expect(judged).toMatchObject({ labelled: 3, performance: { rows: 1 } });
  });
});

describe('labels converge', () => {
  test('the highest _seq counts; a null label withdraws; text, booleans and floats are understood', async () => {
    const judged = await measure(
      ['a', 'b', 'c', 'd', 'e'].map((id) => predicted(id, 0.5)),
      [
        labelled('a', 7, 2, '2001-02-09T00:00:00Z'), // later, and superseded all the same
        labelled('a', 1, 10),
        labelled('b', true),
        labelled('b', null, 2),
        labelled('c', 'true', 1), // no number: no label
        labelled('c', '1', 2),
        labelled('d', 1.0),
        labelled('e', 7),
        labelled('stranger', 1),
      ],
    );
    expect(judged).toMatchObject({ labelled: 3, performance: { rows: 3 } });
  });

  interface Arrival {
    id: number;
    label: number | null;
    seq: number;
    day: number;
  }
  const arrival = fc.record({
    id: fc.integer({ min: 0, max: 5 }),
    label: fc.constantFrom(0, 1, null),
    seq: fc.integer({ min: 1, max: 4 }),
    day: fc.integer({ min: 1, max: 9 }),
  });
  const toRow = (one: Arrival): Row => labelled(`p${one.id}`, one.label, one.seq, `2001-02-0${one.day}T00:00:00Z`);
  const asParquet = (rows: Row[]): Promise<LogFile> => {
    const values = rows.map(
      (r) => `('${r['_prediction_id']}', ${r['label']}::INTEGER, ${r['_seq']}, '${r['_label_time']}'::TIMESTAMPTZ)`,
    );
    const select = `SELECT * FROM (VALUES ${values.join(',')}) t(_prediction_id, label, _seq, _label_time)`;
    return writeParquet(join(folder, `${files++}.parquet`), select);
  };
  /** Late, doubled, contradictory, out of order; in any number of deliveries, of both formats. */
  const deliveries = fc.array(arrival, { minLength: 1, maxLength: 30 }).chain((rows) =>
    fc.record({
      rows: fc.constant(rows),
      shuffled: fc.shuffledSubarray([...rows, ...rows], { minLength: rows.length * 2 }),
      cuts: fc.array(fc.integer({ min: 0, max: rows.length * 2 }), { maxLength: 4 }),
    }),
  );

  test('to one answer, in whatever order and in however many deliveries they come, each read once', async () => {
    const indexFile = await indexOf([await log([0, 1, 2, 3, 4, 5].map((i) => predicted(`p${i}`, (i + 1) / 8)))]);
    await fc.assert(
      fc.asyncProperty(deliveries, async ({ rows, shuffled, cuts }) => {
        const bounds = [0, ...cuts.sort((a, b) => a - b), shuffled.length];
        const parts = bounds.slice(1).map((end, i) => shuffled.slice(bounds[i], end).map(toRow));
        let known: string | null = null;
        let last: Judged | undefined;
        for (const [i, part] of parts.entries()) {
          if (part.length === 0) continue;
          // Each delivery alone, beside what was known before it.
          last = await judge(indexFile, [await (i % 2 ? log(part) : asParquet(part))], { known });
          known = last.labelsFile;
        }
        const atOnce = await judge(indexFile, [await log(rows.map(toRow))]);
        // Bit for bit: reports are compared to see whether anything has changed.
        expect(last!.reading).toEqual(atOnce.reading);
        expect(await sql(`SELECT * FROM '${known}'`)).toEqual(await sql(`SELECT * FROM '${atOnce.labelsFile}'`));
      }),
      { numRuns: 15 },
    );
  });
});

describe('parts of the rows', () => {
  test('slices by category and by range; the canary apart from the champion', async () => {
    const rows = Array.from({ length: 40 }, (_, i) =>
      predicted(`p${i}`, i % 2 ? 0.75 : 0.25, { c: i < 20 ? 'a' : 'b', x: i, _arm: i < 10 ? 'canary' : 'champion' }),
    );
    const columns: ExpectedColumn[] = [
      { name: 'x', type: 'float32', output: false },
      { name: 'score', type: 'float32', output: true },
    ];
    const indexFile = await indexOf([await log(rows)], { columns, slices: ['c', 'x'] });
    const { reading } = await judge(
      indexFile,
      [await log(rows.map((_, i) => labelled(`p${i}`, i < 10 ? 1 - (i % 2) : i % 2)))],
      {
        slices: [
          { name: 'c', kind: 'categorical', categories: ['a', 'b'] },
          { name: 'x', kind: 'numeric', edges: [30] },
          { name: 'later', kind: 'numeric', edges: [1] }, // configured after the index was made
        ],
      },
    );
    expect(reading.profile.slices.map(({ column, value: part, quality }) => [column, part, quality.rows])).toEqual([
      ['c', 'a', 10],
      ['c', 'b', 20],
      ['x', '(-inf, 30)', 20],
      ['x', '[30, inf)', 10],
    ]);
    expect(reading.labelled).toBe(40);
    expect(performanceOf(reading.profile.quality!).metrics['auc']!.value).toBe(1);
    expect(reading.canary).toMatchObject({ rows: 10, labelled: 10 });
    expect(performanceOf(reading.canary!.quality!).metrics['auc']!.value).toBe(0);
  });

  test('several classes: labels that are none of them are counted, and judged as none', async () => {
    const answering = { task: 'multiclass' as const, classes: ['x', 'y'] };
    const rows = ['x', 'y', 'x'].map((prediction, i) => ({
      ...predicted(`p${i}`, undefined),
      ...{ prediction, score_x: prediction === 'x' ? 0.75 : 0.25, score_y: prediction === 'x' ? 0.25 : 0.75 },
    }));
    const columns: ExpectedColumn[] = [{ name: 'prediction', type: 'string', output: true }];
    const indexFile = await indexOf([await log(rows)], { columns, answering });
    const truth = [labelled('p0', 'x'), labelled('p1', 'x'), labelled('p2', 'zebra')];
    const { reading, performance, labelled: n } = await judge(indexFile, [await log(truth)], { answering });
    expect([n, performance!.rows, performance!.metrics['accuracy']!.value]).toEqual([2, 2, 0.5]);
    expect(reading.profile.quality).toMatchObject({ unknownLabels: 1 });
    expect(reading.profile.columns[0]).toMatchObject({ name: 'late', sketch: { categories: ['x', 'zebra'] } });
  });

  test('numbers for numbers', async () => {
    const answering = { task: 'regression' as const };
    const rows = [1, 2, 3].map((prediction, i) => ({ ...predicted(`p${i}`, undefined), prediction }));
    const columns: ExpectedColumn[] = [{ name: 'prediction', type: 'float32', output: true }];
    const indexFile = await indexOf([await log(rows)], { columns, answering });
    const truth = [labelled('p0', 1), labelled('p1', '4.5'), labelled('p2', 'NaN')];
    const { performance, labelled: n } = await judge(indexFile, [await log(truth)], { answering });
    expect([n, performance!.rows, performance!.metrics['mae']!.value]).toEqual([2, 2, 1.25]);
  });
});

test('only the window counts, its end excluded; times are UTC with or without an offset; a shadow does not count', async () => {
  const at = (id: string, _event_time: unknown, more: Row = {}): Row => predicted(id, 0.5, { _event_time, ...more });
  const rows = [
    at('start', '2001-02-05T00:00:00.000Z'),
    at('offset', '2001-02-06T01:59:59+02:00'),
    at('plain', '2001-02-05 23:59:59.999'),
    at('end', '2001-02-06T00:00:00Z'),
    at('before', '2001-02-05T00:30:00+01:00'),
    at('shadow', '2001-02-05T10:00:00Z', { _arm: 'shadow' }),
    at('nonsense', 'yesterday'),
  ];
  const ids = rows.map((row) => labelled(String(row['_prediction_id']), 1));
  expect(await measure(rows, ids)).toMatchObject({ labelled: 3, performance: { rows: 3 } });
});

test('the earliest of several rows with one id counts, in whatever file it lies', async () => {
  const first = await log([predicted('a', 0.25, { _event_time: '2001-02-05T01:00:00Z' })]);
  const second = await log([predicted('a', 0.75, { _event_time: '2001-02-05T02:00:00Z' })]);
  const other = await log([predicted('b', 0.25)]);
  const truth = await log([labelled('a', 1), labelled('b', 1)]);
  for (const order of [
    [first, second, other],
    [other, second, first],
  ]) {
    const judged = await judge(await indexOf(order), [truth]);
    expect([judged.labelled, value(judged, 'brier')]).toEqual([2, 0.5625]);
  }
});
