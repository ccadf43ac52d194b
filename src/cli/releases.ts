/** `seawall releases`, `release show`, `live-at`: what was accepted, what served, and when. Object storage only. */
import { newestFirst } from '../activities/sequences.js';
import { type Evidence, keys, type PointerMove, type ReleaseRecord, SeawallError, toIso } from '../contracts/index.js';
import type { CommandContext, CommandHandler } from './command.js';
import { modelArgument, runArgument, usageError, withStore } from './control-context.js';
import { table } from './output.js';

type Store = Parameters<Parameters<typeof withStore>[1]>[0];

/** A time in which a release was the champion. */
interface Serving {
  release: number;
  from: string;
  /** null: it serves now. */
  to: string | null;
  epoch: number;
  by: string;
  reason: string;
}

/** `seawall releases MODEL`: newest first. */
export const releases: CommandHandler = async (context) => {
  const model = modelArgument(context);
  const { records, served } = await withStore(context, async (store) => {
    const records: ReleaseRecord[] = [];
    for await (const record of newestFirst<ReleaseRecord>(store.records, keys.releases(model))) records.push(record);
    return { records, served: servings(await store.pointers.history(model)) };
  });
  const list = records.map((record) => ({
    ...record,
    served: served.filter(({ release }) => release === record.release),
  }));
  context.output.print({ model, releases: list }, () =>
    list.length === 0
      ? [`${model} has no release yet`]
      : table([
          ['release', 'accepted', 'by', 'run', 'dataset version', 'model', 'served'],
          ...list.map((each) => [
            each.release,
            minute(each.at),
            each.approval.by,
            each.run,
            each.dataset.version.slice(0, 12),
            each.artifact.sha256.slice(0, 12),
            each.served.length === 0 ? 'never' : each.served.map(spanOf).join('; '),
          ]),
        ]),
  );
};

/** `seawall release show MODEL/N`: everything that the release is bound to. */
export const releaseShow: CommandHandler = async (context) => {
  const { model, run: number } = runArgument(context);
  const { record, evidence, served } = await withStore(context, async (store) => {
    const record = await releaseOf(store, model, number);
    const evidence = await store.blobs.readJson<Evidence>(record.evidence);
    const served = servings(await store.pointers.history(model)).filter(({ release }) => release === record.release);
    return { record, evidence, served };
  });
  const { approval } = record;
  const why = approval.reason ? `: ${approval.reason}` : '';
  context.output.print({ release: record, evidence, served }, () => [
    `release ${record.release} of ${model}`,
    ...table([
      ['', ''],
      ['accepted', `${minute(record.at)} ${approval.verdict} by ${approval.by}${why}`],
      ['because', evidence.promotion.text],
      ['run', `train/${model}/${record.run}`],
      ['dataset', `${record.dataset.name}@${record.dataset.version}`],
      ['model', `${record.artifact.sha256} (${record.artifact.size.toLocaleString('en-US')} bytes)`],
      ['evidence', record.evidence],
      [
        'holdout',
        `${record.holdout} (${evidence.holdout.rows.toLocaleString('en-US')} rows, ${evidence.holdout.rule})`,
      ],
      ['reference', record.reference],
      ['served', served.length === 0 ? 'never' : served.map(spanOf).join('; ')],
    ]).slice(1),
  ]);
};

/** `seawall live-at MODEL TIME`: at a moment, or all that was live on a day (UTC). */
export const liveAt: CommandHandler = async (context) => {
  const model = modelArgument(context);
  const { from, to, named } = timeArgument(context);
  const all = servings(await withStore(context, (store) => store.pointers.history(model)));
  const live = all.filter((each) => Date.parse(each.from) < to && (each.to === null || Date.parse(each.to) > from));
  const first = all[0];
  const known = first !== undefined && first.epoch > 1 && Date.parse(first.from) > from ? first.from : null;
  context.output.print({ model, from: toIso(from), to: toIso(to), live, known }, () => [
    ...(known === null
      ? []
      : [`Moves of ${model} are on record from ${minute(known)} on: what was live before is not known.`]),
    ...live.map(
      (each) => `${model} on ${named}: release ${each.release} (${spanOf(each)}), moved by ${each.by}: ${each.reason}`,
    ),
    ...(live.length > 0 || known !== null
      ? []
      : [`${model} on ${named}: no release was live${first ? `; the first went live ${minute(first.from)}` : ' yet'}`]),
  ]);
};

/** Moves follow each other: each release serves until the next move. */
function servings(moves: readonly PointerMove[]): Serving[] {
  return moves.map(({ release, at, epoch, by, reason }, i) => ({
    ...{ release, from: at, to: moves[i + 1]?.at ?? null, epoch, by, reason },
  }));
}

const minute = (iso: string): string => `${iso.slice(0, 16).replace('T', ' ')} UTC`;
const spanOf = ({ from, to }: Serving): string => `${minute(from)} to ${to === null ? 'now' : minute(to)}`;

async function releaseOf(store: Store, model: string, number: number | undefined): Promise<ReleaseRecord> {
  const wanted = number ?? (await store.pointers.read(model))?.champion.release;
  const found =
    wanted === undefined ? undefined : await store.records.read<ReleaseRecord>(keys.releases(model), wanted);
  if (found) return found;
  throw new SeawallError(
    'NotFound',
    wanted === undefined ? `${model} has no release yet` : `${model} has no release ${wanted}`,
    wanted === undefined
      ? `See how it stands: seawall status ${model}`
      : `See those that it has: seawall releases ${model}`,
  );
}

const DAY_MS = 86_400_000;

/** A day, or a moment (the millisecond from it on); without an offset it is UTC. */
function timeArgument(context: CommandContext): { from: number; to: number; named: string } {
  const named = context.args[1] ?? '';
  const shape = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)?)?$/.exec(named);
  const isDay = named.length === 10;
  const from = shape ? Date.parse(`${named.replace(' ', 'T')}${isDay || shape[1] !== undefined ? '' : 'Z'}`) : NaN;
  if (Number.isNaN(from)) throw usageError(context, `"${named}" is no time: write 2026-11-03 or 2026-11-03T12:00:00Z`);
  return { from, to: from + (isDay ? DAY_MS : 1), named };
}
