/** Which run of the example this is: a new one, or the one that was cut off. */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** How much of the data. */
export interface Extent {
  weeks: number;
  /** Share of the flights, 0 to 1. */
  slice: number;
}

/** `.seawall/flights.json`: the newest run. Its name is its namespace, its prefix and its folder. */
export interface DemoRun extends Extent {
  kind: 'seawall.flights';
  schema: 1;
  name: string;
  startedAt: string;
  /** null: it was cut off, or still runs. */
  endedAt: string | null;
}

const FILE = 'flights.json';

/**
 * The run that was cut off, when its data are still there and it was about as much data; else a new one, with a name that no
 * workflow and no object has met.
 */
export function chooseRun(homeDir: string, extent: Extent, fresh: boolean): { run: DemoRun; resumed: boolean } {
  const last = readRun(homeDir);
  const same = last?.weeks === extent.weeks && last.slice === extent.slice;
  if (last && same && last.endedAt === null && !fresh && existsSync(join(homeDir, 'temporal.db')))
    return { run: last, resumed: true };
  const startedAt = new Date().toISOString();
  const name = `flights-${startedAt.slice(0, 19).replace(/[-:]/g, '').toLowerCase()}`;
  const run: DemoRun = { kind: 'seawall.flights', schema: 1, name, startedAt, endedAt: null, ...extent };
  writeRun(homeDir, run);
  return { run, resumed: false };
}

export function endRun(homeDir: string, run: DemoRun): void {
  writeRun(homeDir, { ...run, endedAt: new Date().toISOString() });
}

function readRun(homeDir: string): DemoRun | undefined {
  try {
    const run = JSON.parse(readFileSync(join(homeDir, FILE), 'utf8')) as DemoRun;
    return run.kind === 'seawall.flights' && run.schema === 1 ? run : undefined;
  } catch {
    return undefined;
  }
}

function writeRun(homeDir: string, run: DemoRun): void {
  mkdirSync(homeDir, { recursive: true });
  const draft = join(homeDir, `${FILE}.${process.pid}.tmp`);
  writeFileSync(draft, `${JSON.stringify(run, null, 2)}\n`);
  renameSync(draft, join(homeDir, FILE));
}
