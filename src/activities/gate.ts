/** The gate: a decision per report, request or missing model, recorded once and never taken again. */
import {
  type ConfigRevision,
  type DecisionRecord,
  type GateContext,
  type GateDecision,
  type GateInput,
  keys,
  type MonitorReport,
  SeawallError,
} from '../contracts/index.js';
import { decide, GATE_EVALUATOR } from '../domain/decisions/gate.js';
import { incidentAfter } from '../domain/reducers/incident.js';
import { newestConfig } from './hydrate.js';
import { summaryOf } from './hydrate-decisions.js';
import { readIncident } from './incident.js';
import { listRuns, readRun } from './run-index.js';
import type { DatasetStore, JsonStore, PointerStore, RecordStore } from './ports.js';

export interface GatePorts {
  records: RecordStore;
  json: JsonStore;
  pointers: PointerStore;
  datasets: DatasetStore;
}

/** `openRun` of a decision whose batch has just started a run: the run has no number until the loop claims it. */
export const RUN_ABOUT_TO_START = 0;

/** What a decision is about. */
interface Question {
  causeId: string;
  report: { key: string; value: MonitorReport } | null;
  request: GateContext['request'];
  /** No decision with this cause has this number or a lower one. */
  after: number;
}

export type GateActivities = ReturnType<typeof createGateActivities>;

export function createGateActivities(ports: GatePorts) {
  return {
    /**
     * Decides on a person's request, on the first model and on each report, in this order. A decision that exists for the
     * same cause is returned as it was taken, whatever thresholds or code say today. One call starts at most one run:
     * after a `retrain` the later decisions see an open run.
     * @throws SeawallError `NotFound`: no configuration, or a report that is not there
     */
    async gate(input: GateInput): Promise<GateDecision[]> {
      const config = await newestConfig(ports.records, input.model);
      const [pointer, head] = await Promise.all([
        ports.pointers.read(input.model),
        ports.datasets.head(config.config.dataset.name),
      ]);
      let context: GateContext = {
        now: input.now,
        championRelease: pointer?.champion.release ?? null,
        openRun: input.openRun,
        ...input.standing,
        lastRetrainAt: input.lastRetrainAt,
        request: null,
        datasetVersion: head?.version ?? null,
        learntIn: await learntIn(ports, input.model, head?.version, config.digest),
      };
      const decisions: GateDecision[] = [];
      let { incident } = input;
      for (const question of await questionsOf(ports, input, context)) {
        const record = await decideOnce(
          ports,
          input.model,
          config,
          { ...context, request: question.request },
          question,
        );
        if (incident === undefined) incident = await readIncident(ports.records, input.model, record.seq);
        incident = incidentAfter(incident, record);
        decisions.push({ ...summaryOf(record), incident });
        if (record.action === 'retrain') context = afterRetrain(context, record);
      }
      return decisions;
    },
  };
}

/** The newest run, when it has learnt from this version under this configuration and ended with a released or refused challenger. */
async function learntIn(
  { json }: GatePorts,
  model: string,
  version: string | undefined,
  configDigest: string,
): Promise<number | null> {
  const newest = (await listRuns(json, model)).at(-1);
  const run = newest && (await readRun(json, model, newest))?.record;
  if (!run?.outcome || (run.outcome.kind !== 'released' && run.outcome.kind !== 'refused')) return null;
  return run.dataset?.version === version && run.configDigest === configDigest ? run.n : null;
}

/** No cooldown begins with the first model: it replaces nothing, and a bad one should be replaced soon. */
function afterRetrain(context: GateContext, { trigger, at }: DecisionRecord): GateContext {
  const lastRetrainAt = trigger === 'firstModel' ? context.lastRetrainAt : at;
  return { ...context, openRun: context.openRun ?? RUN_ABOUT_TO_START, lastRetrainAt };
}

async function questionsOf(ports: GatePorts, input: GateInput, context: GateContext): Promise<Question[]> {
  const questions: Question[] = [];
  if (input.request) {
    const { messageId, ...request } = input.request;
    questions.push({ causeId: `message/${messageId}`, report: null, request, after: 0 });
  }
  if (input.first) questions.push({ causeId: firstCause(context), report: null, request: null, after: 0 });
  for (const { key } of input.reports) {
    const report = (await ports.json.read<MonitorReport>(key))?.value;
    if (!report) {
      throw new SeawallError(
        'NotFound',
        `The gate is asked about the report ${key}, which is not in storage.`,
        'Restore it from a backup of the bucket, or terminate and start the model loop: it reads anew what is there.',
      );
    }
    const after = input.decidedUpTo ?? 0;
    questions.push({ causeId: report.causeId, report: { key, value: report }, request: null, after });
  }
  return questions;
}

/**
 * One decision per dataset version: asking again about the same data gives the same answer and the same run. What only
 * stands in the way for now is part of the cause, or the refusal would outlast it.
 */
function firstCause({ datasetVersion, championRelease, paused, pinned, openRun }: GateContext): string {
  const obstacle =
    championRelease !== null
      ? `/release-${championRelease}`
      : paused
        ? '/paused'
        : pinned
          ? '/pinned'
          : openRun !== null
            ? `/run-${openRun}`
            : '';
  return `first/${datasetVersion ?? 'none'}${obstacle}`;
}

function decideOnce(
  ports: GatePorts,
  model: string,
  config: ConfigRevision,
  context: GateContext,
  { causeId, report, after }: Question,
): Promise<DecisionRecord> {
  const decided = decide(report?.value ?? null, context, config.config);
  const make = (seq: number): DecisionRecord => ({
    kind: 'decision',
    schema: 1,
    seq,
    causeId,
    model,
    ...decided,
    window: report?.value.window ?? null,
    revision: report?.value.revision ?? null,
    report: report?.key ?? null,
    context,
    configDigest: config.digest,
    evaluator: GATE_EVALUATOR,
    at: context.now,
  });
  return ports.records.append<DecisionRecord>(keys.decisions(model), causeId, make, after);
}
