/** `seawall budget show|set|history` and `seawall freeze|unfreeze`: a GPU pool's ledger. Only what changes something asks Temporal. */
import { createHash } from 'node:crypto';
import type { Store } from '../adapters/store/index.js';
import {
  type BudgetPeriod,
  budgetPeriods,
  type BudgetRevision,
  canonicalJson,
  DURATION_RULE,
  fleetId,
  type FleetStatus,
  isName,
  keys,
  type LedgerRecord,
  MS_PER_GPU_HOUR,
  NAME_RULE,
  parseDurationMs,
  SeawallError,
} from '../contracts/index.js';
import { fleetStatus } from '../domain/reducers/ledger-status.js';
import { hours } from '../domain/reducers/ledger-account.js';
import type { CommandContext, CommandHandler } from './command.js';
import { actor, envelope, printAnswer, textOption, usageError, withStore, withTemporal } from './control-context.js';

const DEFAULT_COLLECT_FOR = '1m';

/** `seawall budget show [POOL]`: from storage, so that it answers when Temporal does not. */
export const budgetShow: CommandHandler = async (context) => {
  const statuses = await withStore(context, async (store) => {
    const pools = context.args[0] === undefined ? await listPools(store) : [poolArgument(context)];
    return Promise.all(pools.map((pool) => readStatus(store, pool)));
  });
  const document = context.args[0] === undefined ? { pools: statuses } : statuses[0];
  context.output.print(document, () =>
    statuses.length === 0
      ? ['No pool has a ledger yet: seawall budget set POOL --gpu-hours N --per week']
      : statuses.flatMap((status, i) => [...(i === 0 ? [] : ['']), ...describePool(status)]),
  );
};

type PoolStatus = FleetStatus & { unread: BudgetRevision | null };

async function readStatus({ records }: Pick<Store, 'records'>, pool: string): Promise<PoolStatus> {
  const [ledger, budget] = await Promise.all([
    records.newest<LedgerRecord>(keys.ledger(pool)),
    records.newest<BudgetRevision>(keys.budgets(pool)),
  ]);
  if (!ledger && !budget)
    throw new SeawallError(
      'NotFound',
      `the pool ${pool} has no ledger`,
      `Give it a budget: seawall budget set ${pool} --gpu-hours N --per week`,
    );
  const status = fleetStatus(pool, ledger?.table ?? null, { seq: ledger?.seq ?? 0, problem: null, wallMs: Date.now() });
  return { ...status, unread: budget && budget.seq !== status.budget?.seq ? budget : null };
}

async function listPools({ json }: Pick<Store, 'json'>): Promise<string[]> {
  const pools = new Set<string>();
  const all = 'fleet/';
  for (let after: string | undefined; ;) {
    let pool: string | undefined;
    for await (const { key } of json.list(all, after)) {
      pool = key.slice(all.length).split('/')[0];
      break;
    }
    if (!pool) return [...pools].sort();
    pools.add(pool);
    after = `${all}${pool}0`; // "0" is the character after "/"
  }
}

function describePool({ pool, state, frozen, budget, accounts, running, waiting, unread }: PoolStatus): string[] {
  const limits = Object.entries(budget?.models ?? {}).map(([model, ms]) => `${model} at most ${hours(ms)}`);
  return [
    `${pool}  ${state}${frozen ? ` by ${frozen.by} since ${frozen.at}${frozen.reason ? `: ${frozen.reason}` : ''}` : ''}`,
    `budget   ${budget ? `${hours(budget.gpuMs)} a ${budget.per}${limits.length > 0 ? ` (${limits.join(', ')})` : ''}` : 'none: everything is granted'}`,
    ...(unread
      ? [
          `         number ${unread.seq} (${hours(unread.gpuMs)} a ${unread.per}) is set, and the ledger has not read it yet`,
        ]
      : []),
    ...accounts.map(
      ({ from, to, limitMs, spentMs, reservedMs }) =>
        `${from} to ${to}: ${hours(spentMs)} spent, ${hours(reservedMs)} reserved${limitMs === null ? '' : `, ${hours(Math.max(0, limitMs - spentMs - reservedMs))} left`}`,
    ),
    ...running.map(({ id, gpuMs }) => `runs     ${id} (${hours(gpuMs)} reserved)`),
    ...waiting.map(({ position, id, gpuMs, text }) => `waits    ${position}. ${id} (${hours(gpuMs)}): ${text}`),
  ];
}

/** `seawall budget set POOL`: stored first, then the ledger is told. */
export const budgetSet: CommandHandler = async (context) => {
  const pool = poolArgument(context);
  const wanted = budgetOptions(context);
  const by = actor(context);
  const reason = textOption(context, 'reason') ?? null;
  const { revision, changed } = await withStore(context, (store) => storeBudget(store, pool, wanted, { by, reason }));
  const told = await withTemporal(context, ({ client }) => client.hintBudget(pool)).then(
    () => null,
    (error: unknown) => (error instanceof SeawallError ? error : Promise.reject(error as Error)),
  );
  if (told)
    context.output.progress(
      `warning: it is stored, but the ledger could not be told (${told.message}): set it again when Temporal answers`,
    );
  context.output.print({ pool, changed, told: told === null, budget: revision }, () => {
    const what = `${hours(revision.gpuMs)} a ${revision.per}`;
    return changed
      ? `${pool}: budget ${revision.seq} is stored: ${what}.`
      : `${pool}: unchanged, budget ${revision.seq}: ${what}.`;
  });
};

type Wanted = Pick<BudgetRevision, 'gpuMs' | 'models' | 'per' | 'collectForMs'>;

/** Stores the budget as the next one, unless the newest is the same. */
export async function storeBudget(
  { records }: Pick<Store, 'records'>,
  pool: string,
  wanted: Wanted,
  who: { by: string; reason: string | null },
): Promise<{ revision: BudgetRevision; changed: boolean }> {
  const folder = keys.budgets(pool);
  const newest = await records.newest<BudgetRevision>(folder);
  const own = ({ gpuMs, models, per, collectForMs }: Wanted) => canonicalJson({ gpuMs, models, per, collectForMs });
  if (newest && own(newest) === own(wanted)) return { revision: newest, changed: false };
  const previous = newest?.seq ?? 0;
  // With the number before it in the cause: going back to an older budget is a new one.
  const causeId = `budget/${createHash('sha256').update(own(wanted)).digest('hex')}/${previous}`;
  const at = new Date().toISOString();
  const make = (seq: number): BudgetRevision => ({
    kind: 'pool-budget',
    schema: 1,
    seq,
    causeId,
    pool,
    ...wanted,
    ...who,
    at,
  });
  return { revision: await records.append<BudgetRevision>(folder, causeId, make, previous), changed: true };
}

function budgetOptions(context: CommandContext): Wanted {
  const total = textOption(context, 'gpuHours');
  if (total === undefined) throw usageError(context, '--gpu-hours is missing: how many, as 12 or 0.5');
  const per = textOption(context, 'per');
  if (!budgetPeriods.includes(per as BudgetPeriod))
    throw usageError(
      context,
      `--per takes one of ${budgetPeriods.join(', ')}${per === undefined ? '' : `, not "${per}"`}`,
    );
  const collectFor = textOption(context, 'collectFor') ?? DEFAULT_COLLECT_FOR;
  const collectForMs = parseDurationMs(collectFor);
  if (collectForMs === undefined) throw usageError(context, `--collect-for is "${collectFor}": ${DURATION_RULE}`);
  const given = context.options['model'];
  const limits = (Array.isArray(given) ? given.map(String) : []).map((text) => {
    const [model, amount] = text.split('=');
    if (!isName(model) || amount === undefined)
      throw usageError(context, `--model takes NAME=HOURS, not "${text}"; ${NAME_RULE}`);
    return [model, gpuMsOf(context, '--model', amount)] as const;
  });
  return {
    gpuMs: gpuMsOf(context, '--gpu-hours', total),
    models: Object.fromEntries(limits),
    per: per as BudgetPeriod,
    collectForMs,
  };
}

function gpuMsOf(context: CommandContext, flag: string, text: string): number {
  const gpuMs = Math.round(Number(text) * MS_PER_GPU_HOUR);
  if (/^\d{1,6}(\.\d{1,9})?$/.test(text) && Number.isSafeInteger(gpuMs)) return gpuMs;
  throw usageError(context, `${flag} takes a number of GPU-hours, as 12 or 0.5, not "${text}"`);
}

/** `seawall freeze POOL`: nothing of the pool is started any more; rollbacks go on. */
export const freeze: CommandHandler = (context) =>
  tellFleet(context, 'freeze', { cancelRunning: context.options['cancelRunning'] === true });
export const unfreeze: CommandHandler = (context) => tellFleet(context, 'unfreeze', {});

async function tellFleet(context: CommandContext, name: 'freeze' | 'unfreeze', fields: object): Promise<void> {
  const pool = poolArgument(context);
  const payload = { ...envelope(context), ...fields };
  const { messageId, by } = payload;
  const answer = await withTemporal(context, async ({ client }) => {
    await client.startFleet(pool); // a pool that was never governed is, from its first freeze on
    return client.send({ pool }, name, payload);
  });
  printAnswer(context, { pool }, { to: fleetId(pool), message: name, messageId, by }, answer);
}

function poolArgument(context: CommandContext): string {
  const pool = context.args[0] ?? '';
  if (isName(pool)) return pool;
  throw usageError(context, `"${pool}" cannot be the name of a pool: ${NAME_RULE}`);
}
