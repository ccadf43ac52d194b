/** The gate: a decision per report, request, missing model or changed dataset, recorded once and never taken again. */
import {
  type ConfigRevision,
  type DecisionRecord,
  type GateContext,
  type GateDecision,
  type GateInput,
  keys,
  type ModelConfig,
  type MonitorReport,
  SeawallError,
} from '../contracts/index.js';
import { decide, GATE_EVALUATOR } from '../domain/decisions/gate.js';
import { incidentAfter } from '../domain/reducers/incident.js';
import { followedVersion } from './followed-dataset.js';
import { newestConfig } from './hydrate.js';
import { summaryOf } from './hydrate-decisions.js';
import { readIncident } from './incident.js';
import { newDataOf } from './new-data.js';
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
  /** Whether the data that are there count; a person and a missing model ask whatever they are. */
  ofData: boolean;
  /** No decision with this cause has this number or a lower one. */
  after: number;
}

export type GateActivities = ReturnType<typeof createGateActivities>;

export function createGateActivities(ports: GatePorts) {
  return {
    /**
     * Decides on a person's request, on the first model, on a changed dataset and on each report, in this order. A decision that exists for the
     * same cause is returned as it was taken, whatever thresholds or code say today. One call starts at most one run:
     * after a `retrain` the later decisions see an open run.
     * @throws SeawallError `NotFound`: no configuration, or a report that is not there
     */
    async gate(input: GateInput): Promise<GateDecision[]> {
      const config = await newestConfig(ports.records, input.model);
      const [pointer, version] = await Promise.all([
        ports.pointers.read(input.model),
        followedVersion(ports, config.config.dataset),
      ]);
      let context: GateContext = {
        now: input.now,
        championRelease: pointer?.champion.release ?? null,
        openRun: input.openRun,
        ...input.standing,
        lastRetrainAt: input.lastRetrainAt,
        request: null,
        datasetVersion: version ?? null,
        learntIn: await learntIn(ports, input.model, version, config.digest),
        ...(await newDataFor(ports, input, config.config, pointer?.champion.release, version)),
      };
      const decisions: GateDecision[] = [];
      let { incident } = input;
      for (const question of await questionsOf(ports, input, context)) {
        const record = await decideOnce(
          ports,
          input.model,
          config,
          contextOf(question, context, config.config),
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

/** Only where something can follow from it: it reads two manifests. */
async function newDataFor(
  ports: GatePorts,
  { now, dataset, reports }: GateInput,
  config: ModelConfig,
  champion: number | undefined,
  version: string | undefined,
): Promise<Pick<GateContext, 'newData'>> {
  if (!config.gate.dataset || champion === undefined || version === undefined) return {};
  if (!dataset && reports.length === 0) return {};
  return { newData: await newDataOf(ports, config, champion, version, now) };
}

function contextOf(
  { request, ofData, report }: Question,
  { newData, ...context }: GateContext,
  { dataset }: ModelConfig,
): GateContext {
  // What a window has taught joins the dataset after its decision, and before the run that the decision may start.
  const bringsRows = dataset.from === 'logs' && report?.value.status === 'final' && report.value.labelMaturity > 0;
  return {
    ...context,
    ...(bringsRows ? { learntIn: null } : {}),
    request,
    ...(ofData && newData ? { newData } : {}),
  };
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
    questions.push({ causeId: `message/${messageId}`, report: null, request, ofData: false, after: 0 });
  }
  const unasked = { report: null, request: null, after: 0 };
  if (input.first) questions.push({ ...unasked, causeId: firstCause(context), ofData: false });
  if (input.dataset) questions.push({ ...unasked, causeId: datasetCause(context), ofData: true });
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
    questions.push({ causeId: report.causeId, report: { key, value: report }, request: null, ofData: true, after });
  }
  return questions;
}

/**
 * One decision per dataset version: asking again about the same data gives the same answer and the same run. What only
 * stands in the way for now is part of the cause, or the refusal would outlast it.
 */
function firstCause(context: GateContext): string {
  const { datasetVersion, championRelease } = context;
  const obstacle = championRelease === null ? inTheWay(context) : `/release-${championRelease}`;
  return `first/${datasetVersion ?? 'none'}${obstacle}`;
}

/** The same, per champion too: what is new depends on what it has learnt from. */
const datasetCause = (context: GateContext): string =>
  `dataset/${context.datasetVersion ?? 'none'}/release-${context.championRelease ?? 'none'}${inTheWay(context)}`;

const inTheWay = ({ paused, pinned, openRun }: GateContext): string =>
  paused ? '/paused' : pinned ? '/pinned' : openRun !== null ? `/run-${openRun}` : '';

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
