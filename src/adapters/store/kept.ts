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

/**
 * Every digest in a record of a model keeps what it names, whatever the record is: one that a later version of Seawall adds is
 * understood, too. What a release names is said to be kept by it; then open runs, ended ones, the rest.
 */
async function namedByModels(s3: S3, cutoffMs: number): Promise<Map<Sha256, string>> {
  const documents: { why: string; rank: number; text: string }[] = [];
  const runs = new Map<string, Document[]>();
  for await (const { key, text } of documentsBelow(s3, keys.models)) {
    const [, model = '', kind = '', rest = ''] = key.split('/');
    if (kind === 'releases') documents.push({ why: `release ${Number.parseInt(rest, 10)} of ${model}`, rank: 0, text });
    else if (kind === 'runs')
      runs.set(`run ${rest} of ${model}`, [...(runs.get(`run ${rest} of ${model}`) ?? []), { key, text }]);
    else documents.push({ why: `what ${model} has recorded (${kind})`, rank: 3, text });
  }
  for (const [run, parts] of runs) {
    const newest = newestRecord(parts);
    const outcome = newest?.outcome ?? null;
    // A run that released is kept by its release; its own record is small.
    if (outcome && newest && Date.parse(newest.at) < cutoffMs) continue;
    const why = outcome ? `${run}, which has ended` : `${run}, which is open`;
    for (const { text } of parts) documents.push({ why, rank: outcome ? 2 : 1, text });
  }
  const content = new Map<Sha256, string>();
  for (const { why, text } of documents.sort((a, b) => a.rank - b.rank)) {
    for (const [digest] of text.matchAll(DIGEST)) keep(content, digest, why);
    for (const [, digest = ''] of text.matchAll(/"evidence":"([0-9a-f]{64})"/g))
      await keepEvidence(s3, content, digest, why);
  }
  return content;
}

/** Evidence names the holdout that a verdict was reached on. */
async function keepEvidence(s3: S3, content: Map<Sha256, string>, digest: Sha256, why: string): Promise<void> {
  const found = await s3.read(keys.blob(digest));
  for (const [inner] of found?.bytes.toString('utf8').matchAll(DIGEST) ?? []) keep(content, inner, why);
}

function newestRecord(parts: Document[]): RunRecord | undefined {
  const records = parts.filter(({ key }) => key.includes('/record/')).sort((a, b) => (a.key < b.key ? -1 : 1));
  const last = records.at(-1);
  return last && (JSON.parse(last.text) as RunRecord);
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
