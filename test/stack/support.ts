import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { ChildSpec } from '../../src/stack/child.js';
import type { StackEvent } from '../../src/stack/events.js';

/** A folder that goes away with the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'seawall-stack-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Collects events, and waits for one that has not been waited for yet. */
export function eventLog() {
  const seen: StackEvent[] = [];
  const waiting: { matches: (event: StackEvent) => boolean; resolve: (event: StackEvent) => void }[] = [];
  return {
    seen,
    onEvent(event: StackEvent) {
      seen.push(event);
      const index = waiting.findIndex(({ matches }) => matches(event));
      if (index !== -1) waiting.splice(index, 1)[0]?.resolve(event);
    },
    next(kind: StackEvent['kind'], name: string): Promise<StackEvent> {
      return new Promise((resolve) => {
        waiting.push({ matches: (event) => event.kind === kind && 'name' in event && event.name === name, resolve });
      });
    },
  };
}

/** A child that runs a line of JavaScript. */
export function scriptSpec(folder: string, script: string, more: Partial<ChildSpec> = {}): ChildSpec {
  return {
    name: 'app',
    command: process.execPath,
    args: ['-e', script],
    env: process.env,
    logFile: join(folder, 'app.log'),
    readiness: { kind: 'line' },
    readyWithinMs: 10_000,
    stopGraceMs: 5_000,
    ...more,
  };
}

export const SAYS_READY = `console.log(JSON.stringify({ ready: true })); setInterval(() => {}, 1000);`;
