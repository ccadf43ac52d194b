/**
 * `npm run proof:monitoring [-- --seed N --windows N --peers N --python FILE]`: windows are drawn from the January flights, unchanged
 * and with a growing share of rows of another kind. Seven columns are judged together. Prints its seed and, as tables, how often
 * any column is called drifted: of unchanged rows at most the configured share. `--python` names a Python that has Evidently
 * (pip install evidently==0.7.23 'pandas<3' pyarrow): its default verdicts on the first `--peers` windows of each kind
 * stand beside.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ColumnDrift, DriftPolicy, DriftVerdict, TableProfile } from '../../src/contracts/index.js';
import { DRIFT_POLICY, driftOfProfiles } from '../../src/domain/decisions/drift/column.js';
import {
  allRows,
  drawn,
  type FlightTable,
  januaryFlights,
  profileOf,
  rowsWhere,
  split,
} from '../support/flight-windows.js';
import { randomFrom } from '../support/sketches.js';

const setting = (name: string, otherwise: number): number => Number(process.env[`PROOF_${name}`] ?? otherwise);
const SEED = setting('SEED', Date.now() % 1_000_000);
const WINDOWS = setting('WINDOWS', 1000);
const PEERS = setting('PEERS', 100);
const PYTHON = process.env['PROOF_PYTHON'];
const random = randomFrom(SEED);

const POLICIES: [name: string, policy: DriftPolicy][] = [
  ['PSI (default)', DRIFT_POLICY],
  ['Jensen-Shannon', { ...DRIFT_POLICY, numeric: 'jensenShannon', categorical: 'jensenShannon' }],
  ['KS, PSI', { ...DRIFT_POLICY, numeric: 'ks' }],
  ['Wasserstein, PSI', { ...DRIFT_POLICY, numeric: 'wasserstein' }],
];

let folder: string;
let january: FlightTable;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'seawall-proof-'));
  january = await januaryFlights(folder, join(folder, 'january.parquet'));
}, 600_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

const print = (line: string): void => void process.stdout.write(`${line}\n`);
const percent = (part: number, all: number): string => `${((100 * part) / all).toFixed(1)} %`;

/** The worst that any of the columns was called. */
function worst(columns: ColumnDrift[]): DriftVerdict {
  const verdicts = columns.map(({ verdict }) => verdict);
  return (['drifted', 'undecided', 'notJudged'] as const).find((one) => verdicts.includes(one)) ?? 'stable';
}

interface Share {
  drifted: number;
  undecided: number;
  windows: number;
}

function judged(before: TableProfile, windows: TableProfile[], policy: DriftPolicy): Share {
  const verdicts = windows.map((window) => worst(driftOfProfiles(before, window, policy)));
  const share = (one: DriftVerdict): number => verdicts.filter((verdict) => verdict === one).length;
  return { drifted: share('drifted'), undecided: share('undecided'), windows: windows.length };
}

interface Sample {
  reference: Uint32Array;
  windows: Uint32Array[];
}

/** In which share of each sample's windows Evidently calls a column drifted; dashes where no Python with Evidently was named. */
async function evidently(samples: Sample[]): Promise<string[]> {
  if (PYTHON === undefined) return samples.map(() => '–');
  const [script, rows] = [join(import.meta.dirname, 'evidently_verdicts.py'), join(folder, 'rows.json')];
  const first = samples.map(({ reference, windows }) => ({
    reference: [...reference],
    windows: windows.slice(0, PEERS).map((window) => [...window]),
  }));
  await writeFile(rows, JSON.stringify(first));
  const child = spawn(PYTHON, [script, join(folder, 'january.parquet'), rows], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let told = '';
  for await (const chunk of child.stdout) told += String(chunk);
  return (JSON.parse(told) as number[]).map((drifted, i) => percent(drifted, first[i]!.windows.length));
}

const REFERENCE_ROWS = 20_000;
const UNCHANGED = [
  [REFERENCE_ROWS, 40],
  [REFERENCE_ROWS, 200],
  [REFERENCE_ROWS, 1000],
  [REFERENCE_ROWS, 5000],
  [REFERENCE_ROWS, 20_000],
  [1000, 1000],
] as const;

it(
  `calls unchanged rows drifted in at most ${percent(DRIFT_POLICY.falseAlarms, 1)} of the windows (seed ${SEED})`,
  { timeout: 3 * 3600_000 },
  async () => {
    const since = performance.now();
    print(`seed ${SEED}, ${WINDOWS} windows of each kind${PYTHON === undefined ? '' : `, ${PEERS} for Evidently`}\n`);
    const samples: Sample[] = [];
    const lines: string[] = [];
    for (const [referenceRows, windowRows] of UNCHANGED) {
      const [reference, rest] = split(january, referenceRows, random);
      const windows = Array.from({ length: WINDOWS }, () => drawn(rest, windowRows, random));
      const before = profileOf(january, reference);
      const profiles = windows.map((rows) => profileOf(january, rows));
      const shares = POLICIES.map(([, policy]) => judged(before, profiles, policy));
      for (const { drifted } of shares) expect(drifted / WINDOWS).toBeLessThanOrEqual(DRIFT_POLICY.falseAlarms);
      const cells = shares.map(
        ({ drifted, undecided }) => `${percent(drifted, WINDOWS)}, ${percent(undecided, WINDOWS)}`,
      );
      lines.push(`| ${referenceRows} | ${windowRows} | ${cells.join(' | ')} |`);
      samples.push({ reference, windows: windows.slice(0, PEERS) });
      process.stderr.write(`${lines.at(-1)}\n`);
    }
    const theirs = await evidently(samples);
    const names = POLICIES.map(([name]) => `${name}: drifted, undecided`);
    print(`| reference rows | window rows | ${names.join(' | ')} | Evidently: drifted |`);
    print(`| ---: | ---: |${' ---: |'.repeat(POLICIES.length + 1)}`);
    for (const [i, line] of lines.entries()) print(`${line} ${theirs[i]} |`);
    print(`\n${((performance.now() - since) / 1000).toFixed(0)} s`);
  },
);

const REPLACED = [0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5];

it('finds what has changed, the larger the surer', { timeout: 3 * 3600_000 }, async () => {
  const hubs = rowsWhere(january, 'origin', (origin) => origin === 'ORD' || origin === 'DFW');
  const [reference, rest] = split(january, REFERENCE_ROWS, random);
  const before = profileOf(january, reference);
  const rounds = Math.ceil(WINDOWS / 5);
  const samples: Sample[] = [];
  const lines: string[] = [];
  for (const share of REPLACED) {
    const mixed = (rows: number): Uint32Array => {
      const replaced = Math.round(rows * share);
      return Uint32Array.from([...drawn(rest, rows - replaced, random), ...drawn(hubs, replaced, random)]);
    };
    const whole = profileOf(january, allRows(january));
    const truth = driftOfProfiles(whole, profileOf(january, mixed(400_000)), DRIFT_POLICY);
    const psi = Math.max(...truth.map((column) => column.psi!));
    for (const rows of [200, 1000, 5000]) {
      const windows = Array.from({ length: rounds }, () => mixed(rows));
      const profiles = windows.map((rows) => profileOf(january, rows));
      const { drifted, undecided } = judged(before, profiles, DRIFT_POLICY);
      if (psi < 0.09) expect(drifted / rounds).toBeLessThanOrEqual(DRIFT_POLICY.falseAlarms);
      if (psi > 0.2 && rows >= 5000) expect(drifted).toBe(rounds);
      const verdicts = [drifted, undecided, rounds - drifted - undecided].map((n) => percent(n, rounds));
      lines.push(`| ${percent(share, 1)} | ${psi.toFixed(3)} | ${rows} | ${verdicts.join(' | ')} |`);
      samples.push({ reference, windows: windows.slice(0, PEERS) });
    }
  }
  const theirs = await evidently(samples);
  print(
    `\nRows replaced by departures from ORD and DFW; ${rounds} windows of each kind; PSI of the column that has most.\n`,
  );
  print('| replaced | true PSI | window rows | drifted | undecided | stable | Evidently: drifted |');
  print(`|${' ---: |'.repeat(7)}`);
  for (const [i, line] of lines.entries()) print(`${line} ${theirs[i]} |`);
});
