/** Which of a dataset version's files a run learns from: those of the slice of time, without those of blocked windows. */
import { type DatasetPolicy, dayOf, type ManifestFile, SeawallError, toIso, type Window } from '../contracts/index.js';
import { DATED_PATHS, partitionOf, withoutBlocked } from './blocked-data.js';
import { blockedWindows } from './blocked-windows.js';
import type { DatasetStore, JsonStore, RecordStore } from './ports.js';

export interface TrainingFiles {
  include: ManifestFile[];
  /** Paths of files that touch a blocked window. */
  excluded: string[];
  /** The slice's begin; absent: all files count. */
  since?: string;
}

interface Ports {
  json: JsonStore;
  records: RecordStore;
  datasets: DatasetStore;
}

/**
 * @param now the model's clock
 * @throws SeawallError `BadData`: no file is left, or nobody can say whether a file belongs to the slice or to a blocked window
 */
export async function trainingFiles(
  ports: Ports,
  model: string,
  dataset: DatasetPolicy,
  version: string,
  now: string,
): Promise<TrainingFiles> {
  const { files } = await ports.datasets.manifest(dataset.name, version);
  const what = `Version ${version} of the dataset "${dataset.name}"`;
  const since = sliceBegin(dataset.use, now);
  const sliced = since === undefined ? files : filesSince(what, files, since);
  const blocked = await blockedWindows(ports, model);
  const chosen = withoutBlocked(pathsOf(sliced), blocked);
  if (chosen.undated.length > 0) throw undatedAndBlocked(what, chosen.undated, blocked);
  if (chosen.include.length === 0) throw nothingLeft(what, sliced.length);
  const included = new Set(chosen.include);
  return {
    include: sliced.filter(({ path }) => included.has(path)),
    excluded: chosen.excluded,
    ...(since === undefined ? {} : { since }),
  };
}

/** When the slice begins; undefined: everything is learnt from. */
export function sliceBegin(use: DatasetPolicy['use'], now: string): string | undefined {
  if (!use) return undefined;
  return 'since' in use ? use.since : toIso(Date.parse(now) - use.lastMs);
}

/**
 * The files whose time reaches beyond `since`: a month of which a day counts, counts. There is no end: what is committed is known.
 * @param what begins the sentence when it throws
 * @throws SeawallError `BadData`: a path does not say its time, or nothing is so young
 */
export function filesSince<F extends { path: string }>(what: string, files: readonly F[], since: string): F[] {
  const dated = files.map((file) => ({ file, time: partitionOf(file.path) }));
  const undated = dated.filter(({ time }) => !time).map(({ file }) => file.path);
  if (undated.length > 0)
    throw new SeawallError(
      'BadData',
      `${what} has files whose path does not say their time (${someOf(undated, 3)}): nobody can say whether they are of the time from ${since} on`,
      `A path says its time by a part ${DATED_PATHS}. Commit such paths, or take the whole version.`,
    );
  const sinceMs = Date.parse(since);
  const inside = dated.filter(({ time }) => time && time.toMs > sinceMs).map(({ file }) => file);
  if (inside.length > 0 || files.length === 0) return inside;
  const from = Math.min(...dated.map(({ time }) => time?.fromMs ?? Infinity));
  const to = Math.max(...dated.map(({ time }) => time?.toMs ?? -Infinity));
  throw new SeawallError(
    'BadData',
    `${what} has nothing of the time from ${since} on: its ${files.length} files are of ${dayOf(toIso(from))} to ${dayOf(toIso(to - 1))}`,
    'Commit newer data, or take a longer time.',
  );
}

/** Nobody can say that these files are not the broken data, so they must not be learnt from. */
function undatedAndBlocked(what: string, undated: readonly string[], blocked: readonly Window[]): SeawallError {
  const windows = blocked.map(({ from, to }) => `${from} to ${to}`);
  return new SeawallError(
    'BadData',
    `${what} has files whose path does not say their time (${someOf(undated, 3)}), and data of these windows are blocked: ${someOf(windows, 5)}`,
    `Commit a version without the rows of those windows in such files. A path says its time by a part ${DATED_PATHS}; files that touch a blocked window are then left out by themselves.`,
  );
}

const nothingLeft = (what: string, files: number): SeawallError =>
  new SeawallError(
    'BadData',
    `${what} ${files === 0 ? 'has no files' : `has only files of blocked windows (${files})`}`,
    'Commit a version with files of windows that are not blocked.',
  );

const pathsOf = (files: readonly ManifestFile[]): string[] => files.map(({ path }) => path);

function someOf(all: readonly string[], limit: number): string {
  const more = all.length - limit;
  return `${all.slice(0, limit).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
