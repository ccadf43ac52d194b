/** What the monitor step needs from the world, and what one call of it works with. */
import type { BinaryPerformance, ConfigRevision, LivePointer, NumericProfile, Window } from '../../contracts/index.js';
import type { ExpectedColumn, WindowProfile } from '../../domain/decisions/window-profile.js';
import type {
  BlobStore,
  DatasetStore,
  FileStore,
  JsonStore,
  PointerStore,
  RecordStore,
  WatermarkStore,
} from '../ports.js';

export type { ExpectedColumn, WindowColumn, WindowProfile, WrongType } from '../../domain/decisions/window-profile.js';

/** A log object on this machine. */
export interface LogFile {
  /** Ends in .parquet or .jsonl, as the object's key does. */
  path: string;
  /** What people are told: the object's key. */
  name: string;
}
export interface ProfileRequest {
  files: LogFile[];
  window: Window;
  columns: ExpectedColumn[];
  /** The reference's profile of the score. */
  score: NumericProfile;
}
export interface PerformanceRequest {
  predictions: LogFile[];
  labels: LogFile[];
  window: Window;
}
export interface WindowPerformance {
  /** Distinct predictions in the window. */
  rows: number;
  /** Those with a label. */
  labelled: number;
  /** null while no label is there. */
  performance: BinaryPerformance | null;
}

/** Counting in logs that lie on this machine. */
export interface LogAnalysis {
  profileWindow(request: ProfileRequest): Promise<WindowProfile>;
  performance(request: PerformanceRequest): Promise<WindowPerformance>;
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
  /** Keys of the window's prediction objects. */
  predictionKeys(window: Window): Promise<string[]>;
  /** Keys of the label objects from the window's first day on, up to the day on which the deadline passes. */
  labelKeys(window: Window, deadlineMs: number): Promise<string[]>;
  /** Downloads what this call has not downloaded yet. */
  download(objects: string[]): Promise<LogFile[]>;
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
}
