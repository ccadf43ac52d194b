/** What the monitor step needs from the world, and what one call of it works with. */
import type {
  Answering,
  ConfigRevision,
  FeatureType,
  LivePointer,
  Quality,
  TableProfile,
  Window,
  WindowFeed,
} from '../../contracts/index.js';
import type { SliceSpec } from '../../domain/profiles/slices.js';
import type {
  BlobStore,
  DatasetStore,
  FileStore,
  JsonStore,
  PointerStore,
  RecordStore,
  WatermarkStore,
} from '../ports.js';

/** An object of a log. */
export interface LogObject {
  key: string;
  size: number;
  /** What changes when the content does. */
  etag: string;
}
/** A log object on this machine. */
export interface LogFile {
  /** Ends in .parquet or .jsonl, as the object's key does. */
  path: string;
  /** What people are told: the object's key. */
  name: string;
}

/** A column that a window is profiled for. */
export interface ExpectedColumn {
  name: string;
  type: FeatureType;
  /** Whether it is the model's answer: those are counted for the champion's arm alone. */
  output: boolean;
}

export interface WindowRequest {
  files: LogFile[];
  window: Window;
  columns: ExpectedColumn[];
  answering: Answering;
  /** Columns by whose values quality is reported apart; those that the log lacks are left out. */
  slices: string[];
  /** Columns whose repeated values are counted, of those that are expected. */
  unique: string[];
  /** Traffic is counted per part of this length. */
  partMs: number;
  /** Whether to look for columns that nobody expects. */
  extras: boolean;
  /** Where the index goes: Parquet, one row per prediction. */
  indexFile: string;
}
export interface WindowReading {
  /** Distinct predictions in the window, all arms. */
  rows: number;
  servedBy: { release: number; rows: number }[];
  feed: WindowFeed;
  /** The expected columns. */
  profile: TableProfile;
}

export interface LabelRequest {
  indexFile: string;
  answering: Answering;
  /** What the label's column is called in the profile. */
  labelColumn: string;
  /** Parts whose quality is reported apart; those of columns that the index lacks are left out. */
  slices: SliceSpec[];
  /** Labels that are known already (Parquet, as `labelsFile`); null: none. */
  known: string | null;
  /** Label objects that are not part of `known`. */
  files: LogFile[];
  /** Where the labels that count go. */
  labelsFile: string;
}
export interface LabelReading {
  /** Distinct predictions with a label, all arms. */
  labelled: number;
  /** Of the champion's predictions that have a label: the label's column, quality, slices. */
  profile: TableProfile;
  canary: { rows: number; labelled: number; quality: Quality | null } | null;
}

/** Counting in logs that lie on this machine. */
export interface LogAnalysis {
  readWindow(request: WindowRequest): Promise<WindowReading>;
  readLabels(request: LabelRequest): Promise<LabelReading>;
}

export interface WorkflowInspector {
  /** `missing`: the namespace does not know the id. */
  state(workflowId: string): Promise<'running' | 'closed' | 'missing'>;
  /** Until when the training run waits for a person; null: it does not, or it does not answer just now. */
  deadlineOf(workflowId: string): Promise<string | null>;
}

export interface MonitorPorts {
  json: JsonStore;
  blobs: BlobStore;
  files: FileStore;
  records: RecordStore;
  pointers: PointerStore;
  datasets: DatasetStore;
  watermarks: WatermarkStore;
  inspector: WorkflowInspector;
  logs: LogAnalysis;
  /** A local folder for downloads; what a call leaves there, it removes. */
  workDir: string;
  wallNow: () => number;
}

/** The objects of the logs, by day, on this machine. */
export interface LogReader {
  /** The window's prediction objects. */
  predictions(window: Window): Promise<LogObject[]>;
  /** The label objects from the window's first day on, up to the day on which the deadline passes. */
  labels(window: Window, deadlineMs: number): Promise<LogObject[]>;
  /** Downloads what this call has not downloaded yet. */
  download(objects: LogObject[]): Promise<LogFile[]>;
  /** A path of its own in the call's folder. */
  scratch(name: string): Promise<string>;
}

/** What one call works with. */
export interface Look {
  ports: MonitorPorts;
  model: string;
  config: ConfigRevision;
  pointer: LivePointer;
  /** The model's clock. */
  now: string;
  /** How far the label log says that it is complete; null: it has not said. */
  labelsTo: string | null;
  reader: LogReader;
  signal: AbortSignal;
}
