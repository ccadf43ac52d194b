/** What the story needs of a running Seawall: handed in, so that it can be told on any stack. */
import type { Store } from '../../src/adapters/store/index.js';
import type { LoopStatus, RunStatus } from '../../src/contracts/index.js';
import type { Baselines } from './baselines.js';
import type { ModelRecords } from './records.js';
import type { Teller } from './teller.js';
import type { Serving } from './traffic.js';

export const MODEL = 'flights';
export const DATASET = 'flights';
/** Who approves in the example's name. */
export const DEMO_USER = 'demo';

export interface LoopControl {
  /** Makes model.yaml the model's configuration, as `seawall model apply` does. */
  applyConfig(): Promise<void>;
  /** Starts the workflow `model/flights`. */
  start(): Promise<void>;
  /** The hint that something new lies in storage. */
  feed(): Promise<void>;
  status(): Promise<LoopStatus>;
  runStatus(n: number): Promise<RunStatus>;
  /** A person's `seawall approve`, by the command itself; throws when it is refused. */
  approve(n: number, reason: string): Promise<void>;
}

export interface World {
  store: Pick<Store, 'datasets' | 'files' | 'json' | 'watermarks'>;
  readRecords(): Promise<ModelRecords>;
  serving: Serving;
  loop: LoopControl;
  baselines: Baselines;
  /** How long a person has to decide before the example approves what waits. */
  approveAfterMs: number;
  teller: Teller;
  signal: AbortSignal;
}
