/** The objects of the logs, by day, on this machine. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { dayOf, keys, toIso, type Window } from '../../contracts/index.js';
import type { FileStore, JsonStore } from '../ports.js';
import type { LogFile, LogReader } from './ports.js';

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
  const listed = createListing(ports.json, keys.labels(model));
  return {
    async predictionKeys(window) {
      const found: string[] = [];
      for (const day of daysOf(window))
        found.push(...(await keysBelow(ports.json, `${keys.predictions(model)}dt=${day}/`)));
      return found;
    },
    async labelKeys(window, deadlineMs) {
      const root = keys.labels(model);
      // The day is the first part of the key, so one ordered listing starts and ends at days.
      const first = `${root}dt=${dayOf(window.from)}`;
      const afterLast = `${root}dt=${dayOf(toIso(Date.parse(window.to) + deadlineMs + DAY_MS))}`;
      return listed(first, afterLast);
    },
    async download(objects) {
      await mkdir(folder, { recursive: true });
      const files: LogFile[] = [];
      for (const key of objects) {
        const known = local.get(key);
        const path = known ?? join(folder, `${local.size}${key.slice(key.lastIndexOf('.'))}`);
        if (known === undefined) await ports.files.download(key, path);
        local.set(key, path);
        files.push({ path, name: key });
        signal.throwIfAborted();
      }
      return files;
    },
  };
}

/**
 * Keys from `first` on and before `end`, each listed once: what hundreds of open windows ask for overlaps, and they ask in the
 * order of time.
 */
function createListing(json: JsonStore, root: string): (first: string, end: string) => Promise<string[]> {
  let known: { from: string; to: string; keys: string[] } | undefined;
  return async (first, end) => {
    if (!known || first < known.from || first > known.to) known = { from: first, to: first, keys: [] };
    if (end > known.to) {
      // A day's own name sorts before its keys, so it can be what the listing begins after.
      for await (const { key } of json.list(`${root}dt=`, known.to)) {
        if (key >= end) break;
        if (isLog(key)) known.keys.push(key);
      }
      known.to = end;
    }
    return known.keys.filter((key) => key >= first && key < end);
  };
}

async function keysBelow(json: JsonStore, prefix: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of json.list(prefix)) if (isLog(key)) found.push(key);
  return found;
}

/** Other objects (a writer's markers, temporary names) are not of the log. */
const isLog = (key: string): boolean => /\.(parquet|jsonl|ndjson)$/i.test(key);

/** The UTC days that a half-open window touches. */
export function daysOf(window: Window): string[] {
  const days: string[] = [];
  const lastMs = Date.parse(window.to) - 1;
  for (let ms = Math.floor(Date.parse(window.from) / DAY_MS) * DAY_MS; ms <= lastMs; ms += DAY_MS) {
    days.push(dayOf(toIso(ms)));
  }
  return days;
}
