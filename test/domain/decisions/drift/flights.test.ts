/** Real rows: what does not change is not called drifted, and what does is. `npm run proof:monitoring` is the long version. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ColumnDrift, DriftVerdict } from '../../../../src/contracts/index.js';
import { DRIFT_POLICY, driftOfProfiles } from '../../../../src/domain/decisions/drift/column.js';
import {
  allRows,
  drawn,
  februaryFlights,
  type FlightTable,
  januaryFlights,
  profileOf,
  rowsWhere,
  split,
} from '../../../support/flight-windows.js';
import { randomFrom } from '../../../support/sketches.js';

let folder: string;
let january: FlightTable;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'seawall-drift-'));
  january = await januaryFlights(folder);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const verdicts = (columns: ColumnDrift[]): DriftVerdict[] => columns.map(({ verdict }) => verdict);

test('January against February is stable in every column', async () => {
  const february = await februaryFlights(folder);
  const [before, now] = [profileOf(january, allRows(january)), profileOf(february, allRows(february))];
  for (const numeric of ['psi', 'jensenShannon', 'ks'] as const) {
    const categorical = numeric === 'jensenShannon' ? 'jensenShannon' : 'psi';
    const columns = driftOfProfiles(before, now, { ...DRIFT_POLICY, numeric, categorical });
    expect(columns).toHaveLength(7);
    expect(columns.filter(({ verdict }) => verdict !== 'stable')).toEqual([]);
  }
  // January has a Monday, a Tuesday and a Wednesday more: 0.096 standard deviations, which is about the limit.
  const byDistance = driftOfProfiles(before, now, { ...DRIFT_POLICY, numeric: 'wasserstein' });
  expect(byDistance.filter(({ verdict }) => verdict !== 'stable').map(({ name, verdict }) => [name, verdict])).toEqual([
    ['weekday', 'undecided'],
  ]);
});

test('windows of unchanged rows: no false alarm; forty rows are undecided', () => {
  const random = randomFrom(20010131);
  const [reference, rest] = split(january, 20_000, random);
  const before = profileOf(january, reference);
  let alarms = 0;
  for (let window = 0; window < 100; window++) {
    const forty = verdicts(driftOfProfiles(before, profileOf(january, drawn(rest, 40, random)), DRIFT_POLICY));
    const thousands = verdicts(driftOfProfiles(before, profileOf(january, drawn(rest, 5000, random)), DRIFT_POLICY));
    if ([...forty, ...thousands].includes('drifted')) alarms++;
    expect(forty).toContain('undecided');
    expect(thousands.every((verdict) => verdict === 'stable')).toBe(true);
  }
  expect(alarms).toBeLessThanOrEqual(100 * DRIFT_POLICY.falseAlarms);
});

test('half of the rows from two airports: drifted, and it says where', () => {
  const random = randomFrom(3);
  const [reference, rest] = split(january, 20_000, random);
  const hubs = rowsWhere(january, 'origin', (origin) => origin === 'ORD' || origin === 'DFW');
  const rows = Uint32Array.from([...drawn(rest, 1000, random), ...drawn(hubs, 1000, random)]);
  const columns = driftOfProfiles(profileOf(january, reference), profileOf(january, rows), DRIFT_POLICY);
  const origin = columns.find(({ name }) => name === 'origin')!;
  expect(origin.verdict).toBe('drifted');
  expect(['ORD', 'DFW']).toContain(origin.parts[0]!.part);
});
