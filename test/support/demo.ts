/** The flights example as a person runs it, in a folder of its own, and hands to cut it off at any moment. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FlightsDocument } from '../../examples/flights/document.js';
import { endStacks } from '../../src/stack/leftovers.js';
import { readState } from '../../src/stack/state.js';
import { packageRoot } from '../../src/workers/package-root.js';
import { processesOf, runCommand } from './system.js';

/** What can be hit: the example itself, a process of its stack, a trainer, or the baselines' trainer. */
export type Victim = 'demo' | 'temporal' | 's3' | 'worker-loop' | 'worker-gpu' | 'serving' | 'trainer' | 'baselines';

export interface Demo {
  /** What it has told so far. */
  told(): string;
  /** Resolves when it has ended: its exit code (null: killed), its document if it came to its end, and what it told. */
  ended: Promise<{ code: number | null; document: FlightsDocument | undefined; told: string }>;
  /** False when there is no such process at this moment. */
  hit(victim: Victim, signal: NodeJS.Signals): Promise<boolean>;
}

export interface DemoFolder {
  start(...args: string[]): Demo;
  /** Another terminal in the same folder: runs `seawall …`, and gives its exit code and what it printed. */
  seawall(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }>;
  path: string;
  /** Whether a run of the example has its stack, and would go on when it is cut off. */
  begun(): boolean;
  remove(): Promise<void>;
}

const seawall = join(packageRoot, 'bin', 'seawall.js');

export function createDemoFolder(): DemoFolder {
  const folder = mkdtempSync(join(tmpdir(), 'seawall-demo-'));
  const home = join(folder, '.seawall');
  return {
    path: folder,
    begun: () => existsSync(join(home, 'flights')) && readState(home, 'demo.json')?.ready === true,
    start: (...args) => startDemo(folder, home, args),
    seawall: (...args) =>
      runCommand(process.execPath, [seawall, ...args], { ...process.env, SEAWALL_HOME: home }, folder),
    remove: async () => {
      await endStacks(home, () => undefined);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function startDemo(folder: string, home: string, args: string[]): Demo {
  const command = [seawall, 'demo', 'flights', '--json', '--exit', ...args];
  const child = spawn(process.execPath, command, {
    cwd: folder,
    env: { ...process.env, SEAWALL_HOME: home },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let told = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (told += chunk));
  const ended = new Promise<Awaited<Demo['ended']>>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, document: documentIn(output), told }));
  });
  return {
    told: () => told,
    ended,
    hit: async (victim, signal) => {
      const pid = await pidOf(victim, child, home);
      if (pid === undefined) return false;
      try {
        return process.kill(pid, signal);
      } catch {
        return false; // it has just ended by itself
      }
    },
  };
}

function documentIn(output: string): FlightsDocument | undefined {
  try {
    const parsed = JSON.parse(output) as FlightsDocument | { error: unknown };
    return 'error' in parsed ? undefined : parsed;
  } catch {
    return undefined;
  }
}

async function pidOf(victim: Victim, demo: ChildProcess, home: string): Promise<number | undefined> {
  switch (victim) {
    case 'demo':
      return demo.pid;
    case 'baselines':
      return (await childrenOf(demo.pid ?? 0)).find(({ command }) => command.includes('baselines.py'))?.pid;
    case 'trainer': {
      const namespace = readState(home, 'demo.json')?.namespace;
      return namespace === undefined ? undefined : (await processesOf(namespace)).at(-1);
    }
    default:
      return readState(home, 'demo.json')?.children.find(({ name }) => name === victim)?.pid;
  }
}

async function childrenOf(parent: number): Promise<{ pid: number; command: string }[]> {
  const found: { pid: number; command: string }[] = [];
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const [stat, command] = await Promise.all(
      ['stat', 'cmdline'].map((file) => readFile(`/proc/${entry}/${file}`, 'latin1').catch(() => '')),
    );
    // The fields after the name, which may hold anything but ends with the last bracket: state, parent.
    if (Number(stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === parent)
      found.push({ pid: Number(entry), command: command ?? '' });
  }
  return found;
}

/** What must be the same however often the example was cut off: every decision with its words, every run, every number. */
export function storyOf({ weeks, releases, runs, retrains }: FlightsDocument): unknown {
  return {
    weeks: weeks.map(({ trainSecondsWeekly: _, ...week }) => week),
    releases: releases.map(({ release, gain, run, trainedOn, approval }) => ({
      ...{ release, gain, run, files: trainedOn.files, version: trainedOn.version, verdict: approval.verdict },
    })),
    runs: runs.map(({ trainSeconds: _, ...run }) => run),
    retrains,
  };
}
