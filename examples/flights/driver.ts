/**
 * The story, in feed time: January trains the first champion; then every week is served, labelled a week later, committed as
 * data, monitored and decided. The next week is sent only when the last one is decided and no run is open, so that the story
 * is the same every time.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { keys, SeawallError } from '../../src/contracts/index.js';
import { PRODUCTION_START, productionWeek } from './calendar.js';
import type { FlightsData, WeekData } from './data.js';
import { weekResult } from './document.js';
import { HEADER, releaseLine, weekLine } from './lines.js';
import type { ModelRecords } from './records.js';
import { settled } from './settle.js';
import { flushLog, sendFlights, servedRelease } from './traffic.js';
import { DATASET, MODEL, type World } from './world.js';

const BY = 'flights example';
/** Serving looks for a new champion every second. */
const SERVED_WITHIN_MS = 60_000;

/** Tells the whole story and returns what stands in the records at its end. Throws SeawallError when it cannot go on. */
export async function tellStory(world: World, data: FlightsData): Promise<ModelRecords> {
  let records = await firstChampion(world, data);
  world.teller.line(HEADER);
  for (const [index, week] of data.weeks.entries()) {
    const labelled = data.weeks[index - 1];
    await serveWeek(world, week);
    if (labelled) await deliverLabels(world, data, labelled);
    await world.store.watermarks.write('predictions', MODEL, week.to);
    records = await judged(world, records, { monitored: week, ...(labelled ? { final: labelled } : {}) });
  }
  const last = data.weeks.at(-1);
  if (!last) throw new SeawallError('BadInput', 'there is no week to serve', 'Choose at least one week.');
  // The label week: outcomes still arrive, but nobody flies. The watermark of predictions stays, or the silent feed would be
  // reported as an incident.
  await deliverLabels(world, data, last);
  return judged(world, records, { final: last });
}

/** Configuration, January as the first dataset version, and a loop that makes a model of it. */
async function firstChampion(world: World, data: FlightsData): Promise<ModelRecords> {
  const { loop, store, teller } = world;
  teller.now('commits January, starts the loop');
  await loop.applyConfig();
  await store.datasets.commitVersion(DATASET, filesOf([data.january]), { by: BY, expectedHead: null });
  // Before production nothing was predicted: with this the feed's clock begins in 2001, also for the first decision.
  await store.watermarks.write('predictions', MODEL, PRODUCTION_START);
  await loop.start();
  const records = await settled(world, { what: 'waits for the first champion', release: true });
  await untilServed(world, records);
  teller.line(
    `${releaseLine(records, 1)}, learnt from ${data.january.rows.toLocaleString('en-US')} flights of January`,
  );
  return records;
}

async function serveWeek({ serving, teller }: World, { data, day }: WeekData): Promise<void> {
  const total = data.rows.toLocaleString('en-US');
  const sent = await sendFlights(serving, data.file, (rows) =>
    teller.now(`week of ${day}: ${rows.toLocaleString('en-US')} of ${total} flights sent`),
  );
  if (sent !== data.rows) {
    throw new SeawallError(
      'Corrupt',
      `${data.file} holds ${sent} flights, not ${data.rows}`,
      'Delete the cache folder.',
    );
  }
  teller.now(`week of ${day}: flushes the prediction log`);
  await flushLog(serving);
}

/** What a week's flights turned out to be: into the label log, and as data to learn from. */
async function deliverLabels({ store, teller }: World, data: FlightsData, week: WeekData): Promise<void> {
  teller.now(`week of ${week.day}: delivers labels, commits the labelled week`);
  await Promise.all(
    week.labels.map(({ day, file }) => {
      const key = keys.logObject('labels', MODEL, day, `flights-${week.day}.parquet`);
      return store.files.upload(key, file);
    }),
  );
  const files = week.k === 1 ? [data.gap, week.data] : [week.data];
  await store.datasets.extendVersion(DATASET, filesOf(files), { by: BY });
  // Every label that arrived until the end of the week after it.
  await store.watermarks.write('labels', MODEL, productionWeek(week.k + 1).to);
}

/** Hints the loop, waits until it has decided, and says what it decided. */
async function judged(
  world: World,
  before: ModelRecords,
  expected: { monitored?: WeekData; final?: WeekData },
): Promise<ModelRecords> {
  await world.loop.feed();
  const last = expected.monitored ?? expected.final;
  const records = await settled(world, { what: `week of ${last?.day}: monitors and decides`, ...expected });
  if (expected.final) world.teller.line(weekLine(weekResult(records, expected.final)));
  for (const { release } of records.releases.slice(before.releases.length)) {
    world.teller.line(releaseLine(records, release));
  }
  sayWhatFailed(world, before, records);
  sayWhoInterfered(world, before, records);
  await untilServed(world, records);
  return records;
}

/** A challenger that was refused, or a run that failed: the champion stays, and the story goes on. */
function sayWhatFailed({ teller }: World, before: ModelRecords, records: ModelRecords): void {
  for (const { n, outcome } of records.runs) {
    const isNew = !before.runs.some((run) => run.n === n);
    if (isNew && outcome && outcome.kind !== 'released')
      teller.line(`            run ${n} ${outcome.kind}: ${outcome.text}`);
  }
}

/** The pointer moved without a new release: somebody rolled back from another terminal, and the story goes on from there. */
function sayWhoInterfered({ teller }: World, before: ModelRecords, { live, releases }: ModelRecords): void {
  const moved = live !== null && live.epoch !== before.live?.epoch;
  if (moved && live.release !== releases.at(-1)?.release)
    teller.line(`            release ${live.release} is live again: rolled back`);
}

/** A week must not begin on one release and end on another. */
async function untilServed({ serving, signal, teller }: World, { live }: ModelRecords): Promise<void> {
  const wanted = live?.release;
  const deadline = Date.now() + SERVED_WITHIN_MS;
  for (;;) {
    const served = await servedRelease(serving);
    if (served === wanted) return;
    if (Date.now() > deadline) {
      const text = `serving answers with release ${served ?? 'none'}, not ${wanted}, after ${SERVED_WITHIN_MS / 1000} s`;
      throw new SeawallError('Unavailable', text, 'See the log of serving.');
    }
    teller.now(`waits until serving has release ${wanted}`);
    await delay(100, undefined, { signal });
  }
}

const filesOf = (data: { path: string; file: string }[]): { path: string; localFile: string }[] =>
  data.map(({ path, file }) => ({ path, localFile: file }));
