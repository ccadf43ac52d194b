/** What can be wrong with logs, through the loop's monitor step and its gate: alarms where due, never a crash, never a retrain. */
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { keys, type MonitorReport, type Observation } from '../../src/contracts/index.js';
import { writeParquet } from '../adapters/duckdb/files.js';
import { type S3Server, startS3 } from '../support/s3.js';
import { config, createWorld, day, labels, MODEL, predictions, type Row, type World } from './monitor-world.js';

let s3: S3Server;
let world: World;
beforeAll(async () => void (s3 = await startS3()));
afterAll(() => s3.stop());
afterEach(() => world.close());

const complete = (n: number): Promise<void> => world.store.watermarks.write('predictions', MODEL, day(n));
const stored = async (key: string): Promise<MonitorReport> => (await world.store.json.read<MonitorReport>(key))!.value;
const newest = async ({ reports }: Observation): Promise<MonitorReport> => stored(reports.at(-1)!.key);

async function ready(): Promise<void> {
  world = await createWorld(s3.options);
  await world.goLive(1);
  await world.store.datasets.commitVersion('flights', [], { by: 'test', expectedHead: null });
}
/** Looks until there is nothing left to look at. */
async function onward(before: Observation): Promise<Observation> {
  let seen = before;
  const reports = [];
  do {
    seen = await world.observe({ monitoredTo: seen.monitoredTo, openWindows: seen.openWindows });
    reports.push(...seen.reports);
  } while (seen.more);
  return { ...seen, reports };
}
async function decided(seen: Observation) {
  const [now, standing] = [seen.now, { paused: false, pinned: false }];
  const asked = { request: null, first: false, openRun: null, standing, lastRetrainAt: null };
  const decisions = await world.gate({ model: MODEL, now, reports: seen.reports, ...asked });
  return decisions.at(-1)!;
}
const severe = (checks: MonitorReport['checks']) =>
  checks.map(({ check, column, severity }) => [check, column, severity]);

/** One window of day 5, and what the gate makes of it. */
async function judged(rows: Row[], labelled: Row[] = labels(5, 0, 240)) {
  await ready();
  await world.log('predictions', 5, rows);
  await world.log('labels', 8, labelled);
  await complete(6);
  const seen = await world.observe();
  return { report: await newest(seen), decision: await decided(seen) };
}
const changed = (change: (row: Row, i: number) => Row): Row[] =>
  predictions(5, 240).map((row, i) => ({ ...row, ...change(row, i) }));

describe('the values', () => {
  test('nothing wrong: nothing is said, and nothing is bought', async () => {
    const { report, decision } = await judged(predictions(5, 240));
    expect([severe(report.checks), decision.action]).toEqual([[], 'wait']);
  });

  test.each<[string, (row: Row, i: number) => Row, unknown[]]>([
    ['an all-null column', () => ({ hour: null }), ['nulls', 'hour', 'block']],
    [
      'NaN, infinities and numbers as text',
      (_, i) => ({ hour: ['NaN', 'Infinity', '7'][i % 3] }),
      ['type', 'hour', 'block'],
    ],
    ['constant answers', () => ({ score: 0.5 }), ['constant', 'score', 'block']],
    ['answers that are nothing', () => ({ score: null }), ['nulls', 'score', 'block']],
    ['a column that is gone', () => ({ origin: undefined }), ['missingColumn', 'origin', 'block']],
    [
      'a column that changes its type in mid-window',
      (row, i) => (i < 120 ? {} : { hour: `${String(row['hour'])}h` }),
      ['type', 'hour', 'block'],
    ],
  ])('%s', async (_, change, alarm) => {
    const { report, decision } = await judged(changed(change));
    expect(severe(report.checks)).toContainEqual(alarm);
    expect(decision).toMatchObject({ action: 'block', trigger: 'none' });
  });

  test('a feature that is stuck is said, and buys nothing', async () => {
    const { report, decision } = await judged(changed(() => ({ hour: 7 })));
    expect(severe(report.checks)).toEqual([['constant', 'hour', 'warn']]);
    expect(report.drift.columns[0]).toMatchObject({ name: 'hour', verdict: 'drifted' });
    expect(decision.action).toBe('wait');
  });

  test('labels of one class: nothing is judged by them, and it is said', async () => {
    const one = labels(5, 0, 240).map((row) => ({ ...row, label: 0 }));
    const { report, decision } = await judged(predictions(5, 240), one);
    expect(report.performance!.metrics['auc']).toBeNull();
    expect(decision).toMatchObject({
      action: 'wait',
      reason: expect.stringContaining('the labels are all of one class'),
    });
  });

  test('labels that are no labels: quality is not judged', async () => {
    const none = labels(5, 0, 240).map((row) => ({ ...row, label: 'perhaps' }));
    const { report, decision } = await judged(predictions(5, 240), none);
    expect(report).toMatchObject({ performance: null, labelMaturity: 0 });
    expect(decision.action).toBe('wait');
  });

  test('a text with a hundred thousand values', async () => {
    const { report, decision } = await judged(changed((_, i) => ({ origin: `${'x'.repeat(1000)}${i}` })));
    expect(severe(report.checks)).toEqual([['unseenCategories', 'origin', 'block']]);
    expect(decision.action).toBe('block');
  });
});

describe('the objects', () => {
  test('half of a Parquet object beside whole ones', async () => {
    await ready();
    const rows = predictions(5, 240).map(
      (row) =>
        `('${String(row['_prediction_id'])}', TIMESTAMP '${day(5, '10:00:00')}', 1, ${String(row['hour'])}, '${String(row['origin'])}', ${String(row['score'])})`,
    );
    const { path } = await writeParquet(
      join(tmpdir(), `half-${process.pid}.parquet`),
      `SELECT * FROM (VALUES ${rows.join(',')}) t(_prediction_id, _event_time, _release, hour, origin, score)`,
    );
    const bytes = await readFile(path);
    await world.store.files.upload(keys.logObject('predictions', MODEL, '2001-02-05', 'whole.parquet'), path);
    await writeFile(path, bytes.subarray(0, bytes.length / 2));
    await world.store.files.upload(keys.logObject('predictions', MODEL, '2001-02-05', 'half.parquet'), path);
    await complete(6);
    const seen = await world.observe();
    const report = await newest(seen);
    expect([report.rows, severe(report.checks)]).toEqual([240, [['unreadable', null, 'block']]]);
    expect(report.checks[0]!.text).toContain('predictions/late/dt=2001-02-05/half.parquet cannot be read');
    expect((await decided(seen)).action).toBe('block');
    // Written whole, it lifts the block.
    await writeFile(path, bytes);
    await world.store.files.upload(keys.logObject('predictions', MODEL, '2001-02-05', 'half.parquet'), path);
    const again = await world.observe({ monitoredTo: seen.monitoredTo, openWindows: seen.openWindows });
    expect(await newest(again)).toMatchObject({ revision: 2, rows: 240, feed: { duplicates: 240, unreadable: [] } });
    expect((await decided(again)).action).toBe('wait');
  });

  test('rows in the future belong to no window, and are said', async () => {
    const future = predictions(5, 300)
      .slice(240)
      .map((row) => ({ ...row, _event_time: '2031-01-01T00:00:00Z' }));
    const { report, decision } = await judged([...predictions(5, 240), ...future]);
    expect(report).toMatchObject({ rows: 240, feed: { misdated: { before: 0, after: 60 } } });
    expect(severe(report.checks)).toEqual([['misdated', '_event_time', 'warn']]);
    expect(decision.action).toBe('wait');
  });
});

describe('the feed', () => {
  const hourly = (n: number, hours: number[]): Row[] =>
    hours.flatMap((hour) =>
      predictions(n, 40).map((row, i) => ({
        ...row,
        _prediction_id: `d${n}-${hour}-${i}`,
        _event_time: day(n, `${String(hour).padStart(2, '0')}:10:00.000`),
      })),
    );
  const ALL = Array.from({ length: 24 }, (_, i) => i);

  test('of hours: what is wrong with the rows of the others is no share of one; a torn object stops only hours after it', async () => {
    world = await createWorld(s3.options, { windows: { everyMs: 3_600_000, anchor: day(5), allowedLatenessMs: 0 } });
    await world.goLive(1);
    await world.store.datasets.commitVersion('flights', [], { by: 'test', expectedHead: null });
    const old = hourly(5, [12]).map((row) => ({ ...row, _prediction_id: `old-${String(row['_prediction_id'])}` }));
    await world.log('predictions', 5, [
      ...hourly(5, ALL),
      ...old.map((row, i) => ({ ...row, _event_time: i % 2 ? day(4) : 'soon' })),
    ]);
    await world.store.watermarks.write('predictions', MODEL, day(5, '02:00:00.000'));
    const first = await world.observe();
    const begun = await Promise.all(first.reports.map(({ key }) => stored(key)));
    expect(begun.map(({ rows, feed }) => [rows, feed.objectRows])).toEqual([40, 40].map((rows) => [rows, 25 * 40]));
    expect(begun.flatMap(({ checks }) => checks).filter(({ severity }) => severity === 'block')).toEqual([]);
    await world.log('predictions', 5, [], 'torn.parquet');
    await world.store.watermarks.write('predictions', MODEL, day(5, '03:00:00.000'));
    const { reports } = await onward(first);
    const blocked = await Promise.all(reports.map(({ key }) => stored(key)));
    const torn = ({ checks }: MonitorReport) => checks.find(({ check }) => check === 'unreadable')?.severity;
    expect(blocked.map((report) => [report.window.from.slice(11, 13), report.revision, torn(report)])).toEqual([
      ['00', 2, 'warn'],
      ['01', 2, 'warn'],
      ['02', 1, 'block'],
    ]);
  });

  test('a day whose evening is missing is partial: its drift buys nothing; the repair is judged anew', async () => {
    await ready();
    for (const n of [5, 6, 7, 8]) await world.log('predictions', n, hourly(n, ALL));
    // The feed ends at three o'clock, and what came is drifted.
    const torn = hourly(9, ALL.slice(0, 15)).map((row) => ({ ...row, hour: 3 + (Number(row['hour']) % 2) }));
    await world.log('predictions', 9, torn);
    await complete(10);
    let seen = await world.observe();
    seen = await onward(seen);
    const report = await newest(seen);
    expect(severe(report.checks)).toEqual([['partial', null, 'warn']]);
    expect(report.checks[0]!.text).toContain('hour 16, hour 17, hour 18 and 6 more of 24 are silent');
    expect(report.drift.columns[0]!.verdict).toBe('drifted');
    expect(await decided(seen)).toMatchObject({
      action: 'wait',
      reason: expect.stringContaining('what is missing would pass for drift'),
    });
    // The rest comes late: now the window is whole, and its drift is real.
    await world.log(
      'predictions',
      9,
      hourly(9, ALL.slice(15)).map((row) => ({ ...row, hour: 3 + (Number(row['hour']) % 2) })),
    );
    seen = await onward(seen);
    expect(await newest(seen)).toMatchObject({ revision: 2, lateRows: 360, drift: { judgedBefore: false } });
    expect(await decided(seen)).toMatchObject({ action: 'retrain', trigger: 'drift' });
    // Once: later revisions do not buy it again.
    await world.log('labels', 12, [{ ...labels(9, 0, 1)[0], _prediction_id: 'd9-0-0' }]);
    seen = await onward(seen);
    expect(await newest(seen)).toMatchObject({ revision: 3, drift: { judgedBefore: true } });
    expect((await decided(seen)).action).toBe('wait');
  });

  test('much less than on the days before is said; a new level is learnt', async () => {
    await ready();
    for (const n of [5, 6, 7, 8]) await world.log('predictions', n, hourly(n, ALL));
    await world.log(
      'predictions',
      9,
      hourly(9, ALL).filter((_, i) => i % 4 === 0),
    );
    await complete(10);
    let seen = await world.observe();
    seen = await onward(seen);
    const report = await newest(seen);
    expect(report.expected).toMatchObject({ rows: 960, windows: 4, of: 'preceding', alike: false });
    expect(severe(report.checks)).toEqual([['volume', null, 'warn']]);
    expect(report.checks[0]!.text).toContain(
      '240 predictions, where windows before it (median of 4) had 960: 75 % are missing',
    );
  });
});

test('the limits of a schema hold in the loop', async () => {
  await ready();
  const columns = {
    hour: { max: 22, unique: true, severity: 'block' as const },
    origin: { categories: ['ATL'], severity: 'warn' as const },
  };
  await world.applyConfig({ monitor: { ...config.monitor, schema: { columns, extra: 'warn' } } });
  await world.log(
    'predictions',
    5,
    changed(() => ({ wind: 3 })),
  );
  await complete(6);
  const seen = await world.observe();
  expect(severe((await newest(seen)).checks)).toEqual([
    ['outOfRange', 'hour', 'block'],
    ['notUnique', 'hour', 'block'],
    ['unseenCategories', 'origin', 'warn'],
    ['extraColumn', 'wind', 'warn'],
  ]);
  expect((await decided(seen)).reason).toContain(
    'column hour is outside −∞ to 22, the schema’s range'.replace('’', "'"),
  );
});
