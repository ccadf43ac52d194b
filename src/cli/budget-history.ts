/** `seawall budget history POOL`: what the ledger did, and whether each stored step follows from the one before. */
import {
  type BudgetRevision,
  canonicalJson,
  isName,
  keys,
  type LedgerFact,
  type LedgerRecord,
  NAME_RULE,
} from '../contracts/index.js';
import { hours } from '../domain/reducers/ledger-account.js';
import { applyAll, emptyLedger } from '../domain/reducers/ledger.js';
import type { CommandHandler } from './command.js';
import { countOption, usageError, withStore } from './control-context.js';
import { table } from './output.js';

const DEFAULT_LAST = 50;

export const budgetHistory: CommandHandler = async (context) => {
  const pool = context.args[0] ?? '';
  if (!isName(pool)) throw usageError(context, `"${pool}" cannot be the name of a pool: ${NAME_RULE}`);
  const last = countOption(context, 'last', '--last') ?? DEFAULT_LAST;
  const { budgets, facts, disagreeing, steps } = await withStore(context, async ({ records }) => {
    const set: BudgetRevision[] = [];
    for await (const budget of records.list<BudgetRevision>(keys.budgets(pool))) set.push(budget);
    const ledger: LedgerRecord[] = [];
    for await (const record of records.list<LedgerRecord>(keys.ledger(pool))) ledger.push(record);
    return { budgets: set, steps: ledger.length, ...readLedger(ledger) };
  });
  const shown = facts.slice(-last).reverse();
  context.output.print({ pool, budgets, facts: shown, steps, disagreeing }, () => [
    ...(budgets.length === 0 ? ['no budget was ever set'] : []),
    ...budgets.map(
      ({ seq, gpuMs, per, by, at, reason }) =>
        `budget ${seq}: ${hours(gpuMs)} a ${per}, set by ${by} at ${at}${reason ? ` (${reason})` : ''}`,
    ),
    '',
    ...table([
      ['at', 'what', 'run', 'gpu-hours', 'why'],
      ...shown.map(({ at, what, id, gpuMs, text }) => [
        at.slice(0, 19).replace('T', ' '),
        what,
        id,
        gpuMs === null ? null : hours(gpuMs).replace(' GPU-hours', ''),
        text,
      ]),
    ]),
    '',
    disagreeing.length === 0
      ? `${steps} steps, played again: each gives the table that was stored.`
      : `Played again, these steps give another table than was stored: ${disagreeing.join(', ')}`,
  ]);
  return disagreeing.length === 0 ? 0 : 1;
};

/** Facts in order, and the numbers of records that do not follow from those before. */
export function readLedger(records: readonly LedgerRecord[]): { facts: LedgerFact[]; disagreeing: number[] } {
  const tables = new Map([[0, emptyLedger()], ...records.map(({ seq, table: after }) => [seq, after] as const)]);
  const disagreeing = records
    .filter(({ previous, inputs, table: after }) => {
      const before = tables.get(previous);
      return !before || canonicalJson(applyAll(before, inputs).table) !== canonicalJson(after);
    })
    .map(({ seq }) => seq);
  return { facts: records.flatMap(({ facts }) => facts), disagreeing };
}
