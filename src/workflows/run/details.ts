/** A training run as a status page: who is waited for comes first. */
import {
  approveCommand,
  type EvaluationSummary,
  metricNames,
  type ModelPerformance,
  rejectCommand,
  type RunStatus,
  shownMetrics,
  toIso,
  valueOf,
} from '../../contracts/index.js';
import { commands, minute, type Row, strong, table, words } from '../page.js';
import type { Run } from './run.js';

export function waitingFor(run: Run): RunStatus['waitingFor'] {
  if (run.approval.status !== 'waiting') return null;
  const { challenger, evidence, deadlineMs } = run.approval;
  return { challenger, evidence, deadlineAt: toIso(deadlineMs), command: approveCommand(run.model, run.n) };
}

/** For the memo. When it may change: see `createVisibility`; a deadline, which a person may put off, must not stand in it. */
export function runSummary(run: Run): string {
  const { phase, outcome } = run.record;
  if (outcome) return `${outcome.kind}: ${outcome.text}`;
  if (phase === 'awaitingApproval') return `${phase}: a person decides, ${approveCommand(run.model, run.n)}`;
  return `${phase}${where(run)}`;
}

export function runDetails(run: Run): string {
  const { evaluation, champion } = run.record;
  return [
    ...asked(run),
    stateTable(run),
    ...(evaluation ? ['', evaluationTable(evaluation, champion?.release ?? null)] : []),
    ...(evaluation?.notCompared ? [`**Not compared with the champion**: ${words(evaluation.notCompared)}`] : []),
  ].join('\n');
}

function asked(run: Run): string[] {
  const waiting = waitingFor(run);
  if (!waiting) return [];
  return [
    strong(`WAITS FOR A PERSON until ${minute(waiting.deadlineAt)}`),
    'Without a word until then it is refused and the champion stays.',
    commands(
      waiting.command,
      rejectCommand(run.model, run.n),
      `npx seawall hold ${run.model} --run ${run.n} --for 12h`,
    ),
  ];
}

function stateTable(run: Run): string {
  const { phase, outcome, at, causeId, dataset, attempts, device, trainSeconds, approval } = run.record;
  const trained = trainSeconds === null ? '' : `, in ${trainSeconds.toFixed(1)} s`;
  const lost = attempts.filter(({ result }) => result !== 'done');
  const rows: Row[] = [
    ['since', minute(at)],
    ...(outcome
      ? [
          [
            'outcome',
            `**${outcome.kind}**${outcome.kind === 'refused' ? ` by ${outcome.by}` : ''}: ${words(outcome.text)}`,
          ] as Row,
        ]
      : []),
    ['why', `${words(causeId)}${run.why ? `: ${words(run.why)}` : ''}`],
    ...(dataset ? [['data', `${dataset.name}@${dataset.version.slice(0, 12)}`] as Row] : []),
    ...(run.attempt > 0
      ? [['training', `attempt ${run.attempt}${device ? ` on ${words(device)}` : ''}${trained}`] as Row]
      : []),
    ...(run.pool ? [['pool', `gpu/${run.pool}`] as Row] : []),
    ...lost.map(({ attempt, result, text }): Row => [`attempt ${attempt}`, `${result}: ${words(text)}`]),
    ...(approval
      ? [
          [
            'verdict',
            `**${approval.verdict}** by ${words(approval.by)} at ${minute(approval.at)}${approval.reason ? `: ${words(approval.reason)}` : ''}`,
          ] as Row,
        ]
      : []),
  ];
  return table(['state', `**${phase}**${where(run)}`], rows);
}

/** Temporal does not say whether an activity has begun: on a pool without a free host, it waits. */
function where({ record, attempt, pool }: Run): string {
  const queue = `on gpu/${pool} (where it waits for a free worker)`;
  if (record.phase === 'fetching') return ` ${queue}`;
  return record.phase === 'training' ? `, attempt ${attempt}, ${queue}` : '';
}

function evaluationTable(summary: EvaluationSummary, release: number | null): string {
  const { rows, metric, challenger, champion, gain, gainInterval } = summary;
  const shown = shownMetrics(challenger, metric);
  const numbers = (of: ModelPerformance) => shown.map((each) => digits(valueOf(of, each)));
  const interval = gainInterval ? ` (95 %: ${digits(gainInterval[0])} to ${digits(gainInterval[1])})` : '';
  const gained = gain === null ? '–' : `**${digits(gain)}**${interval}`;
  return table(
    [`${rows.toLocaleString('en-US')} held-out rows`, ...shown.map((each) => metricNames[each])],
    [
      ['challenger', ...numbers(challenger)],
      ...(champion
        ? [[release === null ? 'champion' : `champion (release ${release})`, ...numbers(champion)] as Row]
        : []),
      ...(champion ? [['gain', ...shown.map((each) => (each === metric ? gained : ''))] as Row] : []),
    ],
  );
}

const digits = (value: number | null): string => value?.toFixed(4) ?? '–';
