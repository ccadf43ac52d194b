/** The objects of the logs, by day, on this machine. */
import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { dayOf, keys, toIso } from '../../contracts/index.js';
import type { FileStore, JsonStore } from '../ports.js';
import type { LogFile, LogObject, LogReader } from './ports.js';

const DAY_MS = 86_400_000;

interface LogPorts {
  json: JsonStore;
  files: FileStore;
}

/**
 * @param folder belongs to the reader; whoever made the reader removes it
 * @param signal ends a download between two objects
 */
export function createLogReader(ports: LogPorts, model: string, folder: string, signal: AbortSignal): LogReader {
  const local = new Map<string, string>();
  const [predictions, labels] = [keys.predictions(model), keys.labels(model)];
  const listed = { predictions: createListing(ports.json, predictions), labels: createListing(ports.json, labels) };
  // The day is the first part of the key, so one ordered listing starts and ends at days.
  const between = (kind: keyof typeof listed, fromMs: number, lastMs: number): Promise<LogObject[]> => {
    const root = kind === 'labels' ? labels : predictions;
    return listed[kind](`${root}dt=${dayOf(toIso(fromMs))}`, `${root}dt=${dayOf(toIso(lastMs + DAY_MS))}`);
  };
  return {
    predictions: ({ from, to }) => between('predictions', Date.parse(from), Date.parse(to) - 1),
    labels: ({ from, to }, deadlineMs) => between('labels', Date.parse(from), Date.parse(to) + deadlineMs),
    async download(objects) {
      await mkdir(folder, { recursive: true });
      const files: LogFile[] = [];
      for (const object of objects) {
        const { key } = object;
        const known = local.get(nameOf(object));
        const path = known ?? join(folder, `${local.size}${key.slice(key.lastIndexOf('.'))}`);
        if (known === undefined) await ports.files.download(key, path);
        local.set(nameOf(object), path);
        files.push({ path, name: key });
        signal.throwIfAborted();
      }
      return files;
    },
    async scratch(name) {
      await mkdir(folder, { recursive: true });
      return join(folder, name);
    },
  };
}

/** What tells an object from the one that stood in its place before. */
export const nameOf = ({ key, size, etag }: LogObject): string => `${key} ${size} ${etag}`;

/** One digest for all of them. */
export function seenDigest(predictions: readonly LogObject[], labels: readonly LogObject[]): string {
  const hash = createHash('sha256');
  for (const object of [...predictions, ...labels]) hash.update(`${nameOf(object)}\n`);
  return hash.digest('hex').slice(0, 32);
}

/**
 * Objects from `first` on and before `end`, each listed once: what hundreds of open windows ask for overlaps, and they ask in the
 * order of time.
 */
function createListing(json: JsonStore, root: string): (first: string, end: string) => Promise<LogObject[]> {
  let known: { from: string; to: string; objects: LogObject[] } | undefined;
  return async (first, end) => {
    if (!known || first < known.from || first > known.to) known = { from: first, to: first, objects: [] };
    if (end > known.to) {
      // A day's own name sorts before its keys, so it can be what the listing begins after.
      for await (const { key, size, etag } of json.list(`${root}dt=`, known.to)) {
        if (key >= end) break;
        if (isLog(key)) known.objects.push({ key, size, etag });
      }
      known.to = end;
    }
    return known.objects.filter(({ key }) => key >= first && key < end);
  };
}

/** Other objects (a writer's markers, temporary names) are not of the log. */
const isLog = (key: string): boolean => /\.(parquet|jsonl|ndjson)$/i.test(key);
