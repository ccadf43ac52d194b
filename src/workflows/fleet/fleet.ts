/** The fleet's memory and its ears. */
import {
  ActivityFailure,
  ApplicationFailure,
  condition,
  defineQuery,
  defineSignal,
  isCancellation,
  log,
  setHandler,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import {
  type Answer,
  type FailureType,
  fleetId,
  type FleetMessage,
  fleetMessages,
  fleetSignals,
  type FleetStatus,
  isName,
  type LedgerInput,
  type LedgerTable,
  readReserve,
  readSettle,
  statusQuery,
  toIso,
} from '../../contracts/index.js';
import { emptyLedger } from '../../domain/reducers/ledger.js';
import { fleetStatus } from '../../domain/reducers/ledger-status.js';
import { receiveMessages } from '../messages.js';
import { textOfFailure } from '../run/outcomes.js';
import { hydrateFleet } from '../steps.js';
import { createVisibility } from '../visible.js';
import { fleetDetails, fleetSummary } from './details.js';

/** What continue-as-new hands on. */
export interface CarriedFleet {
  table: LedgerTable;
  /** Number of the newest stored record. */
  seq: number;
  /** Steps of the ledger since the first of these workflows began: part of each record's cause. */
  version: number;
  /** What each loop was told last, by reservation. */
  told: Record<string, string>;
  seen: { messageId: string; answer: Answer }[];
  searchAttributes: boolean;
}

export interface Fleet extends Omit<CarriedFleet, 'table'> {
  readonly pool: string;
  /** null until hydrated. */
  table: LedgerTable | null;
  /** What has arrived and is not in the table yet. */
  inbox: LedgerInput[];
  /** Inputs that are stored, counted since this run of the workflow began: who waits for one knows its number. */
  arrived: number;
  stored: number;
  /** Reservations whose loop waits for an answer. */
  asked: Set<string>;
  /** Runs of which somebody says that they have ended. */
  hints: Set<string>;
  /** The budget in storage may be another one. */
  budgetHinted: boolean;
  /** Wall clock. */
  budgetReadAtMs: number;
  /** Who ordered that what runs be cancelled, and the number of the freeze's input. */
  cancelOrders: { number: number; messageId: string; by: string; reason: string | null }[];
  problem: string | null;
  show: () => void;
}

/** Reads the input and registers the handlers; must run before the workflow's first await. */
export function beginFleet(input: unknown): Fleet {
  const { pool, carried } = readInput(input);
  const fresh = { table: null, seq: 0, version: 0, told: {}, seen: [], searchAttributes: false };
  const fleet: Fleet = {
    ...(carried ?? fresh),
    pool,
    inbox: [],
    arrived: 0,
    stored: 0,
    asked: new Set(),
    hints: new Set(),
    budgetHinted: false,
    budgetReadAtMs: Date.now(),
    cancelOrders: [],
    problem: null,
    show: () => undefined,
  };
  const show = createVisibility(() => fleet.searchAttributes);
  fleet.show = () => {
    const status = statusOf(fleet);
    const { state } = status;
    show({
      model: null,
      state,
      decision: null,
      release: null,
      summary: fleetSummary(status),
      details: fleetDetails(status),
    });
  };
  listen(fleet);
  return fleet;
}

const AGAIN_MS = 60_000;

/** A fleet that is born again reads its ledger from object storage. */
export async function hydrate(fleet: Fleet): Promise<void> {
  while (fleet.table === null) {
    try {
      const seed = await hydrateFleet({ pool: fleet.pool });
      const answer: Answer = { accepted: true, text: 'already received; the audit log says what came of it' };
      fleet.seq = seed.seq;
      fleet.seen = seed.seenMessageIds.map((messageId) => ({ messageId, answer }));
      fleet.searchAttributes = seed.searchAttributes;
      fleet.table = seed.table ?? emptyLedger();
      fleet.problem = null;
      // Before what has arrived meanwhile: requests must find the budget, or the first of them would not be collected.
      const early = fleet.inbox.splice(0);
      if (seed.budget?.seq !== fleet.table.budget?.seq) push(fleet, { kind: 'budget', budget: seed.budget });
      fleet.inbox.push(...early);
    } catch (error) {
      if (isCancellation(error) || !(error instanceof ActivityFailure)) throw error;
      fleet.problem = textOfFailure(error);
      fleet.show();
      await sleep(AGAIN_MS, { summary: fleet.problem.slice(0, 200) });
    }
  }
  fleet.show();
}

/** The table of a hydrated fleet. */
export function tableOf(fleet: Fleet): LedgerTable {
  if (!fleet.table) throw new Error('the fleet is used before it is hydrated');
  return fleet.table;
}

type Unstamped<T> = T extends unknown ? Omit<T, 'atMs'> : never;

/** Puts an input where the next step takes it; returns its number. */
export function push(fleet: Fleet, input: Unstamped<LedgerInput>): number {
  fleet.inbox.push({ atMs: Date.now(), ...input } as LedgerInput);
  fleet.arrived += 1;
  return fleet.arrived;
}

function listen(fleet: Fleet): void {
  setHandler(defineQuery<FleetStatus>(statusQuery), () => statusOf(fleet));
  setHandler(defineSignal<[unknown]>(fleetSignals.reserve), (payload) => {
    const read = readReserve(payload);
    if (!read.ok) return log.warn('a reservation that cannot be read', { problem: read.problem });
    fleet.asked.add(read.value.reservationId);
    push(fleet, { kind: 'reserve', request: read.value });
  });
  setHandler(defineSignal<[unknown]>(fleetSignals.settle), (payload) => {
    const read = readSettle(payload);
    if (!read.ok) return log.warn('a settlement that cannot be read', { problem: read.problem });
    fleet.hints.add(read.value.reservationId);
  });
  setHandler(defineSignal<[unknown]>(fleetSignals.budget), () => {
    fleet.budgetHinted = true;
  });
  receiveMessages(fleetMessages, {
    model: '',
    pool: fleet.pool,
    workflowId: fleetId(fleet.pool),
    ready: () => condition(() => fleet.table !== null),
    earlier: (messageId) => fleet.seen.find((entry) => entry.messageId === messageId)?.answer,
    remember: (messageId, answer) => {
      fleet.seen = [...fleet.seen.filter((entry) => entry.messageId !== messageId), { messageId, answer }].slice(-200);
    },
    standing: () => null,
    handle: (message) => handle(fleet, message),
  });
}

/** Answered when it is stored: a freeze that a new fleet would not know of is none. */
async function handle(fleet: Fleet, message: FleetMessage): Promise<Answer> {
  const { messageId, by, reason } = message;
  const order = { by, reason, at: toIso(Date.now()) };
  const number = push(fleet, { kind: message.name, order });
  if (message.name === 'freeze' && message.cancelRunning) fleet.cancelOrders.push({ number, messageId, by, reason });
  await condition(() => fleet.stored >= number);
  const { running, waiting } = statusOf(fleet);
  const cancelled = message.name === 'freeze' && message.cancelRunning;
  const run = `${running.length} ${running.length === 1 ? 'run is' : 'runs are'}`;
  if (message.name === 'unfreeze') return { accepted: true, text: `starts again; ${waiting.length} wait, ${run} open` };
  return {
    accepted: true,
    text: `frozen: nothing is started; ${waiting.length} wait, ${run} ${cancelled ? 'cancelled' : 'open and go on'}`,
  };
}

function statusOf({ pool, table, seq, problem }: Fleet): FleetStatus {
  return fleetStatus(pool, table, { seq, problem, wallMs: Date.now() });
}

function readInput(input: unknown): { pool: string; carried: CarriedFleet | undefined } {
  const { workflowId } = workflowInfo();
  const fields = (typeof input === 'object' && input !== null ? input : {}) as Record<string, unknown>;
  const { pool, carried } = fields;
  if (!isName(pool) || workflowId !== fleetId(pool)) {
    const text = `start it with the id fleet/<pool> and the input {"pool": "<name>"}: the id is ${workflowId}, the pool ${JSON.stringify(pool)}`;
    throw ApplicationFailure.nonRetryable(text, 'BadInput' satisfies FailureType);
  }
  return { pool, carried: carried as CarriedFleet | undefined };
}
