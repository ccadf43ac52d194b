import { readdir } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { keys, type MonitorReport, type Observation } from '../../src/contracts/index.js';
import { type S3Server, startS3 } from '../support/s3.js';
import { config, createWorld, DAY_MS, day, labels, MODEL, predictions, type World } from './monitor-world.js';

let s3: S3Server;
let world: World;
beforeAll(async () => void (s3 = await startS3()));
afterAll(() => s3.stop());
afterEach(() => world.close());

const complete = (n: number): Promise<void> => world.store.watermarks.write('predictions', MODEL, day(n));
const stored = async (key: string): Promise<MonitorReport> => (await world.store.json.read<MonitorReport>(key))!.value;
const after = ({ monitoredTo, openWindows }: Observation) => ({ monitoredTo, openWindows });
const window = (n: number) => ({ from: day(n), to: day(n + 1) });

describe('what is due', () => {
  test('nothing without a word of the feed, and nothing without a champion', async () => {
    world = await createWorld(s3.options);
    const idle = { reports: [], more: false, monitoredTo: null, openWindows: [], nextDueInMs: null, champion: null };
    expect(await world.observe()).toMatchObject({
      now: config.windows.anchor,
      ...idle,
      configSeq: 1,
      datasetVersion: null,
    });
    await complete(20);
    expect(await world.observe()).toMatchObject({ now: day(20), ...idle });
    await expect(world.observe({ model: 'nobody' })).rejects.toMatchObject({ type: 'NotFound' });
  });

  test('a window is due when the watermark passes its end and the lateness; four per call', async () => {
    world = await createWorld(s3.options, { windows: { ...config.windows, allowedLatenessMs: 3_600_000 } });
    await world.goLive(1);
    await world.store.watermarks.write('predictions', MODEL, day(6, '00:59:59.000'));
    expect((await world.observe()).reports).toEqual([]);
    await world.store.watermarks.write('predictions', MODEL, day(10, '01:00:00.000'));
    const first = await world.observe();
    expect(first).toMatchObject({
      more: true,
      monitoredTo: day(9),
      champion: { release: 1, epoch: 1 },
      nextDueInMs: null,
    });
    expect(first.reports.map((report) => report.window)).toEqual([5, 6, 7, 8].map(window));
    const second = await world.observe(after(first));
    expect(second).toMatchObject({ more: false, monitoredTo: day(10), reports: [{ window: window(9) }] });
    expect((await world.observe(after(second))).reports).toEqual([]);
  });

  test('with the wall clock: from the window in which the first model went live, and when the next is due', async () => {
    world = await createWorld(s3.options, { clock: 'wall' });
    await world.goLive(1, day(9, '15:00:00.000'));
    world.clock.wallMs = Date.parse(day(10, '06:00:00.000'));
    const seen = await world.observe();
    expect(seen).toMatchObject({ now: day(10, '06:00:00.000'), nextDueInMs: 18 * 3_600_000 });
    expect(seen.reports.map((report) => report.window)).toEqual([window(9)]);
  });

  test('the newest configuration and the head of its dataset are told', async () => {
    world = await createWorld(s3.options);
    await world.applyConfig({ windows: { ...config.windows, everyMs: 2 * DAY_MS } });
    await world.goLive(1);
    await complete(9);
    const seen = await world.observe({ monitoredTo: day(6) });
    expect(seen).toMatchObject({ configSeq: 2, configDigest: '2'.padStart(64, '0'), monitoredTo: day(9) });
    expect(seen.reports.map((report) => report.window)).toEqual([{ from: day(7), to: day(9) }]);
  });
});

describe('the first report of a window', () => {
  test('counts, drift and the labels that are there', async () => {
    world = await createWorld(s3.options);
    await world.goLive(1);
    await world.log('predictions', 5, predictions(5, 240));
    await world.log('predictions', 5, predictions(5, 40)); // delivered twice
    await world.log('predictions', 6, predictions(6, 240)); // the next window's
    await world.log('labels', 8, labels(5, 0, 60));
    await complete(6);
    const { reports, openWindows } = await world.observe();
    expect(reports).toMatchObject([
      { window: window(5), revision: 1, status: 'provisional', rows: 240, labelMaturity: 0.25 },
    ]);
    expect(openWindows).toEqual([{ ...window(5), revision: 1, labelObjects: 1, seen: expect.any(String) }]);
    const report = await stored(reports[0]!.key);
    expect(reports[0]!.key).toBe(keys.report(MODEL, day(5), day(6), 1));
    expect(report).toMatchObject({
      rows: 240,
      feed: { duplicates: 40 },
      servedBy: [{ release: 1, rows: 240 }],
      referenceRelease: 1,
      at: day(6),
      checks: [{ check: 'duplicates', severity: 'warn', value: 40 / 280 }],
    });
    expect(report).toMatchObject({ labelMean: 0.25, performance: { rows: 60, metrics: { auc: { value: 1 } } } });
    expect(report.drift.columns.map(({ name }) => name)).toEqual(['hour', 'origin']);
    for (const { psi } of report.drift.columns) expect(psi).toBeLessThan(0.01);
    expect(reports[0]!.text).toMatch(
      /^2001-02-05 to 2001-02-06: 240 predictions, served by release 1, labels 25 % \(provisional\), AUC 1\.000 \(reference 1\.000\)/,
    );
    expect(await readdir(world.ports.workDir)).toEqual([]);
  });

  test('drift shows', async () => {
    world = await createWorld(s3.options);
    await world.goLive(1);
    await world.log('predictions', 5, predictions(5, 240, { hour: (i) => i % 6 }));
    await complete(6);
    const report = await stored((await world.observe()).reports[0]!.key);
    expect(report.drift.columns[0]!.psi).toBeGreaterThan(1);
    expect(report.drift.columns[1]!.psi).toBeLessThan(0.01);
  });

  test('a silent window is final at once, and blocked; what is delivered later lifts the block', async () => {
    world = await createWorld(s3.options);
    await world.goLive(1);
    await complete(6);
    const { reports, openWindows } = await world.observe();
    expect(reports).toMatchObject([
      { rows: 0, status: 'final', text: expect.stringContaining('BROKEN: the feed is silent') },
    ]);
    // Until the label deadline somebody may deliver what is missing.
    expect(openWindows).toMatchObject([{ ...window(5), revision: 1 }]);
    await world.log('predictions', 5, predictions(5, 240));
    const repaired = await world.observe({ monitoredTo: day(6), openWindows });
    expect(repaired.reports).toMatchObject([{ revision: 2, rows: 240, status: 'provisional' }]);
    const { checks, lateRows } = await stored(repaired.reports[0]!.key);
    expect([checks.map(({ check, severity }) => [check, severity]), lateRows]).toEqual([[['late', 'warn']], 240]);
    await complete(20);
    const over = await world.observe({ monitoredTo: day(20), openWindows: repaired.openWindows });
    expect(over).toMatchObject({ reports: [{ revision: 3, status: 'final' }], openWindows: [] });
  });

  test('broken data: type change in mid-window, unseen categories, a torn object', async () => {
    world = await createWorld(s3.options);
    await world.goLive(1);
    const rows = predictions(5, 240).map((row, i) => ({
      ...row,
      hour: i < 120 ? row['hour'] : `${row['hour']}h`,
      origin: i % 2 ? 'LHR' : row['origin'],
    }));
    await world.log('predictions', 5, rows);
    const torn = await world.log('predictions', 5, [], 'torn.parquet');
    await complete(6);
    const { checks } = await stored((await world.observe()).reports[0]!.key);
    expect(checks).toMatchObject([
      { check: 'unreadable', severity: 'block', text: expect.stringContaining(`${torn} cannot be read`) },
      { check: 'type', column: 'hour', severity: 'block', value: 0.5 },
      { check: 'unseenCategories', column: 'origin', severity: 'block', value: 0.5 },
    ]);
  });

  test('a feature that only the newest configuration has is not missed: the champion never used it', async () => {
    world = await createWorld(s3.options, { features: [...config.features, { name: 'wind', type: 'float32' }] });
    await world.goLive(1);
    await world.log('predictions', 5, predictions(5, 240));
    await complete(6);
    expect((await stored((await world.observe()).reports[0]!.key)).checks).toEqual([]);
  });
});

describe('late labels', () => {
  const live = async (): Promise<Observation> => {
    world = await createWorld(s3.options);
    await world.goLive(1);
    await world.log('predictions', 5, predictions(5, 240));
    await complete(6);
    return world.observe();
  };

  test('revise the report until the maturity is reached; nothing new costs no download', async () => {
    let seen = await live();
    expect(seen.openWindows).toMatchObject([{ revision: 1, labelObjects: 0 }]);
    const before = { ...world.counters };
    seen = await world.observe(after(seen));
    expect(seen.reports).toEqual([]);
    expect(world.counters).toEqual(before);

    await world.log('labels', 8, labels(5, 0, 120));
    seen = await world.observe(after(seen));
    expect(seen.reports).toMatchObject([{ revision: 2, status: 'provisional', labelMaturity: 0.5 }]);
    expect(seen.openWindows).toMatchObject([{ revision: 2, labelObjects: 1 }]);

    await world.log('labels', 9, labels(5, 0, 120)); // nothing new in it
    seen = await world.observe(after(seen));
    expect(seen.reports).toEqual([]);
    expect(seen.openWindows).toMatchObject([{ revision: 2, labelObjects: 2 }]);

    await world.log('labels', 9, labels(5, 120, 220, true));
    seen = await world.observe(after(seen));
    expect(seen.reports).toMatchObject([{ revision: 3, status: 'final' }]);
    // Final, and open for labels that come later.
    expect(seen.openWindows).toMatchObject([{ revision: 3 }]);
    const [first, last] = [await stored(keys.report(MODEL, day(5), day(6), 1)), await stored(seen.reports[0]!.key)];
    expect(last).toMatchObject({
      drift: { columns: first.drift.columns },
      rows: first.rows,
      causeId: expect.stringMatching(/rev-3$/),
    });
    expect(last.performance!.metrics['auc']!.value).toBeLessThan(0.7);

    await world.log('labels', 10, labels(5, 220, 240));
    seen = await world.observe(after(seen));
    expect(seen.reports).toMatchObject([{ revision: 4, status: 'final', labelMaturity: 1 }]);
    // Of what is known nothing is read again: the one object that had said nothing new was looked into twice.
    expect(world.counters).toMatchObject({ profiles: 1, labelFiles: 5 });
  });

  test('that contradict earlier ones revise it too, though their number is the same', async () => {
    let seen = await live();
    await world.log('labels', 8, labels(5, 0, 120));
    seen = await world.observe(after(seen));
    await world.log(
      'labels',
      9,
      labels(5, 0, 120, true).map((row) => ({ ...row, _seq: 2 })),
    );
    seen = await world.observe(after(seen));
    expect(seen.reports).toMatchObject([{ revision: 3, labelMaturity: 0.5 }]);
    expect((await stored(seen.reports[0]!.key)).performance).toMatchObject({ metrics: { auc: { value: 0 } } });
  });

  test('of an object that is written anew are read anew, with all others', async () => {
    let seen = await live();
    await world.log('labels', 8, labels(5, 0, 60), 'a.jsonl');
    await world.log('labels', 8, labels(5, 60, 120), 'b.jsonl');
    seen = await world.observe(after(seen));
    // Of the same size: only the content is another.
    await world.log('labels', 8, labels(5, 60, 120, true), 'b.jsonl');
    seen = await world.observe(after(seen));
    expect(seen.reports).toMatchObject([{ revision: 3, labelMaturity: 0.5 }]);
    expect((await stored(seen.reports[0]!.key)).labelMean).toBe(0.5);
    expect(world.counters).toMatchObject({ profiles: 1, labelFiles: 4 });
  });

  test('are no longer waited for at the deadline; revisions of older windows come before new windows', async () => {
    const seen = await live();
    await world.log('labels', 12, labels(5, 0, 30));
    await complete(13);
    const next = await world.observe(after(seen));
    expect(next.reports.map((report) => [report.window.from, report.revision, report.status])).toEqual([
      [day(5), 2, 'final'],
      [day(6), 1, 'final'],
      [day(7), 1, 'final'],
      [day(8), 1, 'final'],
      [day(9), 1, 'final'],
    ]);
  });
});

describe('many open windows', () => {
  /** Ten monitored windows that wait for labels. */
  const tenOpen = async (): Promise<Observation> => {
    world = await createWorld(s3.options, { label: { ...config.label, deadlineMs: 14 * DAY_MS } });
    await world.goLive(1);
    for (let n = 5; n < 15; n++) await world.log('predictions', n, predictions(n, 40));
    await complete(15);
    let seen = await world.observe();
    while (seen.more) seen = await world.observe(after(seen));
    expect(seen.openWindows).toHaveLength(10);
    return seen;
  };
  const revised = ({ reports }: Observation) => reports.map(({ window: { from } }) => from);

  test('are read anew four per call, the oldest first, and each once', async () => {
    let seen = await tenOpen();
    const every = Array.from({ length: 10 }, (_, i) => labels(5 + i, 0, 20)).flat();
    await world.log('labels', 15, every);
    world.counters.performances = 0;
    const calls: string[][] = [];
    do {
      seen = await world.observe(after(seen));
      calls.push(revised(seen));
    } while (seen.more && calls.length < 9);
    expect(calls).toEqual(
      [
        [5, 6, 7, 8],
        [9, 10, 11, 12],
        [13, 14],
      ].map((days) => days.map((n) => day(n))),
    );
    expect(world.counters.performances).toBe(10);
    expect(await world.observe(after(seen))).toMatchObject({ reports: [], more: false });
    expect(world.counters.performances).toBe(10);
  });

  test('all have their turn while labels keep coming, and new windows too', async () => {
    let seen = await tenOpen();
    await complete(16);
    const turns = new Set<string>();
    for (let call = 0; call < 3; call++) {
      await world.log('labels', 15, Array.from({ length: 10 }, (_, i) => labels(5 + i, 3 * call, 3 * call + 3)).flat());
      seen = await world.observe(after(seen));
      for (const from of revised(seen)) turns.add(from);
    }
    expect(turns.size).toBe(11);
  });

  test('cost one listing of each stretch of the label log per call, not one per window', async () => {
    const seen = await tenOpen();
    const { json } = world.ports;
    let listings = 0;
    const counted: typeof json.list = (prefix, start) => {
      if (prefix.startsWith(keys.labels(MODEL)) && !prefix.includes('watermarks')) listings += 1;
      return json.list(prefix, start);
    };
    world.ports.json = { ...json, list: counted };
    await world.observe(after(seen));
    expect(listings).toBe(10); // ten windows end on ten days
    const found: string[] = [];
    const spied: typeof json.list = async function* (prefix, start) {
      for await (const entry of json.list(prefix, start)) {
        if (prefix.startsWith(keys.labels(MODEL))) found.push(entry.key);
        yield entry;
      }
    };
    for (const n of [8, 12, 20]) await world.log('labels', n, labels(5, 0, 1));
    world.ports.json = { ...json, list: spied };
    await world.observe(after(seen));
    // A key that ends a stretch is met again by the next one.
    expect(found.filter((key) => key.includes('dt=2001-02-08'))).toHaveLength(1);
    expect(found.filter((key) => key.includes('dt=2001-02-12'))).toHaveLength(1);
  });
});

describe('the label log that says how far it is complete', () => {
  test('ends the waiting before the clock of the predictions does', async () => {
    world = await createWorld(s3.options);
    await world.goLive(1);
    await world.log('predictions', 5, predictions(5, 240));
    await world.log('predictions', 6, predictions(6, 240));
    await complete(7);
    let seen = await world.observe();
    expect(seen.openWindows).toHaveLength(2);
    await world.log('labels', 8, labels(5, 0, 60));
    // Window 5 ends at day 6 and waits seven days.
    await world.store.watermarks.write('labels', MODEL, day(12, '23:59:59.000'));
    seen = await world.observe(after(seen));
    expect(seen.reports).toMatchObject([{ window: window(5), revision: 2, status: 'provisional' }]);
    await world.store.watermarks.write('labels', MODEL, day(13));
    seen = await world.observe(after(seen));
    expect(seen).toMatchObject({ now: day(7), reports: [{ window: window(5), revision: 3, status: 'final' }] });
    expect(seen.openWindows).toMatchObject([window(6)]);
  });
});

describe('a call that is repeated', () => {
  test('after a crash between writing and answering returns the same reports, without counting again', async () => {
    world = await createWorld(s3.options);
    await world.goLive(1);
    await world.log('predictions', 5, predictions(5, 240));
    await complete(6);
    const first = await world.observe();
    const report = await stored(first.reports[0]!.key);
    const counted = world.counters.profiles;
    // Meanwhile the world has moved on: late predictions, and a new champion.
    await world.log('predictions', 5, predictions(5, 400));
    await world.goLive(2);
    expect((await world.observe()).reports).toEqual(first.reports);
    expect(await stored(first.reports[0]!.key)).toEqual(report);
    expect(world.counters.profiles).toBe(counted);

    await world.log('labels', 8, labels(5, 0, 120));
    const revised = await world.observe(after(first));
    await world.log('labels', 8, labels(5, 120, 380));
    const again = await world.observe(after(first));
    expect(again.reports).toEqual(revised.reports);
    // What came in between is not lost: it is met by the next call.
    expect((await world.observe(after(again))).reports).toMatchObject([{ revision: 3, status: 'final', rows: 400 }]);
  });

  test('that is cancelled stops between two objects and leaves no files; what is written stays', async () => {
    world = await createWorld(s3.options);
    await world.goLive(1);
    await world.log('predictions', 5, predictions(5, 240));
    await world.log('predictions', 5, predictions(6, 240));
    await complete(6);
    await expect(world.observe({}, true)).rejects.toMatchObject({ name: 'CancelledFailure' });
    expect(world.counters).toMatchObject({ downloads: 1, profiles: 0 });
    expect(await readdir(world.ports.workDir)).toEqual([]);
    expect((await world.observe()).reports).toMatchObject([{ rows: 240 }]);
  });
});
