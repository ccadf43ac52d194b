/** A training run as a short status page. */
import { type EvaluationSummary, type RunStatus, toIso } from '../../contracts/index.js';
import type { Run } from './run.js';

export function waitingFor(run: Run): RunStatus['waitingFor'] {
  if (run.approval.status !== 'waiting') return null;
  const { challenger, evidence, deadlineMs } = run.approval;
  return {
    challenger,
    evidence,
    deadlineAt: toIso(deadlineMs),
    command: `npx seawall approve ${run.model} --run ${run.n}`,
  };
}

export function runDetails(run: Run): string[] {
  const { phase, outcome, evaluation, dataset } = run.record;
  const waiting = waitingFor(run);
  return [
    outcome ? `**${outcome.kind}**: ${outcome.text}` : `**${phase}**${where(run)}`,
    ...(dataset ? [`dataset ${dataset.name}@${dataset.version.slice(0, 12)}`] : []),
    ...(evaluation ? [describeEvaluation(evaluation)] : []),
    ...(waiting ? [`a person decides until ${waiting.deadlineAt}`, `\`${waiting.command}\``] : []),
  ];
}

/** Temporal does not say whether an activity has begun: on a pool without a free host, it waits. */
function where({ record, attempt, pool }: Run): string {
  const queue = `on gpu/${pool} (where it waits for a free worker)`;
  if (record.phase === 'fetching') return ` ${queue}`;
  return record.phase === 'training' ? `, attempt ${attempt}, ${queue}` : '';
}

function describeEvaluation(summary: EvaluationSummary): string {
  const numbers = (p: EvaluationSummary['challenger']) =>
    `AUC ${p.auc?.toFixed(4) ?? '–'}, log loss ${p.logLoss?.toFixed(4) ?? '–'}`;
  const champion = summary.champion
    ? `; champion ${numbers(summary.champion)}; gain ${summary.gain?.toFixed(4) ?? '–'}`
    : '';
  const unfair = summary.notCompared ? `; **not compared with the champion**: ${summary.notCompared}` : '';
  return `challenger ${numbers(summary.challenger)}${champion} on ${summary.rows} held-out rows${unfair}`;
}
