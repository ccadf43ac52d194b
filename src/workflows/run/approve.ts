/** Waiting for a person, where a person must decide. */
import { condition } from '@temporalio/workflow';
import { type Approval, type Evaluated, type OpenedRun, toIso, type TrainedModel } from '../../contracts/index.js';
import { askPerson, expire } from '../../domain/reducers/approval.js';
import { enter, type Run } from './run.js';

/** The verdict on exactly these bytes and this evidence. The record shows the wait; a `hold` moves the deadline. */
export async function approveChallenger(
  run: Run,
  plan: OpenedRun,
  trained: TrainedModel,
  evaluated: Evaluated,
): Promise<Approval> {
  const bound = { challenger: trained.model.sha256, evidence: evaluated.evidence };
  if (evaluated.promotion.approval === 'automatic') {
    return { verdict: 'automatic', by: 'policy', reason: evaluated.promotion.text, at: toIso(Date.now()), ...bound };
  }
  run.approval = askPerson(bound.challenger, bound.evidence, Date.now() + plan.approvalDeadlineMs);
  await enter(run, 'awaitingApproval');
  while (run.approval.status === 'waiting') {
    const { deadlineMs } = run.approval;
    const changed = () => run.approval.status !== 'waiting' || run.approval.deadlineMs !== deadlineMs;
    const leftMs = Math.max(1, deadlineMs - Date.now());
    if (!(await condition(changed, leftMs, { summary: `approve or reject until ${toIso(deadlineMs)}` }))) {
      run.approval = expire(run.approval, Date.now());
    }
  }
  if (run.approval.status !== 'decided') throw new Error('unreachable: waiting ended without a decision');
  run.record = { ...run.record, approval: run.approval.approval };
  return run.approval.approval;
}
