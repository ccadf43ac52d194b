/** How people name versions: a digest or its beginning, `head`, or a tag; and the tags, with their history. */
import type { RecordStore } from '../../activities/ports.js';
import {
  NAME_RULE,
  SeawallError,
  isName,
  keys,
  sequenceOf,
  type DatasetTag,
  type Sha256,
} from '../../contracts/index.js';
import { readHead } from './dataset-head.js';
import type { S3 } from './s3.js';

const SHORTEST_PREFIX = 4;

export interface DatasetRefs {
  /** The version that `ref` names. @throws SeawallError `NotFound`; `BadInput` when it names several */
  resolve(name: string, ref: string): Promise<Sha256>;
  /** Makes `tag` name the version; the one before stays in the tag's history. The same again changes nothing. */
  tag(name: string, tag: string, version: Sha256, by: string): Promise<DatasetTag>;
  /** What every tag names now, in the order of the tags. */
  tags(name: string): Promise<DatasetTag[]>;
  /** Names of all datasets of the workspace. */
  names(): Promise<string[]>;
}

export function createDatasetRefs(
  s3: S3,
  records: RecordStore,
  versions: (name: string, prefix: string) => Promise<Sha256[]>,
): DatasetRefs {
  return {
    resolve: (name, ref) => resolve(s3, records, versions, name, ref),
    tag: (name, tag, version, by) => addTag(records, name, tag, version, by),
    tags: (name) => readTags(s3, records, name),
    names: () => readNames(s3),
  };
}

async function resolve(
  s3: S3,
  records: RecordStore,
  versions: (name: string, prefix: string) => Promise<Sha256[]>,
  name: string,
  ref: string,
): Promise<Sha256> {
  if (ref === 'head') {
    const head = await readHead(s3, name);
    if (!head) throw unknown(name, 'has no version yet');
    return head.value.version;
  }
  const tagged = isName(ref) ? await records.newest<DatasetTag>(keys.datasetTag(name, ref)) : undefined;
  const found = /^[0-9a-f]{4,64}$/.test(ref) ? await versions(name, ref) : [];
  const matches = new Set([...(tagged ? [tagged.version] : []), ...found]);
  const [version] = matches;
  if (version === undefined)
    throw unknown(name, `has no version, tag or digest of ${SHORTEST_PREFIX} characters or more that is "${ref}"`);
  if (matches.size === 1) return version;
  const digits = [...matches].map((each) => each.slice(0, 12)).join(', ');
  throw new SeawallError(
    'BadInput',
    `"${ref}" names ${matches.size} versions of dataset ${name}: ${digits}`,
    'Give more characters of the digest.',
  );
}

const unknown = (name: string, what: string): SeawallError =>
  new SeawallError('NotFound', `dataset ${name} ${what}`, `See what there is: seawall dataset log ${name}`);

async function addTag(
  records: RecordStore,
  name: string,
  tag: string,
  version: Sha256,
  by: string,
): Promise<DatasetTag> {
  if (!isName(tag) || tag === 'head' || /^[0-9a-f]{64}$/.test(tag))
    throw new SeawallError(
      'BadInput',
      `"${tag}" cannot be a tag`,
      `Choose another: ${NAME_RULE}; neither "head" nor a digest.`,
    );
  const folder = keys.datasetTag(name, tag);
  const newest = await records.newest<DatasetTag>(folder);
  if (newest?.version === version) return newest;
  const previous = newest?.seq ?? 0;
  const at = new Date().toISOString();
  // With the number before it in the cause: going back to an earlier version is a new act.
  const causeId = `${version}/${previous}`;
  const make = (seq: number): DatasetTag => ({
    ...{ kind: 'dataset-tag', schema: 1 },
    ...{ seq, causeId, name, tag, version, by, at },
  });
  return records.append<DatasetTag>(folder, causeId, make, previous);
}

async function readTags(s3: S3, records: RecordStore, name: string): Promise<DatasetTag[]> {
  const folder = keys.datasetTags(name);
  const newest = new Map<string, number>();
  for await (const { key } of s3.list(folder)) {
    const tag = key.slice(folder.length).split('/')[0] as string;
    const seq = sequenceOf(key);
    if (seq !== undefined) newest.set(tag, Math.max(seq, newest.get(tag) ?? 0));
  }
  const found = await Promise.all(
    [...newest].map(([tag, seq]) => records.read<DatasetTag>(keys.datasetTag(name, tag), seq)),
  );
  return found.filter((each) => each !== undefined);
}

/** Jumps from dataset to dataset: a listing of all versions would be long. */
async function readNames(s3: S3): Promise<string[]> {
  const names: string[] = [];
  let after: string | undefined;
  for (;;) {
    let next: string | undefined;
    for await (const { key } of s3.list(keys.datasets, after, 1)) {
      next = key.slice(keys.datasets.length).split('/')[0];
      break;
    }
    if (next === undefined) return names;
    names.push(next);
    // "0" is what comes after "/".
    after = `${keys.datasets}${next}/\u{10ffff}`;
  }
}
