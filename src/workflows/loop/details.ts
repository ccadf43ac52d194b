/** The loop as a status page: what is wrong and who is waited for comes first. */
import {
  approveCommand,
  type BudgetWait,
  fleetId,
  type Incident,
  type LoopStatus,
  type OpenRun,
  type Order,
  rejectCommand,
} from '../../contracts/index.js';
import { commands, linkTo, minute, modelTime, type Row, strong, table, words } from '../page.js';

/** For the memo. When it may change: see `createVisibility`. */
export function loopSummary({ state, champion, standing, incident, waitsForBudget }: LoopStatus): string {
  return [
    `${state}: ${champion ? `release ${champion.release} is live (epoch ${champion.epoch})` : 'nothing is live yet'}`,
    ...(incident ? [`data incident ${incidentTitle(incident)}`] : []),
    ...(standing.paused ? ['paused'] : []),
    ...(standing.pinned ? ['champion pinned'] : []),
    ...waitsForBudget.map(({ n, pool }) => `run ${n} waits for budget of the pool ${pool}`),
  ].join(', ');
}

function incidentTitle({ since, windows }: Incident): string {
  return `since ${modelTime(since)} (${windows === 1 ? '1 window' : `${windows} windows`} of broken data)`;
}

export function loopDetails(status: LoopStatus): string {
  return [...troubles(status), ...status.runs.flatMap((run) => asked(status, run)), standingTable(status)].join('\n');
}

function troubles({ problem, incident }: LoopStatus): string[] {
  const parts: string[] = [];
  if (problem !== null) {
    parts.push(
      strong('BLOCKED: a step of the loop fails'),
      words(problem),
      'It is tried again every few minutes, and at once with any message. To look at every part:',
      commands('npx seawall doctor'),
    );
  }
  if (incident) {
    parts.push(strong(`DATA INCIDENT ${incidentTitle(incident)}`), words(incident.text));
    parts.push('What serves is fed by the same data. It ends with the next window that is sound.', '');
  }
  return parts;
}

/** A run that waits for a person: the loop's reader may be that person. */
function asked({ model }: LoopStatus, { n, workflowId, progress }: OpenRun): string[] {
  if (progress?.phase !== 'awaitingApproval') return [];
  const { deadlineAt } = progress;
  return [
    strong(`RUN ${n} WAITS FOR A PERSON${deadlineAt ? ` until ${minute(deadlineAt)}` : ''}`),
    `Its numbers: ${linkTo(workflowId)}, User Metadata`,
    commands(approveCommand(model, n), rejectCommand(model, n)),
  ];
}

function standingTable(status: LoopStatus): string {
  const { state, champion, standing, orders, lastReport, lastDecision, lastRun, runs, lookedAt, now } = status;
  const rows: Row[] = [
    ['live', champion ? live(champion) : 'nothing yet'],
    ['verdict', lastReport ? verdict(lastReport) : 'no window monitored yet'],
    ['decision', lastDecision ? decision(lastDecision) : 'none yet'],
    ...(standing.paused ? [order('paused', orders.paused)] : []),
    ...(standing.pinned ? [order('pinned', orders.pinned)] : []),
    ...(runs.length > 0 ? runs.map((run): Row => ['open run', openRun(run)]) : [['open run', 'none'] as Row]),
    ...status.waitsForBudget.map((wait): Row => ['waits', budgetWait(wait)]),
    ...(lastRun
      ? [['last run', `${lastRun.n}: **${lastRun.outcome.kind}**, ${words(lastRun.outcome.text)}`] as Row]
      : []),
    ...(now ? [['clock', `${modelTime(now)} is the model's time`] as Row] : []),
    ...(lookedAt ? [['last look', minute(lookedAt)] as Row] : []),
  ];
  return table(['state', `**${state}**`], rows);
}

function live({ release, since, by, epoch }: NonNullable<LoopStatus['champion']>): string {
  const from = since ? ` since ${minute(since)}` : '';
  return `**release ${release}**${from}${by ? `, by ${words(by)}` : ''} (epoch ${epoch})`;
}

function verdict({ status, labelMaturity, text }: NonNullable<LoopStatus['lastReport']>): string {
  return `**${status}**, ${Math.floor(labelMaturity * 100)} % labelled: ${words(text)}`;
}

function decision({ seq, action, reason, at }: NonNullable<LoopStatus['lastDecision']>): string {
  return `${seq}: **${action}** at ${modelTime(at)}, because ${words(reason)}`;
}

function order(what: 'paused' | 'pinned', given: Order | null): Row {
  const effect = what === 'paused' ? 'nothing is started' : 'the champion stays';
  if (!given) return [what, effect];
  const reason = given.reason ? `: ${words(given.reason)}` : '';
  return [what, `by **${words(given.by)}** since ${minute(given.at)} (${effect})${reason}`];
}

function openRun({ n, workflowId, progress }: OpenRun): string {
  const phase = progress ? `: **${progress.phase}** since ${minute(progress.since)}` : '';
  return `${linkTo(workflowId, `run ${n}`)}${phase}`;
}

function budgetWait({ n, pool, position, text }: BudgetWait): string {
  const place = position === null ? '' : `, position ${position}`;
  return `run ${n} waits for budget of ${linkTo(fleetId(pool), `pool ${pool}`)}${place}: ${words(text)}`;
}
