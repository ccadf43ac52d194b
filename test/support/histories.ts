/** Histories for replay: what the workflow tests have played, kept for the versions to come. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { WorkflowHandle } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { expect } from 'vitest';

export const HISTORIES = fileURLToPath(new URL('../replay/histories', import.meta.url));

export interface RecordedHistory {
  workflowId: string;
  history: { events: Record<string, unknown>[] };
}

/** With SEAWALL_RECORD_HISTORIES=<release>, writes the test's history; a file that exists is never overwritten. */
export async function recordHistory(handle: WorkflowHandle, part = ''): Promise<void> {
  const release = process.env['SEAWALL_RECORD_HISTORIES'];
  if (!release) return;
  const name = `${expect.getState().currentTestName ?? 'unnamed'} ${part}`
    .trim()
    .replace(/[^a-z0-9]+/gi, '-')
    .toLowerCase();
  const folder = `${HISTORIES}/${release}`;
  mkdirSync(folder, { recursive: true });
  const history = JSON.parse(historyToJSON(await handle.fetchHistory())) as RecordedHistory['history'];
  const recorded: RecordedHistory = { workflowId: handle.workflowId, history };
  // Stack traces name the machine that played the test, and replay does not look at them.
  const text = JSON.stringify(recorded, (key, value: unknown) => (key === 'stackTrace' ? undefined : value));
  writeFileSync(`${folder}/${name}.json`, `${text}\n`, { flag: 'wx' });
}

export function recordedHistories(): { name: string; recorded: RecordedHistory }[] {
  const files = readdirSync(HISTORIES, { recursive: true })
    .map(String)
    .filter((file) => file.endsWith('.json'));
  return files.toSorted().map((name) => ({
    name,
    recorded: JSON.parse(readFileSync(`${HISTORIES}/${name}`, 'utf8')) as RecordedHistory,
  }));
}
