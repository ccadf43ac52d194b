import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { LogFile, WindowPerformance } from '../../../src/activities/monitor.js';
import { performance } from '../../../src/adapters/duckdb/index.js';
import { type Row, writeJsonLines, writeParquet } from './files.js';

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
const measure = async (predictions: Row[], labels: Row[]): Promise<WindowPerformance> =>
  performance({ tempDir: folder }, { predictions: [await log(predictions)], labels: [await log(labels)], window });

/** Scores that float32 holds exactly: (0.75, 1) (0.5, 1) (0.5, 0) (0.25, 0) (0.25, 1). */
const scores = [0.75, 0.5, 0.5, 0.25, 0.25];
const truths = [1, 1, 0, 0, 1];
const predictions = scores.map((score, i) => predicted(`p${i}`, score));
const labels = truths.map((label, i) => labelled(`p${i}`, label));

describe('numbers', () => {
  test('AUC with ties, log loss, Brier score and their errors are those computed by hand', async () => {
    const { rows, labelled: n, performance: result } = await measure(predictions, labels);
    expect([rows, n]).toEqual([5, 5]);
    // Pairs (positive, negative): 0.75 beats both, 0.5 ties and beats, 0.25 loses and ties: 2 + 1.5 + 0.5 of 6.
    const auc = 4 / 6;
    const losses = [-Math.log(0.75), -Math.log(0.5), -Math.log(0.5), -Math.log(0.75), -Math.log(0.25)];
    const mean = losses.reduce((a, b) => a + b) / 5;
    const variance = losses.reduce((sum, loss) => sum + (loss - mean) ** 2, 0) / 4;
    const q1 = auc / (2 - auc);
    const q2 = (2 * auc ** 2) / (1 + auc);
    const aucSe = Math.sqrt((auc * (1 - auc) + 2 * (q1 - auc ** 2) + 1 * (q2 - auc ** 2)) / 6);
    expect(result).toEqual({
      rows: 5,
      positives: 3,
      auc: expect.closeTo(auc, 12),
      aucSe: expect.closeTo(aucSe, 12),
      logLoss: expect.closeTo(mean, 12),
      logLossSe: expect.closeTo(Math.sqrt(variance / 5), 12),
      brier: expect.closeTo((0.0625 + 0.25 + 0.25 + 0.0625 + 0.5625) / 5, 12),
    });
  });

  test('the AUC equals the share of pairs in the right order, whatever the scores', async () => {
    const grid = fc.record({ score: fc.integer({ min: 0, max: 8 }).map((n) => n / 8), label: fc.constantFrom(0, 1) });
    await fc.assert(
      fc.asyncProperty(fc.array(grid, { minLength: 1, maxLength: 40 }), async (rows) => {
        const result = await measure(
          rows.map(({ score }, i) => predicted(`p${i}`, score)),
          rows.map(({ label }, i) => labelled(`p${i}`, label)),
        );
        const pairs = rows.flatMap((a) => (a.label ? rows.filter((b) => !b.label).map((b) => [a.score, b.score]) : []));
        const right = pairs.reduce((sum, [a, b]) => sum + (a! > b! ? 1 : a === b ? 0.5 : 0), 0);
        const auc = result.performance?.auc;
        if (pairs.length === 0) expect(auc).toBeNull();
        else expect(auc).toBeCloseTo(right / pairs.length, 12);
      }),
      { numRuns: 12 },
    );
  });

  test('a score that is certain and wrong costs -ln(1e-7), not infinity', async () => {
    const { performance: result } = await measure([predicted('a', 1)], [labelled('a', 0)]);
    expect(result!.logLoss).toBeCloseTo(-Math.log(1e-7), 6);
  });

  test('constant scores: AUC 0.5', async () => {
    const { performance: result } = await measure(
      truths.map((_, i) => predicted(`p${i}`, 0.5)),
      labels,
    );
    expect(result).toMatchObject({ auc: 0.5, logLoss: expect.closeTo(Math.LN2, 12), logLossSe: expect.closeTo(0, 12) });
  });

  test('labels of one class: no AUC, but a log loss', async () => {
    const { performance: result } = await measure(
      predictions,
      truths.map((_, i) => labelled(`p${i}`, 1)),
    );
    expect(result).toMatchObject({ rows: 5, positives: 5, auc: null, aucSe: null });
    expect(result!.logLoss).toBeGreaterThan(0);
  });

  test('no labels, or no label files: null', async () => {
    expect(await measure(predictions, [])).toEqual({ rows: 5, labelled: 0, performance: null });
    const request = { predictions: [await log(predictions)], labels: [], window };
    expect(await performance({ tempDir: folder }, request)).toEqual({ rows: 5, labelled: 0, performance: null });
  });

  test('scores that are null, NaN or text count as labelled, but are not judged', async () => {
    const odd = await writeParquet(
      join(folder, 'odd.parquet'),
      `SELECT * FROM (VALUES ('a', 'NaN'::FLOAT), ('b', NULL), ('c', 0.5::FLOAT)) t(_prediction_id, score), (SELECT TIMESTAMP '2001-02-05 01:00:00' AS _event_time)`,
    );
    const request = {
      predictions: [odd],
      labels: [await log([labelled('a', 1), labelled('b', 1), labelled('c', 0)])],
      window,
    };
    const result = await performance({ tempDir: folder }, request);
    expect(result).toMatchObject({ rows: 3, labelled: 3, performance: { rows: 1, positives: 0, brier: 0.25 } });
  });
});

describe('labels converge', () => {
  test('the highest _seq counts; a null label withdraws; text, booleans and floats are understood', async () => {
    const result = await measure(
      ['a', 'b', 'c', 'd', 'e'].map((id) => predicted(id, 0.5)),
      [
        labelled('a', 0, 2),
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
    expect(result).toMatchObject({ rows: 5, labelled: 3, performance: { positives: 3 } });
  });

  test('in any order, with duplicates and contradictions, in any number of files of both formats', async () => {
    const label = fc.record({
      id: fc.integer({ min: 0, max: 5 }),
      label: fc.constantFrom(0, 1, null),
      seq: fc.integer({ min: 1, max: 4 }),
      day: fc.integer({ min: 1, max: 9 }),
    });
    const arrival = fc.array(label, { minLength: 1, maxLength: 30 }).chain((rows) =>
      fc.record({
        rows: fc.constant(rows),
        shuffled: fc.shuffledSubarray([...rows, ...rows], { minLength: rows.length * 2 }),
        cut: fc.integer({ min: 0, max: rows.length * 2 }),
      }),
    );
    const predictionFile = await log([0, 1, 2, 3, 4, 5].map((i) => predicted(`p${i}`, (i + 1) / 8)));
    const toRow = (one: { id: number; label: number | null; seq: number; day: number }): Row =>
      labelled(`p${one.id}`, one.label, one.seq, `2001-02-0${one.day}T00:00:00Z`);
    const measured = (labelFiles: LogFile[]) =>
      performance({ tempDir: folder }, { predictions: [predictionFile], labels: labelFiles, window });
    await fc.assert(
      fc.asyncProperty(arrival, async ({ rows, shuffled, cut }) => {
        const all = shuffled.map(toRow);
        const jsonl = await log(all.slice(cut));
        const values = all
          .slice(0, cut)
          .map(
            (r) =>
              `('${r['_prediction_id']}', ${r['label']}::INTEGER, ${r['_seq']}, '${r['_label_time']}'::TIMESTAMPTZ)`,
          );
        const parquet =
          values.length === 0
            ? []
            : [
                await writeParquet(
                  join(folder, `${files++}.parquet`),
                  `SELECT * FROM (VALUES ${values.join(',')}) t(_prediction_id, label, _seq, _label_time)`,
                ),
              ];
        // Bit for bit: reports are compared to see whether anything has changed.
        expect(await measured([...parquet, jsonl])).toEqual(await measured([await log(rows.map(toRow))]));
      }),
      { numRuns: 12 },
    );
  });
});

describe('predictions', () => {
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
    expect(await measure(rows, ids)).toMatchObject({ rows: 3, labelled: 3 });
  });

  test('the earliest of several rows with one id counts, in whatever file it lies', async () => {
    const first = await log([predicted('a', 0.25, { _event_time: '2001-02-05T01:00:00Z' })]);
    const second = await log([predicted('a', 0.75, { _event_time: '2001-02-05T02:00:00Z' })]);
    const truth = await log([labelled('a', 1)]);
    for (const order of [
      [first, second],
      [second, first],
    ]) {
      const result = await performance({ tempDir: folder }, { predictions: order, labels: [truth], window });
      expect(result).toMatchObject({ rows: 1, labelled: 1, performance: { brier: 0.5625 } });
    }
  });
});
