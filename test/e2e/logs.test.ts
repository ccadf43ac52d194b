/** A model that learns from its logs, on real servers with the real trainer: what it predicted and was told becomes what it learns. */
import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { type FlightsData, prepareFlights } from '../../examples/flights/data.js';
import { type DecisionRecord, keys, type RunPlan } from '../../src/contracts/index.js';
import { sql } from '../support/steps.js';
import { collect, newestRecord, startSystem, type System, until } from '../support/system.js';

vi.setConfig({ testTimeout: 180_000 });

const MODEL = 'learner';
const FEATURES = ['hour', 'weekday', 'distance', 'origin', 'destination'];
/** No drift, however large, warrants a retrain: only that there is something new to learn. */
const yaml = `
name: ${MODEL}
clock: feed
windows: { every: 7d, anchor: 2001-02-05T00:00:00Z }
features: { hour: int64, weekday: int64, distance: float32, origin: string, destination: string }
label: { column: late, maturity: 0.95, deadline: 14d }
dataset: { name: flights, rowId: flight_id, from: logs }
trainer: { use: xgboost, params: { trees: 5 }, device: cpu }
gate:
  performance: { aucDrop: 1, logLossRise: 100 }
  drift: { warnPsi: 1000, featurePsi: 1000, predictionPsi: 1000 }
  dataset: { minNewShare: 0.05 }
  cooldown: 0s
promotion: { minGain: 0, minRows: 20 }
approval: { mode: auto }
`;

let system: System;
let data: FlightsData;
beforeAll(async () => {
  [system, data] = await Promise.all([
    startSystem(`logs-${randomUUID().slice(0, 8)}`),
    prepareFlights({ cacheDir: join(process.cwd(), '.seawall', 'cache'), weeks: 1, slice: 0.05 }),
  ]);
});
afterAll(() => system?.stop());

const ended = (n: number) =>
  until(`run ${n} has ended`, async () => (await newestRecord(system.store, MODEL, n))?.outcome ?? undefined, 120_000);
const decisions = () => collect(system.store.records.list<DecisionRecord>(keys.decisions(MODEL)));

const windowPath = () => keys.windowRowsPath(MODEL, { from: data.weeks[0]!.from, to: data.weeks[0]!.to });

/** The week as a serving system would have logged it, and what became of its flights; returns the flights. */
async function logWeek(): Promise<number> {
  const [week] = data.weeks;
  const folder = join(system.folder, 'logs');
  await mkdir(folder);
  const flights = `read_parquet('${week!.data.file}')`;
  const days = await sql<{ day: string }>(
    `SELECT DISTINCT event_time::DATE::VARCHAR AS day FROM ${flights} ORDER BY 1`,
  );
  for (const { day } of days) {
    const file = join(folder, `${day}.parquet`);
    await sql(`COPY (
      SELECT 'f' || flight_id AS _prediction_id, event_time AS _event_time, 1 AS _release, 1 AS _epoch, 'champion' AS _arm,
             ${FEATURES.join(', ')}, 0 AS prediction, (0.1 + (hash(flight_id) % 100) / 500.0)::FLOAT AS score
      FROM ${flights} WHERE event_time::DATE = DATE '${day}') TO '${file}' (FORMAT parquet)`);
    await system.store.files.upload(keys.logObject('predictions', MODEL, day, 'a.parquet'), file);
  }
  for (const { day, file } of week!.labels)
    await system.store.files.upload(keys.logObject('labels', MODEL, day, 'a.parquet'), file);
  await system.store.watermarks.write('predictions', MODEL, week!.to);
  return week!.data.rows;
}

it('is trained first on what its owner has committed', async () => {
  const file = join(system.folder, 'model.yaml');
  await writeFile(file, yaml);
  expect(await system.seawall('model', 'apply', file)).toMatchObject({
    code: 0,
    stderr: expect.stringContaining('no version of dataset flights was committed') as string,
  });
  await system.store.datasets.commitVersion('flights', [{ path: data.january.path, localFile: data.january.file }], {
    by: 'ann',
  });
  expect(await system.seawall('start', MODEL)).toMatchObject({ code: 0 });
  expect(await ended(1)).toMatchObject({ kind: 'released', release: 1 });
});

it('learns from its first week: rows are committed as a version, the gate weighs them, and a run learns from them', async () => {
  const rows = await logWeek();
  await system.client.workflow.getHandle(`model/${MODEL}`).signal('feed', {});
  const move = await until('the window is in the dataset', async () => {
    const [newest] = await system.store.datasets.history('flights');
    return newest?.seq === 2 && newest;
  });
  expect(move).toMatchObject({ by: `model/${MODEL}`, message: expect.stringContaining(`${rows} rows`) as string });
  expect(['released', 'refused']).toContain((await ended(2)).kind);
  expect((await decisions()).filter(({ action }) => action === 'retrain')).toMatchObject([
    { trigger: 'firstModel' },
    { trigger: 'dataset', window: null, context: { newData: { newFiles: 1, files: 2 } } },
  ]);
  const plan = (await system.store.json.read<RunPlan>(keys.runPlan(MODEL, 2)))?.value;
  expect(plan?.dataset).toMatchObject({ version: move.version, include: [windowPath(), data.january.path] });
});

it('is told of a commit by the command, and what it had learnt from its logs is there again', async () => {
  await until('run 2 is closed', async () => {
    const status = await system.client.workflow.getHandle(`model/${MODEL}`).query<{ openRuns: number[] }, []>('status');
    return status.openRuns.length === 0;
  });
  const learnt = (await system.store.datasets.head('flights'))?.version;
  const folder = join(system.folder, 'owned');
  await mkdir(join(folder, 'dt=2001-01-31'), { recursive: true });
  await sql(
    `COPY (SELECT * FROM read_parquet('${data.january.file}') LIMIT 2000) TO '${folder}/dt=2001-01-31/a.parquet' (FORMAT parquet)`,
  );
  const committed = await system.seawall('dataset', 'commit', 'flights', folder, '--json');
  expect(JSON.parse(committed.stdout)).toMatchObject({
    changed: true,
    loops: [{ model: MODEL, told: true, why: null }],
  });
  const decided = await until('decided on it, with the window', async () =>
    (await decisions()).find(
      ({ trigger, context }) =>
        trigger === 'dataset' && context.newData?.files === 2 && context.datasetVersion !== learnt,
    ),
  );
  const { files } = await system.store.datasets.manifest('flights', decided.context.datasetVersion!);
  expect(files.map((file) => file.path)).toEqual(['dt=2001-01-31/a.parquet', windowPath()]);
  expect((await system.store.datasets.history('flights')).map(({ by }) => by === `model/${MODEL}`)).toEqual([
    true,
    false,
    true,
    false,
  ]);
});
