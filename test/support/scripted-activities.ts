/**
 * A small world for workflow tests: what storage and GPU hosts would answer, in memory. Real steps are tested against real servers
 * in test/activities and test/e2e; here the question is only what the workflows do with their answers.
 */
import type {
  AuditInput,
  Budget,
  ClaimedRun,
  ClaimInput,
  CommittedLogs,
  DecisionSummary,
  GateDecision,
  DeployInput,
  Evaluated,
  EvaluateInput,
  FetchedData,
  FleetSeed,
  GateInput,
  LoopSeed,
  Observation,
  ObserveInput,
  OpenedRun,
  OpenRun,
  OpenRunInput,
  PointerResult,
  Price,
  RecordRunInput,
  ReportSummary,
  RollbackInput,
  RunLook,
  RunOutcome,
  RunRef,
  SaveLedgerInput,
  TrainedModel,
  TrainInput,
} from '../../src/contracts/index.js';
import { incidentAfter } from '../../src/domain/reducers/incident.js';

const sha = (digit: string) => digit.repeat(64);
export const CHALLENGER = sha('c');
export const EVIDENCE = sha('e');
const champion = { release: 1, sha256: sha('1'), epoch: 1 };

export type World = ReturnType<typeof createWorld>;

export function createWorld(model = 'm') {
  const records: RecordRunInput[] = [];
  const audits: AuditInput[] = [];
  const deploys: DeployInput[] = [];
  const rollbacks: RollbackInput[] = [];
  const observed: ObserveInput[] = [];
  const gated: GateInput[] = [];
  const claims = new Map<string, OpenRun>();
  let decisions = 0;

  const world = {
    model,
    records,
    audits,
    deploys,
    rollbacks,
    observed,
    gated,
    claims,
    seed: seed(),
    /** Windows that are still to be monitored. */
    dueWindows: 0,
    datasetVersion: null as string | null,
    /** What the champion has not learnt from; undefined: no price is named for new data. */
    unlearntVersion: undefined as string | null | undefined,
    /** Whether the model learns from its logs, and how often they were committed. */
    learnsFromLogs: false,
    logsCommitted: 0,
    commitLogs: (): CommittedLogs => ({ version: null, windows: 0, rows: 0 }),
    champion: champion as Observation['champion'],
    nextDueInMs: null as number | null,
    decide: (_input: GateInput): Pick<DecisionSummary, 'action' | 'trigger'> => ({ action: 'wait', trigger: 'none' }),
    /** Set: the pool has a ledger. */
    price: undefined as Price | undefined,
    fleet: createFleetStore((model, n) => records.filter((record) => record.model === model && record.n === n).at(-1)),
    approval: 'automatic' as Evaluated['promotion']['approval'],
    promote: true,
    train: async (input: TrainInput): Promise<TrainedModel> => trained(input.attempt),
    deploy: async (input: DeployInput): Promise<PointerResult> => ({
      release: 2,
      sha256: input.challenger.sha256,
      epoch: input.expectedEpoch + 1,
    }),
    rollback: async (input: RollbackInput): Promise<PointerResult> => ({
      release: input.toRelease ?? 1,
      sha256: sha('1'),
      epoch: input.expectedEpoch + 1,
    }),
    outcomeOf: (n: number): RunOutcome | null => records.filter((record) => record.n === n).at(-1)?.outcome ?? null,
    phases: () => records.map((record) => record.phase),

    loopActivities: {
      hydrateLoop: async (): Promise<LoopSeed> => world.seed,
      observe: async (input: ObserveInput) => observe(input),
      gate: async (input: GateInput) => gate(input),
      commitLogs: async () => {
        world.logsCommitted += 1;
        return world.commitLogs();
      },
      claimRun: async ({ causeId }: ClaimInput): Promise<ClaimedRun> => {
        const n = claims.get(causeId)?.n ?? claims.size + 1;
        const run = { n, workflowId: `train/${model}/${n}`, causeId };
        claims.set(causeId, run);
        return world.price ? { ...run, price: world.price } : run;
      },
      hydrateFleet: async ({ pool }: { pool: string }) => world.fleet.hydrate(pool),
      readBudget: async () => world.fleet.budget,
      saveLedger: async (input: SaveLedgerInput) => world.fleet.save(input),
      lookAtReservations: async ({ ids }: { ids: string[] }) => ids.map((id) => world.fleet.look(id)),
      audit: async (input: AuditInput) => void audits.push(input),
      openRun: async (_input: OpenRunInput) => opened(),
      recordRun: async (input: RecordRunInput) => void records.push(input),
      evaluate: async (_input: EvaluateInput): Promise<Evaluated> => evaluated(world.promote, world.approval),
      deploy: async (input: DeployInput) => {
        deploys.push(input);
        return world.deploy(input);
      },
      rollback: async (input: RollbackInput) => {
        rollbacks.push(input);
        return world.rollback(input);
      },
    },
    gpuActivities: {
      fetchDataset: async (_input: RunRef): Promise<FetchedData> => ({
        workerId: 'gpu-0',
        files: 1,
        bytes: 10,
        trainRows: 90,
        holdout: { sha256: sha('b'), size: 5, rows: 10 },
      }),
      trainModel: async (input: TrainInput) => world.train(input),
    },
  };

  function observe(input: ObserveInput): Observation {
    observed.push(input);
    const from = input.monitoredTo ?? '2001-02-05T00:00:00.000Z';
    const due = Math.min(world.dueWindows, 1);
    world.dueWindows -= due;
    const to = new Date(Date.parse(from) + due * 7 * 864e5).toISOString();
    const endedRuns = input.openRuns.flatMap(({ n }) => {
      const outcome = world.outcomeOf(n);
      return outcome ? [{ n, outcome }] : [];
    });
    return {
      now: to,
      configSeq: 1,
      configDigest: sha('f'),
      champion: world.champion,
      datasetVersion: world.datasetVersion,
      ...(world.learnsFromLogs ? { learnsFromLogs: true } : {}),
      ...(world.unlearntVersion === undefined ? {} : { unlearntVersion: world.unlearntVersion }),
      reports: due ? [report(from, to)] : [],
      more: world.dueWindows > 0,
      monitoredTo: due ? to : input.monitoredTo,
      openWindows: [],
      endedRuns,
      openRuns: input.openRuns
        .filter((run) => !endedRuns.some(({ n }) => n === run.n))
        .map((run) => {
          const phase = records.findLast((record) => record.n === run.n)?.phase;
          if (world.price && phase === undefined) return { ...run, progress: awaitingBudget };
          return run;
        }),
      nextDueInMs: world.nextDueInMs,
    };
  }

  function gate(input: GateInput): GateDecision[] {
    gated.push(input);
    const about = input.reports.length > 0 ? input.reports : [null];
    let incident = input.incident ?? null;
    return about.map((report) => {
      decisions += 1;
      const decision = {
        seq: decisions,
        ...world.decide(input),
        reason: 'scripted',
        window: report && { from: report.key.slice(2), to: input.now },
        revision: report && 1,
        at: input.now,
      };
      incident = incidentAfter(incident, decision);
      return { ...decision, incident };
    });
  }
  return world;
}

const awaitingBudget = { phase: 'awaitingBudget', since: '2026-01-01T00:00:00.000Z', deadlineAt: null } as const;

/** The ledger's storage: one record per cause, and what the runs' records say. */
export function createFleetStore(newest: (model: string, n: number) => RecordRunInput | undefined = () => undefined) {
  const store = {
    saved: [] as SaveLedgerInput[],
    budget: null as Budget | null,
    /** Device time of a run that has ended. */
    usedMs: 1_000,
    seen: [] as string[],
    looks: [] as string[],
    hydrate: async (_pool: string): Promise<FleetSeed> => ({
      seq: store.saved.length,
      table: store.saved.at(-1)?.table ?? null,
      budget: store.budget,
      seenMessageIds: store.seen,
      searchAttributes: false,
    }),
    save: async (input: SaveLedgerInput): Promise<{ seq: number }> => {
      const at = store.saved.findIndex(({ causeId }) => causeId === input.causeId);
      if (at >= 0) return { seq: at + 1 };
      store.saved.push(input);
      return { seq: store.saved.length };
    },
    look: (id: string): RunLook => {
      store.looks.push(id);
      const [model = '', n] = id.split('/');
      const record = newest(model, Number(n));
      if (!record) return { id, state: 'missing', usedMs: 0, text: 'never started' };
      const used = record.attempts.length > 0 ? store.usedMs : 0;
      if (record.outcome) return { id, state: 'ended', usedMs: used, text: record.outcome.kind };
      return { id, state: 'running', usedMs: 0, text: 'it runs' };
    },
  };
  return store;
}

export function trained(attempt: number): TrainedModel {
  return { workerId: `gpu-${attempt}`, model: { sha256: CHALLENGER, size: 1000 }, trainSeconds: 1.5, device: 'cpu' };
}

function seed(): LoopSeed {
  return {
    configSeq: 1,
    configDigest: sha('f'),
    standing: { paused: false, pinned: false },
    orders: { paused: null, pinned: null },
    seenMessageIds: [],
    openRuns: [],
    monitoredTo: null,
    openWindows: [],
    lastRetrainAt: null,
    pendingReports: [],
    pendingRetrains: [],
    champion,
    lastDecision: null,
    lastReport: null,
    incident: null,
    searchAttributes: false,
  };
}

function report(from: string, to: string): ReportSummary {
  return {
    key: `w/${from}`,
    window: { from, to },
    revision: 1,
    status: 'final',
    rows: 9,
    labelMaturity: 1,
    text: 'quiet',
  };
}

function opened(): OpenedRun {
  return {
    pool: 'default',
    maxAttempts: 3,
    timeoutMs: 60_000,
    graceMs: 1_000,
    approvalDeadlineMs: 3 * 864e5,
    configDigest: sha('f'),
    dataset: { name: 'm', version: sha('d'), files: 1 },
    champion: { release: 1, sha256: sha('1') },
    expectedEpoch: 1,
    moveId: 'm/1',
    searchAttributes: false,
  };
}

function evaluated(promote: boolean, approval: Evaluated['promotion']['approval']): Evaluated {
  const performance = { rows: 10, positives: 4, auc: 0.7, aucSe: 0.1, logLoss: 0.5, logLossSe: 0.01, brier: 0.2 };
  return {
    evidence: EVIDENCE,
    summary: {
      rows: 10,
      metric: 'logLoss',
      challenger: performance,
      champion: performance,
      gain: 0.1,
      gainInterval: [0.05, 0.15],
    },
    promotion: { promote, text: promote ? 'better by 0.1' : 'a tie keeps the champion', approval },
  };
}
