/** Who needs which content: the marking half of the collection of garbage (`garbage.ts`). */
import {
  keys,
  type DatasetHead,
  type DatasetTag,
  type Manifest,
  type RunRecord,
  type Sha256,
} from '../../contracts/index.js';
import { createRecordStore } from './record-store.js';
import { createDatasetRefs } from './dataset-refs.js';
import { readHead, readHistory, unrecordedMoves } from './dataset-head.js';
import { corrupt } from './errors.js';
import { parseDocument } from './json-store.js';
import { sha256Of } from './local-files.js';
import type { S3 } from './s3.js';

export interface Kept {
  /** Content, and the first thing that keeps it. */
  content: Map<Sha256, string>;
  /** Versions that nothing needs; whether they are old enough is looked at before they go. */
  unneeded: { name: string; version: Sha256 }[];
  /** Whether the head or a tag names the version at this moment. */
  isNamedNow(name: string, version: Sha256): Promise<boolean>;
}

const READS_AT_ONCE = 16;
const DIGEST = /\b[0-9a-f]{64}\b/g;

/** A record that cannot be read ends it: what it names cannot be known. */
export async function findKept(s3: S3, options: { olderThanMs: number | undefined; graceMs: number }): Promise<Kept> {
  const { olderThanMs } = options;
  const cutoffMs = olderThanMs === undefined ? -Infinity : Date.now() - olderThanMs;
  const content = await namedByModels(s3, cutoffMs);
  const records = createRecordStore(s3);
  const refs = createDatasetRefs(s3, records, () => Promise.resolve([]));
  const unneeded: Kept['unneeded'] = [];
  for (const name of await refs.names()) {
    const moves = await readHistory(s3, name);
    const reasons = reasonsOf(name, moves, await refs.tags(name), cutoffMs);
    const gap = unrecordedMoves(moves) > 0 ? `a version of ${name}, whose log has a gap` : undefined;
    for await (const { key, modifiedMs } of s3.list(keys.datasetVersions(name))) {
      const version = key.slice(keys.datasetVersions(name).length, -'.json'.length);
      const young =
        Date.now() - modifiedMs < options.graceMs ? `a version of ${name} that was written lately` : undefined;
      const why = reasons.get(version) ?? content.get(version) ?? young ?? gap;
      if (why === undefined) unneeded.push({ name, version });
      else for (const { sha256 } of (await readVersion(s3, key, version)).files) keep(content, sha256, why);
    }
  }
  return {
    content,
    unneeded,
    isNamedNow: async (name, version) =>
      (await readHead(s3, name))?.value.version === version ||
      (await refs.tags(name)).some((tag) => tag.version === version),
  };
}

const keep = (content: Map<Sha256, string>, sha256: Sha256, why: string): void => {
  if (!content.has(sha256)) content.set(sha256, why);
};

/** Why a dataset itself keeps its versions. */
function reasonsOf(name: string, moves: DatasetHead[], tags: DatasetTag[], cutoffMs: number): Map<Sha256, string> {
  const reasons = new Map<Sha256, string>();
  moves.forEach(({ version }, i) => {
    // It stopped being the head with the move after it, which stands before it.
    const until = i === 0 ? Infinity : Date.parse(moves[i - 1]?.at ?? '');
    const why = i === 0 ? `the newest version of ${name}` : `the log of ${name}`;
    if (!(until < cutoffMs)) keep(reasons, version, why);
  });
  for (const { tag, version } of tags) keep(reasons, version, `the tag ${name}@${tag}`);
  return reasons;
}

async function readVersion(s3: S3, key: string, version: Sha256): Promise<Manifest> {
  const found = await s3.read(key);
  if (!found) return { kind: 'dataset-version', schema: 1, files: [] };
  if (sha256Of(found.bytes) !== version) throw corrupt(s3.name(key), `SHA-256 ${version}`, sha256Of(found.bytes));
  return parseDocument<Manifest>(s3.name(key), found.bytes);
}

// ── What models name ────────────────────────────────────────────────────────────────────────────────────────────────

interface Document {
  key: string;
  text: string;
}

/** The first of these is said to keep what several name. */
const RANKS = ['release', 'open run', 'ended run', 'other'] as const;
type Rank = (typeof RANKS)[number];

/** What one run's records name; of its records only the newest is kept. */
interface Run {
  newest: string;
  record: Pick<RunRecord, 'outcome' | 'at'> | undefined;
  digests: Set<Sha256>;
  evidence: Set<Sha256>;
}

/**
 * Every digest in a record of a model keeps what it names, whatever the record is: one that a later version of Seawall adds is
 * understood, too. What a release names is said to be kept by it; then open runs, ended ones, the rest. The records themselves are
 * let go of one after the other.
 */
async function namedByModels(s3: S3, cutoffMs: number): Promise<Map<Sha256, string>> {
  const byRank = new Map(RANKS.map((rank) => [rank, new Map<Sha256, string>()]));
  const note = async (rank: Rank, why: string, digests: Iterable<Sha256>, evidence: Iterable<Sha256>) => {
    const content = byRank.get(rank) as Map<Sha256, string>;
    for (const digest of digests) keep(content, digest, why);
    for (const digest of evidence) await keepEvidence(s3, content, digest, why);
  };
  const runs = new Map<string, Run>();
  for await (const document of documentsBelow(s3, keys.models)) {
    const [, model = '', kind = '', rest = ''] = document.key.split('/');
    const { text } = document;
    if (kind === 'runs') noteRun(runs, `run ${rest} of ${model}`, document);
    else if (kind === 'releases')
      await note('release', `release ${Number.parseInt(rest, 10)} of ${model}`, digestsIn(text), evidenceIn(text));
    else await note('other', `what ${model} has recorded (${kind})`, digestsIn(text), evidenceIn(text));
  }
  for (const [run, { record, digests, evidence }] of runs) {
    const outcome = record?.outcome ?? null;
    // A run that released is kept by its release; its own record is small.
    if (outcome && record && Date.parse(record.at) < cutoffMs) continue;
    const why = outcome ? `${run}, which has ended` : `${run}, which is open`;
    await note(outcome ? 'ended run' : 'open run', why, digests, evidence);
  }
  const content = new Map<Sha256, string>();
  for (const own of byRank.values()) for (const [digest, why] of own) keep(content, digest, why);
  return content;
}

function noteRun(runs: Map<string, Run>, name: string, { key, text }: Document): void {
  const run = runs.get(name) ?? { newest: '', record: undefined, digests: new Set(), evidence: new Set() };
  runs.set(name, run);
  for (const digest of digestsIn(text)) run.digests.add(digest);
  for (const digest of evidenceIn(text)) run.evidence.add(digest);
  if (!key.includes('/record/') || key < run.newest) return;
  const { outcome, at } = JSON.parse(text) as RunRecord;
  run.newest = key;
  run.record = { outcome, at };
}

const digestsIn = (text: string): Sha256[] => Array.from(text.matchAll(DIGEST), ([digest]) => ownCopy(digest));
const evidenceIn = (text: string): Sha256[] =>
  Array.from(text.matchAll(/"evidence":"([0-9a-f]{64})"/g), ([, digest = '']) => ownCopy(digest));

/** A part of a string holds the whole of it in memory. */
export const ownCopy = (part: string): string => Buffer.from(part).toString();

/** Evidence names the holdout that a verdict was reached on. */
async function keepEvidence(s3: S3, content: Map<Sha256, string>, digest: Sha256, why: string): Promise<void> {
  const found = await s3.read(keys.blob(digest));
  for (const inner of digestsIn(found?.bytes.toString('utf8') ?? '')) keep(content, inner, why);
}

async function* documentsBelow(s3: S3, prefix: string): AsyncGenerator<Document> {
  let waiting: string[] = [];
  const read = async (): Promise<Document[]> => {
    const found = await Promise.all(
      waiting.map(async (key) => ({ key, text: (await s3.read(key))?.bytes.toString('utf8') ?? '' })),
    );
    waiting = [];
    return found;
  };
  for await (const { key } of s3.list(prefix)) {
    if (!key.endsWith('.json')) continue;
    waiting.push(key);
    if (waiting.length >= READS_AT_ONCE) yield* await read();
  }
  yield* await read();
}
