/**
 * The story, in feed time: January trains the first champion; then every week is served, labelled a week later, committed as
 * data, monitored and decided. The next week is sent only when the last one is decided and no run is open, so that the story
 * is the same every time. Everything it does is done once, however often it is cut off and taken up again.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { SeawallError } from '../../src/contracts/index.js';
import { weekResult } from './assemble.js';
import { MAX_WEEKS, PRODUCTION_START } from './calendar.js';
import type { FlightsData, WeekData } from './data.js';
import { commitJanuary, deliverLabels, deliverWeek, isDelivered } from './delivery.js';
import { incidentOf } from './incidents.js';
import { actLines, HEADER, incidentLine, releaseLine, weekLine } from './lines.js';
import type { ModelRecords } from './records.js';
import { settled } from './settle.js';
import { servedRelease } from './traffic.js';
import { MODEL, type World } from './world.js';

/** Serving looks for a new champion every second. */
const SERVED_WITHIN_MS = 60_000;

/** Tells the whole story and returns what stands in the records at its end. Throws SeawallError when it cannot go on. */
export async function tellStory(world: World, data: FlightsData): Promise<ModelRecords> {
  const { teller } = world;
  let records = await firstChampion(world, data);
  const told = (await world.store.watermarks.completeTo('predictions', MODEL)) ?? '';
  if (told >= (data.weeks[0]?.to ?? told))
    teller.line(`            told again from the records, up to ${told.slice(0, 10)}:`);
  teller.line(HEADER);
  for (const week of data.weeks) {
    // What an earlier start has done costs this one nothing, and says nothing about how long the rest takes.
    if (!(await isDelivered(world, week))) teller.progress(effortUpTo(week.k - 1) / effortUpTo(data.weeks.length + 1));
    await trainBaseline(world, week);
    await deliverWeek(world, data, week);
    const labelled = data.weeks[week.k - 2];
    const expected = { monitored: week, ...(labelled ? { final: labelled } : {}) };
    records = await judged(world, records, expected, week.to < told);
  }
  const last = data.weeks.at(-1);
  if (!last) throw new SeawallError('BadInput', 'there is no week to serve', 'Choose at least one week.');
  teller.progress(effortUpTo(data.weeks.length) / effortUpTo(data.weeks.length + 1));
  // The label week: outcomes still arrive, but nobody flies. The watermark of predictions stays, or the silent feed would be
  // reported as an incident.
  await deliverLabels(world, data, last);
  if (last.k === MAX_WEEKS) teller.line(NO_SUNDAY);
  records = await judged(world, records, { final: last });
  return settledEnd(world, records);
}

/** What people did in the last moment belongs to the story too, and so does what came of it. */
async function settledEnd(world: World, before: ModelRecords): Promise<ModelRecords> {
  const records = await settled(world, { what: 'ends' });
  tellChanges(world, before, records);
  return records;
}

/** Held against the windows before it. */
const NO_SUNDAY =
  '            the data end with Saturday, 30 June: the last window lacks its Sunday, which monitoring reports as a partial feed';

/** Later weeks have more to learn from; roughly, in seconds on two cores, of which only the proportions count. */
const effortUpTo = (weeks: number): number => 10 + weeks * 4 + (weeks * weeks) / 4;

/** Configuration, January as the first dataset version, and a loop that makes a model of it. */
async function firstChampion(world: World, data: FlightsData): Promise<ModelRecords> {
  const { loop, store, teller } = world;
  teller.now('commits January, starts the loop');
  await loop.applyConfig();
  await commitJanuary(world, data);
  // Before production nothing was predicted: with this the feed's clock begins in 2001, also for the first decision.
  await store.watermarks.write('predictions', MODEL, PRODUCTION_START);
  await loop.start();
  const records = await settled(world, { what: 'waits for the first champion', release: true });
  await untilServed(world);
  teller.line(
    `${releaseLine(records, 1)}, learnt from ${data.january.rows.toLocaleString('en-US')} flights of January`,
  );
  return firstPart(records);
}

/** Of a story that is taken up again: what had happened before the first week. The rest is told again, week by week. */
const firstPart = (records: ModelRecords): ModelRecords => ({
  ...records,
  releases: records.releases.slice(0, 1),
  runs: records.runs.slice(0, 1),
  audit: [],
});

async function trainBaseline({ baselines, teller }: World, { k, day }: WeekData): Promise<void> {
  const what = `week of ${day}: trains the model of a team that retrains every week`;
  teller.now(what);
  await baselines.model(k, (share) => teller.now(`${what}, ${Math.round(share * 100)} %`));
}

/** Hints the loop, waits until it has decided, and says what it decided. */
async function judged(
  world: World,
  before: ModelRecords,
  expected: { monitored?: WeekData; final?: WeekData },
  toldAgain = false,
): Promise<ModelRecords> {
  const { teller, baselines } = world;
  const last = expected.monitored ?? expected.final;
  const records = await settled(world, { what: `week of ${last?.day}: monitors and decides`, ...expected });
  const upTo = toldAgain ? { ...tellingUpTo(records, expected), audit: before.audit } : records;
  if (expected.final) {
    const incident = incidentOf(expected.final);
    if (incident && incident.from >= expected.final.from) teller.line(incidentLine(incident));
    teller.line(weekLine(weekResult(records, expected.final, baselines.known())));
  }
  tellChanges(world, before, upTo);
  await untilServed(world);
  return upTo;
}

/** Of a story that is told again: only what belongs to the weeks that were told so far. What people did is told at its end. */
function tellingUpTo(records: ModelRecords, { monitored }: { monitored?: WeekData }): ModelRecords {
  const later = records.decisions.filter(({ at }) => at > (monitored?.to ?? at)).map(({ seq }) => `decision/${seq}`);
  const runs = records.runs.filter(({ causeId }) => !later.includes(causeId));
  const numbers = new Set(runs.map(({ n }) => n));
  return { ...records, runs, releases: records.releases.filter(({ run }) => numbers.has(run)) };
}

/** Acts of people, releases, and runs that led to none: then the champion stays, and the story goes on. */
function tellChanges({ teller }: World, before: ModelRecords, records: ModelRecords): void {
  for (const line of actLines(records.audit.slice(before.audit.length))) teller.line(line);
  for (const { release } of records.releases.slice(before.releases.length)) teller.line(releaseLine(records, release));
  for (const { n, outcome } of records.runs) {
    const isNew = !before.runs.some((run) => run.n === n);
    if (isNew && outcome && outcome.kind !== 'released')
      teller.line(`            run ${n} ${outcome.kind}: ${outcome.text}`);
  }
}

/** A week must not begin on one release and end on another. */
async function untilServed({ serving, signal, teller, readRecords }: World): Promise<void> {
  const deadline = Date.now() + SERVED_WITHIN_MS;
  for (;;) {
    const served = await servedRelease(serving);
    // Looked at each time: somebody may have rolled back since.
    const wanted = (await readRecords()).live?.release;
    if (served === wanted) return;
    if (Date.now() > deadline) {
      const text = `serving answers with release ${served ?? 'none'}, not ${wanted}, after ${SERVED_WITHIN_MS / 1000} s`;
      throw new SeawallError('Unavailable', text, 'See the log of serving.');
    }
    teller.now(`waits until serving has release ${wanted}`);
    await delay(200, undefined, { signal });
  }
}
