/** Brings the contents that DVC tracks into the store: each once, and only what the store does not have. */
import type { BlobRef, DatasetImport } from '../../contracts/index.js';
import type { Store } from '../store/index.js';
import type { DvcObject } from './metadata.js';
import type { Found, ObjectSource } from './objects.js';

const AT_ONCE = 4;

/** A file that DVC tracks. */
export interface TrackedFile {
  /** Relative to the repository; also its path in the dataset. */
  path: string;
  /** Absolute. */
  workspace: string;
  object: DvcObject;
  trackedBy: string;
  remote: string | undefined;
}

/** Counts different contents: files of equal content are one. */
export interface DvcImportProgress {
  done: number;
  total: number;
  uploadedBytes: number;
}

type StoredFile = DatasetImport['files'][number];
export interface StoredContents {
  files: StoredFile[];
  /** Where the contents came from; `store`: known from the last import, and not read at all. */
  from: Record<'store' | Found['from'], number>;
  uploadedBytes: number;
}

const nameOf = ({ hash, md5 }: Pick<StoredFile, 'hash' | 'md5'>): string => `${hash}:${md5}`;

/** Throws the first error of `source` or the store, after what was begun beside it has ended. */
export async function storeContents(
  blobs: Store['blobs'],
  source: ObjectSource,
  files: readonly TrackedFile[],
  last: DatasetImport | undefined,
  inHead: ReadonlySet<string>,
  onProgress: (progress: DvcImportProgress) => void = () => undefined,
): Promise<StoredContents> {
  const known = new Map(last?.files.map((file) => [nameOf(file), { sha256: file.sha256, size: file.size }]));
  const groups = groupsOf(files);
  const stored = new Map<string, BlobRef>();
  const from = { store: 0, cache: 0, workspace: 0, remote: 0 };
  let uploadedBytes = 0;

  const bring = async (name: string, group: TrackedFile[]): Promise<void> => {
    const before = known.get(name);
    // What the dataset's newest version names is kept, however old it is.
    if (before && (inHead.has(before.sha256) || (await blobs.has(before)))) {
      stored.set(name, before);
      from.store++;
      return;
    }
    const found = await source.find(wantedBy(group));
    try {
      if (await blobs.putDigested(found.path, found.content)) uploadedBytes += found.content.size;
    } finally {
      await found.release();
    }
    stored.set(name, found.content);
    from[found.from]++;
  };
  const waiting = [...groups];
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      await bring(...next).catch((error: unknown) => {
        waiting.length = 0;
        throw error;
      });
      onProgress({ done: stored.size, total: groups.size, uploadedBytes });
    }
  };
  for (const outcome of await Promise.allSettled(Array.from({ length: AT_ONCE }, work)))
    if (outcome.status === 'rejected') throw outcome.reason;
  const all = files.map(({ path, object }) => ({ path, ...object, ...(stored.get(nameOf(object)) as BlobRef) }));
  return { files: all, from, uploadedBytes };
}

function groupsOf(files: readonly TrackedFile[]): Map<string, TrackedFile[]> {
  const groups = new Map<string, TrackedFile[]>();
  for (const file of files) {
    const group = groups.get(nameOf(file.object));
    if (group) group.push(file);
    else groups.set(nameOf(file.object), [file]);
  }
  return groups;
}

function wantedBy(group: readonly TrackedFile[]): Parameters<ObjectSource['find']>[0] {
  const [{ object, remote, path, trackedBy }] = group as [TrackedFile, ...TrackedFile[]];
  const workspace = group.map((file) => file.workspace);
  return { object, remote, what: `${path}, tracked by ${trackedBy}`, workspace };
}
