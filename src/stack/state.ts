/** The state file of a running stack: who runs, where it answers. Other commands of the folder find the stack by it. */
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { identityOf, isAlive } from './process-identity.js';
import type { ProcessIdentity } from './process-identity.js';

/** `stack.json` belongs to `seawall up`, `demo.json` to a running demo. */
export type StateFileName = 'stack.json' | 'demo.json';
export const stateFileNames: readonly StateFileName[] = ['demo.json', 'stack.json'];

export interface StackAddresses {
  /** host:port of Temporal's gRPC service. */
  temporal: string;
  /** Temporal's Web UI; absent when Temporal is somebody else's. */
  ui?: string;
  /** URL of the S3 endpoint. */
  s3: string;
  /** URL of the inference server; absent without app processes. */
  serving?: string;
}

export interface StackState {
  kind: 'seawall.stack';
  schema: 1;
  supervisor: ProcessIdentity;
  startedAt: string;
  ready: boolean;
  addresses: StackAddresses;
  namespace: string;
  prefix: string;
  bucket: string;
  region: string;
  /** Which servers are this stack's own processes; keys of an own S3 are in `secrets.json`. */
  embedded: { temporal: boolean; s3: boolean };
  children: ({ name: string } & ProcessIdentity)[];
}

/** What a state file says; undefined when there is none (or it is not one). */
export function readState(homeDir: string, file: StateFileName): StackState | undefined {
  try {
    const state = JSON.parse(readFileSync(join(homeDir, file), 'utf8')) as StackState;
    return state.kind === 'seawall.stack' && state.schema === 1 ? state : undefined;
  } catch {
    return undefined;
  }
}

/** The state of a stack whose supervisor lives. */
export function readLiveState(homeDir: string, file: StateFileName): StackState | undefined {
  const state = readState(homeDir, file);
  return state && isAlive(state.supervisor) ? state : undefined;
}

/** Replaces the file in one step: a reader never sees half of it. */
export function writeState(homeDir: string, file: StateFileName, state: StackState): void {
  const draft = join(homeDir, `${file}.${process.pid}.tmp`);
  writeFileSync(draft, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 });
  renameSync(draft, join(homeDir, file));
}

/** Writes the file only if there is none: of two supervisors that start together, one wins. */
export function claimState(homeDir: string, file: StateFileName, state: StackState): boolean {
  mkdirSync(homeDir, { recursive: true });
  const draft = join(homeDir, `${file}.${process.pid}.tmp`);
  writeFileSync(draft, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 });
  try {
    linkSync(draft, join(homeDir, file));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

export function removeState(homeDir: string, file: StateFileName): void {
  rmSync(join(homeDir, file), { force: true });
}

/** This process, as a supervisor. */
export function ownIdentity(): ProcessIdentity {
  const own = identityOf(process.pid);
  if (!own) throw new Error('cannot read the start time of this process');
  return own;
}
