/** What the world around the model delivers, week by week: flights to predict, and a week later what became of them. */
import { keys, SeawallError } from '../../src/contracts/index.js';
import { productionWeek } from './calendar.js';
import type { FlightsData, WeekData } from './data.js';
import { flushLog, sendFlights } from './traffic.js';
import { DATASET, MODEL, type World } from './world.js';

const BY = 'flights example';
type Deliveries = Pick<World, 'store'>;

/** January, as the first version of the dataset. */
export async function commitJanuary({ store }: Deliveries, { january }: FlightsData): Promise<void> {
  // Taken up again, the head may be further on already.
  if (await store.datasets.head(DATASET)) return;
  await store.datasets.commitVersion(DATASET, filesOf([january]), { by: BY, expectedHead: null });
}

/**
 * The week's flights through serving, the week before it labelled, and "predictions are complete up to here", which is what the
 * loop waits for. A week that was delivered is not delivered again.
 */
export async function deliverWeek(world: World, data: FlightsData, week: WeekData): Promise<void> {
  if (await isDelivered(world, week)) return;
  await serveWeek(world, week);
  const labelled = data.weeks[week.k - 2];
  world.teller.now(`week of ${week.day}: delivers the labels of the week before`);
  if (labelled) await deliverLabels(world, data, labelled);
  await world.store.watermarks.write('predictions', MODEL, week.to);
}

export const isDelivered = async ({ store }: Deliveries, week: WeekData): Promise<boolean> =>
  ((await store.watermarks.completeTo('predictions', MODEL)) ?? '') >= week.to;

async function serveWeek({ serving, teller }: World, { data, day }: WeekData): Promise<void> {
  const total = data.rows.toLocaleString('en-US');
  const sent = await sendFlights(serving, data.file, (rows) =>
    teller.now(`week of ${day}: ${rows.toLocaleString('en-US')} of ${total} flights sent`),
  );
  if (sent !== data.rows) {
    const text = `${data.file} holds ${sent} flights, not ${data.rows}`;
    throw new SeawallError('Corrupt', text, 'Delete the cache folder.');
  }
  teller.now(`week of ${day}: flushes the prediction log`);
  await flushLog(serving);
}

/** What a week's flights turned out to be: as data to learn from, and into the label log. Twice is once. */
export async function deliverLabels({ store }: Deliveries, data: FlightsData, week: WeekData): Promise<void> {
  const files = week.k === 1 ? [data.gap, week.data] : [week.data];
  await store.datasets.extendVersion(DATASET, filesOf(files), { by: BY });
  await Promise.all(week.labels.map(({ day, file }) => store.files.upload(labelKey(week, day), file)));
  // Every label that arrived until the end of the week after it.
  await store.watermarks.write('labels', MODEL, productionWeek(week.k + 1).to);
}

/**
 * Completes a delivery that was cut off between its first label and its watermark. It must happen before a loop can look: half of
 * a delivery would be judged by the clock of the week before.
 */
export async function completeDelivery(world: Deliveries, data: FlightsData): Promise<void> {
  const { store } = world;
  const completeTo = await store.watermarks.completeTo('predictions', MODEL);
  if (completeTo === undefined) return;
  const next = data.weeks.find(({ to }) => to > completeTo);
  const labelled = next ? data.weeks[next.k - 2] : data.weeks.at(-1);
  if (!labelled || !(await anyLabel(world, labelled))) return;
  await deliverLabels(world, data, labelled);
  if (next) await store.watermarks.write('predictions', MODEL, next.to);
}

async function anyLabel({ store }: Deliveries, week: WeekData): Promise<boolean> {
  for (const { day } of week.labels) {
    const wanted = labelKey(week, day);
    for await (const { key } of store.json.list(wanted)) if (key === wanted) return true;
  }
  return false;
}

const labelKey = (week: WeekData, day: string): string =>
  keys.logObject('labels', MODEL, day, `flights-${week.day}.parquet`);

const filesOf = (data: { path: string; file: string }[]): { path: string; localFile: string }[] =>
  data.map(({ path, file }) => ({ path, localFile: file }));
