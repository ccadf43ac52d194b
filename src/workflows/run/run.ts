/** A training run's memory and its ears. */
import { ApplicationFailure, CancellationScope, defineQuery, setHandler, workflowInfo } from '@temporalio/workflow';
import {
  type Answer,
  blankRun,
  type FailureType,
  isName,
  parseTrainingRunId,
  type RecordRunInput,
  type RunMessage,
  runMessages,
  type RunPhase,
  type RunStatus,
  statusQuery,
  toIso,
} from '../../contracts/index.js';
import { type ApprovalState, applyVerdict } from '../../domain/reducers/approval.js';
import { receiveMessages } from '../messages.js';
import { recordRun } from '../steps.js';
import { createVisibility } from '../visible.js';
import { runDetails, runSummary, waitingFor } from './details.js';

export interface Run {
  readonly model: string;
  readonly n: number;
  /** The steps run in it: a person's `cancel` ends them, and the conclusion is still written. */
  readonly scope: CancellationScope;
  /** The record as it will be written next; `seq` is that of the last one written. */
  record: RecordRunInput;
  /** Why it runs, in words; null when whoever started it has not said. */
  readonly why: string | null;
  /** True once the run number is ours: before, nothing may be written under it. */
  opened: boolean;
  approval: ApprovalState;
  attempt: number;
  /** Whose queue it waits in; null until the plan is known. */
  pool: string | null;
  /** Who cancelled it, by message. */
  cancelledBy: string | null;
  searchAttributes: boolean;
  show: () => void;
}

/** Reads the input and registers the handlers; must run before the workflow's first await. */
export function beginRun(input: unknown): Run {
  const { workflowId } = workflowInfo();
  const { model, n, causeId, why } = readInput(input, workflowId);
  const run: Run = {
    model,
    n,
    scope: new CancellationScope(),
    record: blankRun({ model, n, workflowId, causeId, at: toIso(Date.now()) }),
    why,
    opened: false,
    approval: { status: 'notAsked' },
    attempt: 0,
    pool: null,
    cancelledBy: null,
    searchAttributes: false,
    show: () => undefined,
  };
  const show = createVisibility(() => run.searchAttributes);
  run.show = () => {
    const { phase, outcome } = run.record;
    // How it ended changes with the phase, and with nothing else.
    const decision = outcome?.kind ?? null;
    show({
      model,
      state: phase,
      decision,
      release: releaseOf(run),
      summary: runSummary(run),
      details: runDetails(run),
    });
  };
  listen(run, workflowId);
  return run;
}

/** Writes the next revision of the run's record: the truth for everybody outside. */
export async function enter(run: Run, phase: RunPhase, change: Partial<RecordRunInput> = {}): Promise<void> {
  run.record = { ...run.record, ...change, phase, seq: run.record.seq + 1, at: toIso(Date.now()) };
  await recordRun(run.record);
  run.show();
}

function listen(run: Run, workflowId: string): void {
  const seen = new Map<string, Answer>();
  setHandler(defineQuery<RunStatus>(statusQuery), () => statusOf(run));
  receiveMessages(runMessages, {
    model: run.model,
    workflowId,
    ready: () => Promise.resolve(),
    earlier: (messageId) => seen.get(messageId),
    remember: (messageId, answer) => void seen.set(messageId, answer),
    standing: () => null,
    handle: (message) => handle(run, message),
  });
}

function handle(run: Run, message: RunMessage): Answer {
  if (message.name === 'cancel') return cancel(run, message.by, message.reason);
  const { state, answer } = applyVerdict(run.approval, message, Date.now());
  run.approval = state;
  run.show();
  return answer;
}

function cancel(run: Run, by: string, reason: string | null): Answer {
  const { phase } = run.record;
  if (phase === 'ended') return { accepted: false, text: 'too late: the run has ended' };
  if (phase === 'deploying') return { accepted: false, text: 'too late: the release is being made; roll back instead' };
  run.cancelledBy = reason ? `${by} (${reason})` : by;
  run.scope.cancel();
  return { accepted: true, text: 'cancelling: the run ends when its processes are gone' };
}

function statusOf(run: Run): RunStatus {
  const { model, n, record } = run;
  const { phase, outcome, evaluation } = record;
  return { model, n, phase, outcome, attempt: run.attempt, evaluation, waitingFor: waitingFor(run) };
}

function releaseOf(run: Run): number | null {
  return run.record.outcome?.kind === 'released' ? run.record.outcome.release : null;
}

function readInput(
  input: unknown,
  workflowId: string,
): { model: string; n: number; causeId: string; why: string | null } {
  const refuse = (text: string) => ApplicationFailure.nonRetryable(text, 'BadInput' satisfies FailureType);
  const id = parseTrainingRunId(workflowId);
  if (!id) throw refuse(`the id of a training run must be train/<model>/<n>, not ${workflowId}`);
  const fields = (typeof input === 'object' && input !== null ? input : {}) as Record<string, unknown>;
  if (!isName(fields['model']) || fields['model'] !== id.model) {
    throw refuse(`the input must be {"model": "${id.model}"}, as the workflow id ${workflowId} says`);
  }
  const causeId = fields['causeId'] ?? `workflow/${workflowId}`;
  if (typeof causeId !== 'string') throw refuse('causeId must be a text');
  const { why } = fields;
  return { ...id, causeId, why: typeof why === 'string' ? why : null };
}
