/** A model's status for a person: what is live, what is wrong, what was decided and why, what waits for whom. */
import type { Incident, MonitorReport } from '../contracts/index.js';
import { mostDrifted, shownOf } from '../domain/decisions/report-text.js';
import { type Colors, table } from './output.js';
import type { ModelStatus, OpenRunView } from './status-gather.js';
import { describeEvaluation } from './verdict.js';

export function describeModel(status: ModelStatus, color: Colors): string[] {
  const {
    model,
    problem,
    incident,
    config,
    live,
    lastReport,
    lastDecision,
    openRuns,
    waitsForBudget,
    lastRun,
    served,
  } = status;
  const line = (label: string, text: string) => `${color.dim(label.padEnd(11))} ${text}`;
  return [
    `${color.bold(model)}  ${stateText(status)}`,
    ...(incident ? [color.yellow(describeIncident(incident)), `  ${incident.text}`] : []),
    ...(problem ? [color.yellow(problem.message), `  ${problem.next}`] : []),
    line(
      'live',
      live
        ? `release ${live.release} since ${live.since} (epoch ${live.epoch}, by ${live.by}: ${live.reason})`
        : 'nothing yet',
    ),
    ...(served.length > 1 ? [line('served', `releases ${served.join(', ')} (seawall rollback ${model} --to N)`)] : []),
    line(
      'config',
      config ? `${config.seq} (${config.digest.slice(0, 12)}), applied by ${config.by} at ${config.at}` : 'none',
    ),
    line('window', lastReport ? describeReport(lastReport) : 'none monitored yet'),
    ...(lastReport?.checks ?? []).map(({ severity, text }) => line('', `${severity}: ${text}`)),
    line(
      'decision',
      lastDecision
        ? `${lastDecision.seq}: ${lastDecision.action}, ${lastDecision.reason} (${lastDecision.at})`
        : 'none yet',
    ),
    ...openRuns.flatMap((run) => describeRun(run, color)),
    ...(waitsForBudget ?? []).map(({ n, pool, position, text }) =>
      line(`run ${n}`, `waits for budget of ${pool}${position === null ? '' : `, position ${position}`}: ${text}`),
    ),
    ...(lastRun ? [line('last run', describeEnd(lastRun, color))] : []),
  ];
}

function stateText({ state, standing }: ModelStatus): string {
  const names: Partial<Record<ModelStatus['state'], string>> = {
    none: 'no loop runs',
    unknown: 'its loop does not answer; this is what object storage knows',
  };
  const orders = [
    standing.paused && state !== 'paused' ? 'paused' : '',
    standing.pinned ? 'champion pinned' : '',
  ].filter(Boolean);
  return [names[state] ?? state, ...orders].join(', ');
}

function describeIncident({ since, to, windows }: Incident): string {
  const count = windows === 1 ? '1 window' : `${windows} windows`;
  return `data incident since ${day(since)}: ${count} of broken data, up to ${day(to)}`;
}

const day = (iso: string): string => iso.replace('T00:00:00.000Z', '');

export function describeReport(report: MonitorReport): string {
  const { window, revision, status, rows, labelMaturity, performance, drift } = report;
  const worst = mostDrifted(drift.columns);
  return [
    `${day(window.from)} to ${day(window.to)}, revision ${revision} (${status}): ${rows} rows`,
    `${Math.round(labelMaturity * 100)} % labelled`,
    ...(performance
      ? shownOf[performance.task].map(
          ([metric, name]) => `${name} ${number(performance.metrics[metric]?.value ?? null)}`,
        )
      : []),
    ...(worst ? [`most drift: ${worst.name} (PSI ${number(worst.psi)})`] : []),
  ].join(', ');
}

function describeEnd({ n, outcome, at }: NonNullable<ModelStatus['lastRun']>, color: Colors): string {
  const text = `${n} ${outcome.kind} at ${at}: ${outcome.text}`;
  return outcome.kind === 'failed' ? color.yellow(text) : text;
}

function describeRun(run: OpenRunView, color: Colors): string[] {
  const { n, phase, since, attempt, evaluation, waitingFor } = run;
  const tries = attempt !== null && attempt > 1 ? `, attempt ${attempt}` : '';
  const head = `${color.dim(`run ${n}`.padEnd(11))} ${phase}${tries} since ${since}`;
  if (!waitingFor) return [head];
  const until = waitingFor.deadlineAt === null ? '' : ` until ${waitingFor.deadlineAt}`;
  return [
    head,
    ...(evaluation ? describeEvaluation(evaluation) : []),
    `  ${color.yellow(`a person decides${until}:`)} ${waitingFor.command}`,
  ];
}

/** One line per model. */
export function describeModels(models: readonly ModelStatus[]): string[] {
  if (models.length === 0) return ['There is no model yet: seawall model apply FILE'];
  const head = ['MODEL', 'STATE', 'LIVE', 'SINCE', 'WINDOW TO', 'DECISION', 'OPEN RUN'];
  const rows = models.map(({ model, state, standing, live, lastReport, lastDecision, openRuns }) => [
    model,
    [state === 'none' ? 'no loop' : state, standing.pinned ? 'pinned' : ''].filter(Boolean).join(', '),
    live?.release,
    live?.since.slice(0, 16),
    lastReport?.window.to.slice(0, 10),
    lastDecision?.action,
    openRuns.map(({ n, phase }) => `${n} ${phase}`).join(', ') || null,
  ]);
  return table([head, ...rows]);
}

const number = (value: number | null): string => value?.toFixed(3) ?? '–';
