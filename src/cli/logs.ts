/** `seawall logs MODEL/N [-f] [--attempt N]`: what a run's trainer printed, from object storage, also while it runs. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Store } from '../adapters/store/index.js';
import { isName, keys, type RunRecord, SeawallError } from '../contracts/index.js';
import type { CommandContext, CommandHandler } from './command.js';
import { countOption, usageError, withStore } from './store-context.js';

export interface AttemptLog {
  attempt: number;
  /** The whole log is stored; false: it grows, or its host is gone. */
  complete: boolean;
  bytes: number;
  text: string;
}

type Reads = Pick<Store, 'json' | 'files' | 'records'>;
interface Run {
  model: string;
  n: number;
}

const LOOK_EVERY_MS = 2_000;

export const logs: CommandHandler = async (context) => {
  const run = runArgument(context, context.args[0] ?? '');
  const attempt = countOption(context, 'attempt', '--attempt');
  const follow = context.options['follow'] === true;
  if (follow && context.output.json)
    throw usageError(context, '--follow prints as it comes, --json prints one document');
  await withStore(context, async (store) => {
    const found = (await readLogs(store, run)).filter((log) => attempt === undefined || log.attempt === attempt);
    const ended = await hasEnded(store, run);
    if (found.length === 0 && (ended || !follow)) throw nothingYet(run, attempt, ended);
    const document = { ...run, ended, attempts: found };
    const heads = attempt === undefined && found.length > 1;
    if (found.length > 0) context.output.print(document, () => textOf(found, heads));
    if (follow && !ended) await followLogs(context, store, run, { attempt, seen: found.at(-1) });
  });
};

function runArgument(context: CommandContext, text: string): Run {
  const [, model = '', n = ''] = /^([^/]+)\/([1-9]\d{0,8})$/.exec(text) ?? [];
  if (!isName(model)) throw usageError(context, `name a run as MODEL/N, as flights/3, not "${text}"`);
  return { model, n: Number(n) };
}

const textOf = (found: AttemptLog[], heads: boolean): string[] =>
  found.flatMap(({ attempt, text }) => [...(heads ? [`── attempt ${attempt} ──`] : []), withoutLastFeed(text)]);
const withoutLastFeed = (text: string): string => text.replace(/\n$/, '');

/** Prints what is new until the run has ended. A later attempt follows on the one before. */
async function followLogs(
  { output }: CommandContext,
  store: Reads,
  run: Run,
  { attempt, seen }: { attempt: number | undefined; seen: AttemptLog | undefined },
): Promise<void> {
  let last = seen;
  for (;;) {
    await sleep(LOOK_EVERY_MS);
    // Looked at first: what came before the end is then read below.
    const ended = await hasEnded(store, run);
    for (const log of await readLogs(store, run, last)) {
      if ((attempt ?? log.attempt) !== log.attempt) continue;
      const news = log.attempt === last?.attempt ? log.text.slice(last.text.length) : log.text;
      if (last && log.attempt !== last.attempt) output.print({}, () => `── attempt ${log.attempt} ──`);
      if (news !== '') output.print({}, () => withoutLastFeed(news));
      last = log;
    }
    if (ended) return;
  }
}

async function hasEnded({ records }: Reads, { model, n }: Run): Promise<boolean> {
  const record = await records.newest<RunRecord>(keys.runRecords(model, n));
  return record !== undefined && record.outcome !== null;
}

/** The logs of a run's attempts, oldest first; with `since`, only from that attempt on, and what is known of it is not read again. */
export async function readLogs(store: Reads, run: Run, since?: AttemptLog): Promise<AttemptLog[]> {
  const found = new Map<number, { whole?: string; parts: { offset: number; key: string; size: number }[] }>();
  const folder = keys.run(run.model, run.n);
  for await (const { key, size } of store.json.list(`${folder}trainer-`)) {
    const [, attempt, offset] = /\/trainer-(\d+)(?:\/(\d{12}))?\.log$/.exec(key) ?? [];
    if (attempt === undefined || Number(attempt) < (since?.attempt ?? 0)) continue;
    const log = found.get(Number(attempt)) ?? { parts: [] };
    found.set(Number(attempt), log);
    if (offset === undefined) log.whole = key;
    else log.parts.push({ offset: Number(offset), key, size });
  }
  const read = [...found]
    .sort(([a], [b]) => a - b)
    .map(async ([attempt, { whole, parts }]): Promise<AttemptLog> => {
      const known = since?.attempt === attempt ? since : undefined;
      if (known?.complete) return known;
      const bytes = (whole && (await store.files.read(whole))) || (await joined(store, parts, known));
      return { attempt, complete: whole !== undefined, bytes: bytes.length, text: bytes.toString('utf8') };
    });
  return Promise.all(read);
}

/** Parts, one after the other. One that is gone has been replaced by the whole log, which the next look finds. */
async function joined(
  { files }: Reads,
  parts: { offset: number; key: string; size: number }[],
  known: AttemptLog | undefined,
): Promise<Buffer> {
  const pieces: Uint8Array[] = [Buffer.from(known?.text ?? '', 'utf8')];
  let length = known?.bytes ?? 0;
  for (const { offset, key, size } of parts) {
    if (offset + size <= length) continue;
    const bytes = offset > length ? undefined : await files.read(key);
    if (bytes === undefined) break;
    pieces.push(bytes.subarray(length - offset));
    length = offset + bytes.length;
  }
  return Buffer.concat(pieces);
}

function nothingYet({ model, n }: Run, attempt: number | undefined, ended: boolean): SeawallError {
  const what = `${model}/${n}${attempt === undefined ? '' : `, attempt ${attempt},`} has no trainer log`;
  return ended
    ? new SeawallError('NotFound', `${what}: it ended before a trainer was started`, `Look at: seawall status ${model}`)
    : new SeawallError(
        'NotFound',
        `${what} in storage`,
        `A log is there some 10 seconds after its trainer began: seawall status ${model} says how far the run is; -f waits.`,
      );
}
