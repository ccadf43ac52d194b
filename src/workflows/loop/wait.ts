/** Between two looks. */
import { condition } from '@temporalio/workflow';
import type { Observation } from '../../contracts/index.js';
import { type Loop, stateOf } from './loop.js';

/** A hint can be lost, so a feed is looked at anyway; a lost `runEnded` must not hold up the next decision for long. */
const POLL_FEED_MS = 10 * 60_000;
const POLL_OPEN_RUN_MS = 60_000;
/** Not shorter: every try is in history, and what failed for good needs a person. */
const AFTER_FAILURE_MS = 5 * 60_000;
/** With open windows, late labels may come at any time and nobody has to announce them. */
const POLL_OPEN_WINDOW_MS = 60 * 60_000;

/** Waits for the next due window, a message or a hint. `seen` is null after a cycle that failed. */
export async function waitForNext(loop: Loop, seen: Observation | null): Promise<void> {
  if (seen && (seen.more || stateOf(loop).pendingReports.length > 0)) return;
  const woken = () => loop.hinted || loop.requests.length > 0 || loop.stop !== null;
  if (woken()) return;
  const { ms, why } = seen
    ? nextLook(loop, seen)
    : { ms: AFTER_FAILURE_MS, why: `again: ${loop.problem}`.slice(0, 200) };
  await condition(woken, ms, { summary: why });
}

function nextLook(loop: Loop, seen: Observation): { ms: number; why: string } {
  const { openRuns, openWindows, waiting = [] } = stateOf(loop);
  const looks = [
    {
      ms: seen.nextDueInMs ?? POLL_FEED_MS,
      why: seen.nextDueInMs === null ? 'the feed, or a message' : 'the next window is due',
    },
  ];
  if (openWindows.length > 0) looks.push({ ms: POLL_OPEN_WINDOW_MS, why: 'late labels' });
  const started = openRuns.find(({ n }) => !waiting.some(({ run }) => run.n === n));
  if (started) looks.push({ ms: POLL_OPEN_RUN_MS, why: `run ${started.n} is open` });
  for (const { run, askAgainAtMs } of waiting)
    looks.push({ ms: askAgainAtMs - Date.now(), why: `run ${run.n} waits for budget: ask again` });
  const soonest = looks.reduce((a, b) => (b.ms < a.ms ? b : a));
  return { ...soonest, ms: Math.max(1_000, soonest.ms) };
}
