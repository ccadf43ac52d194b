/** Which run of the example this is: a new one, or the one that was cut off. */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What a run is about; only a run of the same goes on. */
export interface DemoSubject {
  weeks: number;
  /** Share of the flights, 0 to 1. */
  slice: number;
  /** Of configuration and code: half a story under one, half under another would be no story. */
  digest: string;
}

/** `.seawall/flights/<name>/run.json`. The name is its namespace and its prefix. */
export interface DemoRun extends DemoSubject {
  kind: 'seawall.flights';
  schema: 1;
  name: string;
  startedAt: string;
  /** null: it was cut off, or still runs. */
  endedAt: string | null;
}

export interface ChosenRun {
  run: DemoRun;
  resumed: boolean;
  /** Why a run that was cut off does not go on; null: there is none. */
  passedOver: string | null;
}

/**
 * The newest run of the subject that was cut off, when its data are still there; else a new one, with a name that no workflow and
 * no object has met. Writes nothing: see `beginRun`.
 * @param data what must lie in `homeDir` for a run to go on; empty where the servers are somebody else's
 */
export function chooseRun(
  homeDir: string,
  subject: DemoSubject,
  { fresh, data }: { fresh: boolean; data: readonly string[] },
): ChosenRun {
  const last = runsIn(homeDir).findLast(({ weeks, slice }) => weeks === subject.weeks && slice === subject.slice);
  const cutOff = last?.endedAt === null ? last : undefined;
  const missing = data.find((file) => !existsSync(join(homeDir, file)));
  if (cutOff && !fresh && missing === undefined && cutOff.digest === subject.digest)
    return { run: cutOff, resumed: true, passedOver: null };
  const why = missing === undefined ? 'its configuration or code has changed' : `${join(homeDir, missing)} is gone`;
  const passedOver = cutOff && !fresh ? `${cutOff.name} was cut off and cannot go on: ${why}` : null;
  const startedAt = new Date().toISOString();
  const name = `flights-${startedAt.slice(0, 19).replace(/[-:]/g, '').toLowerCase()}`;
  return {
    run: { kind: 'seawall.flights', schema: 1, name, startedAt, endedAt: null, ...subject },
    resumed: false,
    passedOver,
  };
}

/** From here on the run can go on when it is cut off. Call it when the stack is ours: another start must leave no trace. */
export function beginRun(homeDir: string, run: DemoRun): void {
  writeRun(homeDir, run);
}

export function endRun(homeDir: string, run: DemoRun): void {
  writeRun(homeDir, { ...run, endedAt: new Date().toISOString() });
}

/** Of a run: what it keeps on this machine besides what the servers have. */
export const runFolder = (homeDir: string, name: string): string => join(homeDir, 'flights', name);

/** In the order of their names, which is that of time. */
function runsIn(homeDir: string): DemoRun[] {
  const folder = join(homeDir, 'flights');
  const names = existsSync(folder) ? readdirSync(folder).sort() : [];
  return names.flatMap((name) => readRun(join(folder, name, 'run.json')) ?? []);
}

function readRun(file: string): DemoRun | undefined {
  try {
    const run = JSON.parse(readFileSync(file, 'utf8')) as DemoRun;
    return run.kind === 'seawall.flights' && run.schema === 1 ? run : undefined;
  } catch {
    return undefined;
  }
}

function writeRun(homeDir: string, run: DemoRun): void {
  const folder = runFolder(homeDir, run.name);
  mkdirSync(folder, { recursive: true });
  const draft = join(folder, `run.json.${process.pid}.tmp`);
  writeFileSync(draft, `${JSON.stringify(run, null, 2)}\n`);
  renameSync(draft, join(folder, 'run.json'));
}
