/** Waiting until the loop has judged what was delivered, and nothing is under way any more. */
import { setTimeout as delay } from 'node:timers/promises';
import { type LoopStatus, type RunOutcome, type RunStatus, SeawallError } from '../../src/contracts/index.js';
import { newestReport } from './assemble.js';
import type { Week } from './calendar.js';
import type { ModelRecords } from './records.js';
import { MODEL, type World } from './world.js';

/** What must have happened. */
export interface Expected {
  /** For progress: what is waited for. */
  what: string;
  /** Must be monitored and decided. */
  monitored?: Week;
  /** Must have its final verdict, and a decision about it. */
  final?: Week;
  /** A release must be live. */
  release?: boolean;
}

const LOOK_EVERY_MS = 250;
/** The loop is told that there is something to look at, and told again: a hint can be lost with a server. */
const HINT_EVERY_MS = 5_000;
/** A dead worker or server is started again by the stack within seconds. */
const UNANSWERED_MS = 60_000;
/** Nothing changed for so long: something is wrong that nobody reported. */
const STILL_MS = 10 * 60_000;

/**
 * Hints the loop, and resolves with the records when all that is expected is there and no run is open. Approves what waits for a
 * person, unless a person is faster; whatever else people do meanwhile is waited out.
 */
export async function settled(world: World, expected: Expected): Promise<ModelRecords> {
  const { teller, signal } = world;
  const patience = createPatience();
  const waiting = new Map<number, Waiting>();
  let hintedAt = 0;
  let told: string | undefined;
  for (;;) {
    signal.throwIfAborted();
    const status = await patience.ask(() => world.loop.status());
    const run = status?.openRuns[0];
    if (status && run === undefined) {
      const records = await patience.ask(() => world.readRecords());
      if (records && isSettled(records, status, expected)) return records;
      if (records) refuseDeadEnd(records, expected);
      const obstacle = obstacleOf(status, records, expected);
      if (obstacle && obstacle !== told) teller.line(`            ${obstacle}`);
      told = obstacle;
      teller.now(obstacle ?? expected.what);
    } else if (run !== undefined) {
      await followRun(world, run, waiting, patience);
    }
    if (Date.now() - hintedAt > HINT_EVERY_MS) {
      // A loop that somebody has ended takes no hint: it looks by itself when it is started again.
      await world.loop.feed().catch(() => undefined);
      hintedAt = Date.now();
    }
    patience.note(whatMoves(status));
    await delay(LOOK_EVERY_MS, undefined, { signal });
  }
}

/** The loop's state without the times at which it looked: those pass also where nothing moves. Exported for its tests. */
export function whatMoves(status: LoopStatus | undefined): string {
  return JSON.stringify({ ...status, lookedAt: undefined, runs: undefined });
}

/** What a person has done, and a person must undo before the story can go on. */
function obstacleOf(status: LoopStatus, records: ModelRecords | undefined, { release }: Expected): string | undefined {
  if (status.state === 'stopped') return `somebody has stopped the loop; the example waits: npx seawall start ${MODEL}`;
  const last = records?.runs.at(-1)?.outcome;
  if (release && records?.releases.length === 0 && last?.kind === 'cancelled')
    return `the first model was ${last.text}; the example waits: npx seawall retrain ${MODEL} --force`;
  return undefined;
}

/** Whether everything expected stands in the records; exported for its tests. */
export function isSettled(records: ModelRecords, status: LoopStatus, expected: Expected): boolean {
  const { monitored, final, release } = expected;
  const allRunsEnded = records.decisions
    .filter(({ action }) => action === 'retrain')
    .every(({ seq }) => records.runs.some(({ causeId, outcome }) => causeId === `decision/${seq}` && outcome));
  if (!allRunsEnded || status.openRuns.length > 0) return false;
  if ((status.champion?.epoch ?? 0) !== (records.live?.epoch ?? 0)) return false;
  if (release && records.live === null) return false;
  if (monitored && !decided(records, monitored)) return false;
  return !final || (decided(records, final) && newestReport(records, final)?.status === 'final');
}

function decided(records: ModelRecords, week: Week): boolean {
  const report = newestReport(records, week);
  return records.decisions.some(
    ({ window, revision }) => report && window?.from === week.from && revision === report.revision,
  );
}

/** Without a first champion the story cannot go on, and the loop asks for one only once per dataset version. */
function refuseDeadEnd(records: ModelRecords, { release }: Expected): void {
  const last = records.runs.at(-1);
  if (!release || records.releases.length > 0 || !last?.outcome) return;
  if (last.outcome.kind === 'released' || last.outcome.kind === 'cancelled') return;
  throw new SeawallError('Unavailable', `the first model was not released: ${describe(last.outcome)}`, nextOf(last.n));
}

const describe = (outcome: RunOutcome): string => `${outcome.kind}: ${outcome.text}`;
const nextOf = (n: number): string =>
  `Look at the workflow train/${MODEL}/${n} and at the log of worker-gpu. To begin anew: npm start -- --fresh`;

/** A run that waits for a person: since when, until when, and how often it could not be approved. */
interface Waiting {
  sinceMs: number;
  deadlineAt: string;
  failures: number;
}
const MAX_FAILURES = 10;

async function followRun(world: World, n: number, waiting: Map<number, Waiting>, patience: Patience): Promise<void> {
  const { teller, approveAfterMs } = world;
  const run = await patience.ask(() => world.loop.runStatus(n));
  if (!run) return;
  patience.note(JSON.stringify(run));
  if (!run.waitingFor) {
    teller.now(`run ${n}: ${run.phase}`);
    return;
  }
  const { deadlineAt, command } = run.waitingFor;
  const known = waiting.get(n) ?? { sinceMs: Date.now(), deadlineAt, failures: 0 };
  if (!waiting.has(n)) {
    waiting.set(n, known);
    teller.line(`            run ${n} waits for a person${numbersOf(run)}: ${command}`);
  }
  const leftMs = known.sinceMs + approveAfterMs - Date.now();
  // Whoever takes more time by `hold` wants to decide.
  if (known.deadlineAt !== deadlineAt) teller.now(`run ${n} is held until ${deadlineAt}: it waits for your verdict`);
  else if (leftMs <= 0) await approve(world, run, known);
  else teller.now(`run ${n} is approved in ${Math.ceil(leftMs / 1000)} s, if you do not decide: approve or reject`);
}

/** By the command that stands on the screen. Somebody else may be faster, or a server away: the next look shows what came of it. */
async function approve({ loop, teller }: World, run: RunStatus, waiting: Waiting): Promise<void> {
  try {
    await loop.approve(run.n, `a small gain${numbersOf(run)}, and it does no harm`);
    teller.line('            approved by that command');
  } catch (error) {
    waiting.failures += 1;
    if (waiting.failures >= MAX_FAILURES) throw error;
  }
}

function numbersOf({ evaluation }: RunStatus): string {
  const gain = evaluation?.gain;
  return gain == null ? '' : ` (gain ${gain.toFixed(4)} in ${evaluation?.metric === 'auc' ? 'AUC' : 'log loss'})`;
}

interface Patience {
  /** undefined: no answer this time; throws when there was none for too long. */
  ask<T>(question: () => Promise<T>): Promise<T | undefined>;
  /** Throws when the same was noted for too long. */
  note(state: string): void;
}

function createPatience(): Patience {
  let answeredAt = Date.now();
  let changedAt = Date.now();
  const noted = new Set<string>();
  return {
    async ask(question) {
      try {
        const answer = await question();
        answeredAt = Date.now();
        return answer;
      } catch (error) {
        if (Date.now() - answeredAt > UNANSWERED_MS) throw error;
        return undefined;
      }
    },
    note(state) {
      if (!noted.has(state)) changedAt = Date.now();
      noted.add(state);
      if (Date.now() - changedAt < STILL_MS) return;
      const text = `the loop of ${MODEL} has not moved for ${STILL_MS / 60_000} minutes (it says ${state})`;
      throw new SeawallError('Unavailable', text, `Look at the workflow model/${MODEL} and at the workers' logs.`);
    },
  };
}
