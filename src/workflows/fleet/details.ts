/** A pool's ledger as a status page: what stops it, what is left, who runs, who waits and why. */
import { type FleetStatus, toIso, type Waiting } from '../../contracts/index.js';
import { hours } from '../../domain/reducers/ledger-account.js';
import { commands, linkTo, minute, type Row, strong, table, words } from '../page.js';

/** For the memo: only what changes with a stored step stands in it. */
export function fleetSummary({ state, budget, running, waiting }: FleetStatus): string {
  const limit = budget ? `${hours(budget.gpuMs)} a ${budget.per}` : 'no budget: everything is granted';
  return `${state}: ${limit}, ${running.length} run, ${waiting.length} wait`;
}

const SHOWN = 10;

export function fleetDetails(status: FleetStatus): string {
  const { pool, problem, frozen, waiting } = status;
  return [
    ...(problem === null
      ? []
      : [strong('BLOCKED: the ledger cannot be read or stored'), words(problem), commands('npx seawall doctor')]),
    ...(frozen
      ? [
          strong(`FROZEN by ${words(frozen.by)} since ${minute(frozen.at)}`),
          ...(frozen.reason ? [words(frozen.reason)] : []),
          commands(`npx seawall unfreeze ${pool}`),
        ]
      : []),
    accountTable(status),
    ...(waiting.length > 0 ? ['', waitingTable(waiting)] : []),
  ].join('\n');
}

function accountTable({ state, budget, accounts, running }: FleetStatus): string {
  const rows: Row[] = [
    [
      'budget',
      budget ? `${hours(budget.gpuMs)} a ${budget.per} (number ${budget.seq})` : 'none: everything is granted',
    ],
    ...accounts.map(({ from, spentMs, reservedMs }): Row => [
      `from ${from}`,
      `${hours(spentMs)} spent, ${hours(reservedMs)} reserved`,
    ]),
    ...(running.length === 0 ? [['runs', 'none'] as Row] : []),
    ...running
      .slice(0, SHOWN)
      .map(({ id, gpuMs, text }): Row => [
        'runs',
        `${linkTo(`train/${id}`, id)}, ${hours(gpuMs)} reserved${text === null ? '' : `; ${words(text)}`}`,
      ]),
    ...(running.length > SHOWN ? [['', `and ${running.length - SHOWN} more`] as Row] : []),
  ];
  return table(['state', `**${state}**`], rows);
}

function waitingTable(waiting: readonly Waiting[]): string {
  const rows = waiting
    .slice(0, SHOWN)
    .map(({ id, model, gpuMs, askedAtMs, position, text }): Row => [
      `${position}. ${id}`,
      `${linkTo(`model/${model}`)} since ${minute(toIso(askedAtMs))}, ${hours(gpuMs)}: ${words(text)}`,
    ]);
  return table(['waits', waiting.length > SHOWN ? `the first ${SHOWN} of ${waiting.length}` : 'why'], rows);
}
