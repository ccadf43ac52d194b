/** What a report sees of the logs: which objects, and what they say once they are read. */
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { ExpectedVolume, MonitorReport, SeenObjects, StoredWindow, Window } from '../../contracts/index.js';
import { sliceSpecs } from '../../domain/profiles/slices.js';
import { comparableWindows, expectedOf, partMsOf } from '../../domain/decisions/volume.js';
import { mapSome } from '../sequences.js';
import { nameOf, seenDigest } from './logs.js';
import type { LabelReading, LogObject, Look, WindowReading } from './ports.js';
import { answeringOf, expectedColumns, type Reference } from './reference.js';
import { storedReport } from './stored.js';

export interface Sight {
  predictions: LogObject[];
  labels: LogObject[];
  seen: string;
}

export async function sightOf({ reader, config }: Look, window: Window): Promise<Sight> {
  const predictions = await reader.predictions(window);
  const labels = await reader.labels(window, config.config.label.deadlineMs);
  return { predictions, labels, seen: seenDigest(predictions, labels) };
}

/** A window's predictions, counted and indexed. */
export interface ReadWindow {
  /** Absent: an earlier report has read them. */
  reading?: WindowReading;
  profile: string;
  /** null: no predictions. */
  index: string | null;
  /** On this machine; absent while nobody needs it. */
  indexFile?: string;
}

export async function readPredictions(
  look: Look,
  window: Window,
  { predictions }: Sight,
  reference: Reference,
): Promise<ReadWindow> {
  const { ports, reader, config } = look;
  const columns = expectedColumns(look, reference);
  const indexFile = await reader.scratch(`index-${window.from.replaceAll(':', '')}.parquet`);
  const reading = await ports.logs.readWindow({
    files: await reader.download(predictions),
    window,
    columns,
    answering: answeringOf(reference.value.profile.quality),
    slices: config.config.monitor.slices,
    unique: columns.map(({ name }) => name).filter((name) => mustBeUnique(config, name)),
    partMs: partMsOf(window),
    extras: config.config.monitor.schema.extra !== 'off',
    indexFile,
  });
  const profile = (await ports.blobs.putJson(reading.profile)).sha256;
  if (reading.rows === 0) return { reading, profile, index: null };
  return { reading, profile, index: (await ports.blobs.putFile(indexFile)).sha256, indexFile };
}

function mustBeUnique({ config }: Look['config'], name: string): boolean {
  const { columns } = config.monitor.schema;
  return Object.hasOwn(columns, name) && columns[name]!.unique === true;
}

/** What comparable windows before this one had, as their first reports say. */
export async function expectedVolume({ ports, model }: Look, window: Window): Promise<ExpectedVolume | null> {
  for (const choice of comparableWindows(window)) {
    const reports = await mapSome(choice.windows, (one) => storedReport(ports.json, model, one, 1));
    const expected = expectedOf(
      choice,
      reports.filter((report) => report !== undefined),
    );
    if (expected) return expected;
  }
  return null;
}

/** A window's labels, joined with the index. */
export interface ReadLabels {
  reading: LabelReading;
  labelled: string;
  labels: string;
}

/**
 * Joins the index with the labels. Of objects that an earlier report has read only what came of them is read again; when one of
 * these has changed, or the predictions have, all labels are read anew.
 */
export async function readLabels(
  look: Look,
  window: Window,
  sight: Sight,
  read: ReadWindow,
  reference: Reference,
  before: MonitorReport | null,
): Promise<ReadLabels | null> {
  if (read.index === null || sight.labels.length === 0) return null;
  const { ports, reader, config } = look;
  const name = window.from.replaceAll(':', '');
  const indexFile = read.indexFile ?? (await fetched(look, read.index, `index-${name}.parquet`));
  const known = await knownLabels(look, sight, read, before);
  const labelsFile = await reader.scratch(`labels-${name}.parquet`);
  const { profile } = reference.value;
  const reading = await ports.logs.readLabels({
    indexFile,
    answering: answeringOf(profile.quality),
    labelColumn: reference.value.labelColumn,
    slices: sliceSpecs(profile.columns, config.config.monitor.slices),
    known: known && (await fetched(look, known.labels, `known-${name}.parquet`)),
    files: await reader.download(sight.labels.filter((object) => !known?.objects.has(nameOf(object)))),
    labelsFile,
  });
  return {
    reading,
    labelled: (await ports.blobs.putJson(reading.profile)).sha256,
    labels: (await ports.blobs.putFile(labelsFile)).sha256,
  };
}

async function fetched({ ports, reader, signal }: Look, sha256: string, name: string): Promise<string> {
  const path = await reader.scratch(name);
  await mkdir(dirname(path), { recursive: true });
  await ports.blobs.fetchTo(sha256, path, signal);
  return path;
}

/** The labels of an earlier report, if all that they were made from still stands. */
async function knownLabels(
  { ports }: Look,
  sight: Sight,
  read: ReadWindow,
  before: MonitorReport | null,
): Promise<{ labels: string; objects: Set<string> } | null> {
  const stored: StoredWindow | undefined = before?.stored;
  if (!stored?.labels || stored.index !== read.index) return null;
  const objects = new Set((await ports.blobs.readJson<SeenObjects>(stored.objects)).labels);
  const now = new Set(sight.labels.map(nameOf));
  return [...objects].every((name) => now.has(name)) ? { labels: stored.labels, objects } : null;
}
