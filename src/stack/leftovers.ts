/** What an earlier supervisor left behind when it died without stopping its children. */
import type { StackEvent } from './events.js';
import { endProcess, isAlive, isGoneWithin } from './process-identity.js';
import { readState, removeState, stateFileNames } from './state.js';
import type { StackState, StateFileName } from './state.js';

const GRACE_MS = 10_000;

/**
 * Ends the recorded children of every dead supervisor of a folder, newest first, and removes its state file. A child is ended
 * only if pid and start time match: a pid that was given to somebody else is left alone.
 */
export async function endLeftovers(homeDir: string, onEvent: (event: StackEvent) => void): Promise<number> {
  let ended = 0;
  for (const file of stateFileNames) {
    const state = readState(homeDir, file);
    if (!state || isAlive(state.supervisor)) continue;
    ended += await endChildren(state, onEvent);
    // Another start may have claimed the name in the meantime: only the dead supervisor's file goes.
    if (readState(homeDir, file)?.supervisor.startTime === state.supervisor.startTime) removeState(homeDir, file);
  }
  return ended;
}

async function endChildren(state: StackState, onEvent: (event: StackEvent) => void): Promise<number> {
  let ended = 0;
  for (const child of [...state.children].reverse()) {
    if (!(await endProcess(child, GRACE_MS))) continue;
    ended += 1;
    onEvent({ kind: 'leftoverEnded', name: child.name, pid: child.pid });
  }
  return ended;
}

export interface EndedStack {
  stateFile: StateFileName;
  supervisorPid: number;
  /** `stopped`: it ended by itself when asked; `killed`: it did not; `leftovers`: it was dead, its children were not. */
  how: 'stopped' | 'killed' | 'leftovers';
}

/** Ends every stack of a folder: live supervisors are asked and waited for, the children of dead ones are ended. */
export async function endStacks(
  homeDir: string,
  onEvent: (event: StackEvent) => void,
  withinMs = 45_000,
): Promise<EndedStack[]> {
  const ended: EndedStack[] = [];
  for (const stateFile of stateFileNames) {
    const state = readState(homeDir, stateFile);
    if (!state) continue;
    let how: EndedStack['how'] = 'leftovers';
    if (isAlive(state.supervisor)) {
      process.kill(state.supervisor.pid, 'SIGTERM');
      how = (await isGoneWithin(state.supervisor, withinMs)) ? 'stopped' : 'killed';
      if (how === 'killed') process.kill(state.supervisor.pid, 'SIGKILL');
      await isGoneWithin(state.supervisor, 5_000);
    }
    ended.push({ stateFile, supervisorPid: state.supervisor.pid, how });
  }
  await endLeftovers(homeDir, onEvent);
  return ended;
}
