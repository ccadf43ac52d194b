import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MAX_WEEKS, productionWeek } from '../../examples/flights/calendar.js';
import { type FlightsData, prepareFlights } from '../../examples/flights/data.js';
import { incidentOf } from '../../examples/flights/incidents.js';
import { sql } from '../support/steps.js';

let cacheDir: string;
let injected: FlightsData;
let real: FlightsData;
beforeAll(async () => {
  cacheDir = await mkdtemp(join(tmpdir(), 'seawall-incidents-'));
  const options = { cacheDir, weeks: MAX_WEEKS, slice: 0.02 };
  [injected, real] = [await prepareFlights(options), await prepareFlights({ ...options, incidents: false })];
}, 120_000);
afterAll(() => rm(cacheDir, { recursive: true, force: true }));

/** A flight as it was beside what the example makes of it. */
const pairs = (k: number) => `
  read_parquet('${real.weeks[k - 1]!.data.file}', hive_partitioning = false) r
  JOIN read_parquet('${injected.weeks[k - 1]!.data.file}', hive_partitioning = false) i USING (flight_id)`;
const count = async (k: number, condition: string): Promise<number> => {
  const [row] = await sql<{ n: number }>(`SELECT count(*) FILTER (${condition})::INTEGER AS n FROM ${pairs(k)}`);
  return row!.n;
};

describe('the injected incidents', () => {
  it('leave every other week as it was', async () => {
    for (let k = 1; k <= MAX_WEEKS; k++) {
      if (incidentOf(productionWeek(k))) continue;
      const differing = 'r.origin != i.origin OR r.destination != i.destination OR r.late != i.late';
      expect([k, await count(k, differing)]).toEqual([k, 0]);
    }
  });

  it('give airport codes in another form for two weeks, and take it back', async () => {
    for (const k of [6, 7]) {
      expect(incidentOf(productionWeek(k))?.id).toBe('codes');
      const rows = await count(k, 'true');
      expect(rows).toBeGreaterThan(2000);
      expect(await count(k, 'length(i.origin) = 4 AND i.origin != r.origin AND length(i.destination) = 4')).toBe(rows);
      expect(await count(k, "r.origin = 'ORD' AND i.origin != 'KORD'")).toBe(0);
      expect(await count(k, "r.origin = 'ANC' AND i.origin != 'PANC'")).toBe(0);
      expect(await count(k, 'r.late != i.late')).toBe(0);
    }
  });

  it('make flights to the hubs late for good, in data and labels alike', async () => {
    for (const k of [15, 21]) {
      const toHub = "r.destination IN ('ATL', 'DFW', 'ORD')";
      expect(incidentOf(productionWeek(k))?.id).toBe('capacity');
      expect(await count(k, `NOT ${toHub} AND r.late != i.late`)).toBe(0);
      expect(await count(k, `${toHub} AND i.late < r.late`)).toBe(0);
      const [share] = await sql<{ before: number; after: number }>(
        `SELECT avg(r.late) AS before, avg(i.late) AS after FROM ${pairs(k)} WHERE ${toHub}`,
      );
      expect(share!.after - share!.before).toBeGreaterThan(0.2);
      const files = injected.weeks[k - 1]!.labels.map(({ file }) => `'${file}'`).join(', ');
      const [labels] = await sql<{ rows: number; late: number }>(
        `SELECT count(*)::INTEGER AS rows, sum(label)::INTEGER AS late FROM read_parquet([${files}])`,
      );
      expect([labels!.rows, labels!.late]).toEqual([await count(k, 'true'), await count(k, 'i.late = 1')]);
    }
  });
});
