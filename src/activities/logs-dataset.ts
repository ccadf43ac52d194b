/**
 * What the logs have taught becomes training data: every window whose verdict is final and that is not blocked, once, as a file of the
 * model's dataset.
 */
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Answering,
  canonicalJson,
  type CommittedLogs,
  dayOf,
  type DecisionRecord,
  type Feature,
  keys,
  type ManifestFile,
  type ModelConfig,
  type MonitorReport,
  parseKeyTime,
  type Sha256,
  toIso,
  type Window,
  type WindowRows,
} from '../contracts/index.js';
import { blockedWindows } from './blocked-windows.js';
import { beating } from './heartbeat.js';
import { newestConfig } from './hydrate.js';
import type { BlobStore, DatasetStore, FileStore, JsonStore, RecordStore } from './ports.js';
import { mapSome, newestFirst } from './sequences.js';

export interface WindowRowsRequest {
  /** On this machine; `name` is the object's key. */
  predictions: { path: string; name: string }[];
  labels: { path: string; name: string }[];
  window: Window;
  features: Feature[];
  /** The columns that the ids of predictions and their labels are written to. */
  rowId: string;
  labelColumn: string;
  answering: Answering;
  target: string;
}

export interface LogsDatasetPorts {
  json: JsonStore;
  records: RecordStore;
  blobs: BlobStore;
  files: FileStore;
  datasets: DatasetStore & {
    /** Commits the head's files and these; two at a time both end up in the head. */
    extendVersion(
      name: string,
      files: ManifestFile[],
      options: { by: string; message: string; replace: boolean; signal: AbortSignal },
    ): Promise<{ version: Sha256 }>;
  };
  /** Writes the labelled rows of a window; none: 0, and no file. */
  /** null: something of the logs cannot be read; nothing is final yet. */
  writeWindowRows(request: WindowRowsRequest): Promise<number | null>;
  /** A local folder for downloads; what a call leaves there, it removes. */
  workDir: string;
}

export type LogsDatasetActivities = ReturnType<typeof createLogsDatasetActivities>;

export function createLogsDatasetActivities(ports: LogsDatasetPorts) {
  return {
    /**
     * Adds what is missing of the model's windows to its dataset and commits it. A window is written once: its record names the file
     * for ever, so a call that is cut short goes on where it was, and an owner's commit that left windows out is mended.
     * @throws SeawallError `NotFound`: no configuration
     */
    commitLogs: ({ model }: { model: string }): Promise<CommittedLogs> =>
      beating(
        () => null,
        (signal) => commitLogs(ports, model, signal),
      ),
  };
}

/** A window in storage. */
interface KnownWindow extends Window {
  name: string;
  newestReport: string;
  revision: number;
  /** Whether its rows were written in the shape of today's configuration. */
  written: boolean;
}

const NOTHING: CommittedLogs = { version: null, windows: 0, rows: 0 };

async function commitLogs(ports: LogsDatasetPorts, model: string, signal: AbortSignal): Promise<CommittedLogs> {
  const { config } = await newestConfig(ports.records, model);
  const { name, from } = config.dataset;
  if (from !== 'logs') return NOTHING; // it was configured otherwise meanwhile
  const shape = shapeOf(config);
  const windows = await sound(ports, model, await listWindows(ports.json, model, shape));
  const head = await ports.datasets.head(name);
  const there = new Map(
    head ? (await ports.datasets.manifest(name, head.version)).files.map((file) => [file.path, file]) : [],
  );
  const fresh = await decidedOf(
    ports.records,
    model,
    windows.filter(({ written }) => !written),
  );
  const written: WindowRows[] = [];
  for (const window of fresh) {
    const rows = await rowsOf(ports, config, shape, window, signal);
    if (rows) written.push(rows);
    signal.throwIfAborted();
  }
  const known = await missingOf(ports.json, model, shape, windows, there);
  const added = [...written, ...known].filter(
    (rows) => rows.file && there.get(rows.file.path)?.sha256 !== rows.file.sha256,
  );
  if (added.length === 0) return NOTHING;
  const files = added.flatMap(({ file }) => (file ? [file] : []));
  const message = messageOf(model, added);
  // Files of another shape lie under the same paths; nothing but this step writes there.
  const options = { by: `model/${model}`, message, replace: true, signal };
  const { version } = await ports.datasets.extendVersion(name, files, options);
  return { version, windows: added.length, rows: sumOf(added) };
}

/** What a file's content depends on besides the logs: another configuration needs other files. */
function shapeOf({ task, classes, features, label, dataset }: ModelConfig): string {
  const answering = task === 'binary' ? {} : { task, classes };
  const shape = { format: 1, features, label: label.column, rowId: dataset.rowId, ...answering };
  return createHash('sha256').update(canonicalJson(shape)).digest('hex').slice(0, 16);
}

async function listWindows(json: JsonStore, model: string, shape: string): Promise<KnownWindow[]> {
  const found = new Map<string, KnownWindow>();
  const root = keys.windows(model);
  for await (const { key } of json.list(root)) {
    const [, name = '', from = '', to = '', file = ''] =
      /^(([^/_]+)_([^/_]+))\/([^/]+)$/.exec(key.slice(root.length)) ?? [];
    const window = { from: parseKeyTime(from), to: parseKeyTime(to) };
    if (!window.from || !window.to) continue;
    const known = found.get(name) ?? {
      name,
      from: window.from,
      to: window.to,
      newestReport: '',
      revision: 0,
      written: false,
    };
    const revision = Number(/^rev-(\d+)\.json$/.exec(file)?.[1] ?? 0);
    found.set(name, {
      ...known,
      ...(revision > known.revision ? { revision, newestReport: key } : {}),
      written: known.written || key === keys.windowRows(model, known, shape),
    });
  }
  return [...found.values()].sort((a, b) => Date.parse(a.from) - Date.parse(b.from));
}

/** Blocked windows never become training data. */
async function sound(ports: LogsDatasetPorts, model: string, windows: KnownWindow[]): Promise<KnownWindow[]> {
  const blocked = new Set((await blockedWindows(ports, model)).map((window) => keys.windowName(window)));
  return windows.filter(({ name }) => !blocked.has(name));
}

/** Far more than a window can have waited for its labels: who is older than all of these was decided on before. */
const LOOK_BACK = 2000;

/** Those on whose newest report the gate has decided: before, nobody knows whether the window is broken. */
async function decidedOf(records: RecordStore, model: string, windows: KnownWindow[]): Promise<KnownWindow[]> {
  const undecided = new Set(windows.map(({ newestReport }) => newestReport));
  let oldestMs = Infinity;
  let read = 0;
  for await (const { report, window } of newestFirst<DecisionRecord>(records, keys.decisions(model))) {
    if (undecided.size === 0 || read >= LOOK_BACK) break;
    if (report !== null) undecided.delete(report);
    if (window) oldestMs = Math.min(oldestMs, Date.parse(window.from));
    read += 1;
  }
  const longAgo = ({ to }: Window): boolean => read >= LOOK_BACK && Date.parse(to) <= oldestMs;
  return windows.filter((window) => !undecided.has(window.newestReport) || longAgo(window));
}

/** The window's rows, written now; undefined: its verdict is not final yet, or something of its logs cannot be read. */
async function rowsOf(
  ports: LogsDatasetPorts,
  config: ModelConfig,
  shape: string,
  window: KnownWindow,
  signal: AbortSignal,
): Promise<WindowRows | undefined> {
  const { name: model, features, label, dataset } = config;
  const report = (await ports.json.read<MonitorReport>(window.newestReport))?.value;
  if (report?.status !== 'final') return undefined;
  const folder = join(ports.workDir, `rows-${randomUUID()}`);
  await mkdir(folder, { recursive: true });
  try {
    const target = join(folder, 'rows.parquet');
    const [predictions, labels] = await readLogs(ports, config, window, folder, signal);
    const { task, classes } = config;
    const answering: Answering = { task, ...(classes && { classes }) };
    const columns = { features, rowId: dataset.rowId, labelColumn: label.column, answering };
    const rows = await ports.writeWindowRows({ predictions, labels, window, ...columns, target });
    if (rows === null) return undefined;
    const file =
      rows === 0 ? null : { path: keys.windowRowsPath(model, window), ...(await ports.blobs.putFile(target)) };
    const { from, to, revision } = window;
    const record: WindowRows = { kind: 'window-rows', schema: 1, model, window: { from, to }, revision, rows, file };
    const key = keys.windowRows(model, window, shape);
    if ((await ports.json.create(key, record)) === 'created') return record;
    return (await ports.json.read<WindowRows>(key))?.value ?? record;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

type LogFiles = WindowRowsRequest['predictions'];

async function readLogs(
  { json, files }: LogsDatasetPorts,
  { name: model, label }: ModelConfig,
  { from, to }: Window,
  folder: string,
  signal: AbortSignal,
): Promise<[predictions: LogFiles, labels: LogFiles]> {
  let count = 0;
  const read = async (root: string, toMs: number): Promise<LogFiles> => {
    const found: LogFiles = [];
    const end = `${root}dt=${dayOf(toIso(toMs))}0`; // "0" is the character after "/"
    for await (const { key } of json.list(`${root}dt=`, `${root}dt=${dayOf(from)}`)) {
      if (key >= end) break;
      if (!/\.(parquet|jsonl|ndjson)$/i.test(key)) continue;
      const path = join(folder, `${count++}${key.slice(key.lastIndexOf('.'))}`);
      await files.download(key, path);
      found.push({ path, name: key });
      signal.throwIfAborted();
    }
    return found;
  };
  const predictions = await read(keys.predictions(model), Date.parse(to) - 1);
  return [predictions, await read(keys.labels(model), Date.parse(to) + label.deadlineMs)];
}

/**
 * Windows that were written before and are not in the head: somebody committed without them, or the call that wrote them died. When the
 * newest one that is there has another content, the configuration has gone back to an earlier shape, and all of them are looked at.
 */
async function missingOf(
  json: JsonStore,
  model: string,
  shape: string,
  windows: KnownWindow[],
  there: ReadonlyMap<string, ManifestFile>,
): Promise<WindowRows[]> {
  const recordOf = async (window: Window) =>
    (await json.read<WindowRows>(keys.windowRows(model, window, shape)))?.value;
  const written = windows.filter((window) => window.written);
  const inHead = (window: Window) => there.get(keys.windowRowsPath(model, window));
  const newest = written.findLast((window) => inHead(window) !== undefined);
  const sameShape = newest && (await recordOf(newest))?.file?.sha256 === inHead(newest)?.sha256;
  const looked = sameShape ? written.filter((window) => !inHead(window)) : written;
  return (await mapSome(looked, recordOf)).filter((rows) => rows !== undefined);
}

const sumOf = (all: readonly WindowRows[]): number => all.reduce((sum, { rows }) => sum + rows, 0);

function messageOf(model: string, added: readonly WindowRows[]): string {
  const [first, last] = [added[0]?.window.from ?? '', added.at(-1)?.window.to ?? ''];
  const what = added.length === 1 ? '1 window' : `${added.length} windows`;
  return `${what} of the logs of ${model}, ${first} to ${last}: ${sumOf(added)} rows`;
}
