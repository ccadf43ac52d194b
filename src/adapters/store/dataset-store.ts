/** Dataset versions: immutable manifests under their digest, and a head that says which is newest. */
import type { DatasetStore } from '../../activities/ports.js';
import {
  NAME_RULE,
  SeawallError,
  isName,
  keys,
  type DatasetHead,
  type Manifest,
  type ManifestFile,
  type Sha256,
} from '../../contracts/index.js';
import { REUSE_WITHIN_MS } from './blob-store.js';
import { headBusy, headMoved, moveHead, readHead, readHistory, type Mover } from './dataset-head.js';
import { uploadFiles, type UploadProgress } from './dataset-upload.js';
import { corrupt } from './errors.js';
import { createBytes, jsonBytes, parseDocument } from './json-store.js';
import type { KnownDigests } from './known-digests.js';
import { sha256Of } from './local-files.js';
import { checkPaths, manifestOf, problemOfManifest, type DatasetFile } from './manifest.js';
import { missing } from './missing.js';
import type { S3 } from './s3.js';

const HEAD_TRIES = 50;

export interface WriteOptions extends Mover {
  signal?: AbortSignal;
  onProgress?: (progress: UploadProgress) => void;
  /** Send everything again, also what the store has: repairs objects that are damaged there. */
  resend?: boolean;
  /** Files that have not changed since they were hashed are not read again. Left out: all are. */
  digests?: KnownDigests;
}
export interface CommitOptions extends WriteOptions {
  /** Set: the head must be this version (null: none yet), else `Conflict`. Left out: the last commit wins. */
  expectedHead?: Sha256 | null;
}
export interface Committed {
  version: Sha256;
  /** The head's move that made it the newest. */
  seq: number;
  /** What had to travel; content that the store has is not sent again. */
  uploadedBytes: number;
  /** Files in the version. */
  files: number;
}
export interface DatasetWriter {
  /**
   * Commits exactly these files as a version and makes it the head. The same files again are the same version. Content first, then
   * the manifest, the head last: whatever breaks off leaves the old head, and what was sent is not sent again.
   * A file given by its digest must be in the store already.
   * @throws SeawallError `Conflict`: a file changed meanwhile, or the head did (the version is there all the same); `BadInput`
   */
  commitVersion(name: string, files: (DatasetFile | ManifestFile)[], options: CommitOptions): Promise<Committed>;
  /**
   * Commits the head's files and these. A path that the head has with other content is refused, unless `replace`.
   * Two at a time both end up in the head.
   */
  extendVersion(
    name: string,
    addFiles: (DatasetFile | ManifestFile)[],
    options: WriteOptions & { replace?: boolean },
  ): Promise<Committed>;
}
export interface DatasetHistory {
  /** The recorded moves of the head, newest first; none where there is no head. */
  history(name: string): Promise<DatasetHead[]>;
  /** Every version that is stored, also one that never was the head; at most 1,000 whose digest begins with `prefix`. */
  versions(name: string, prefix?: string): Promise<Sha256[]>;
}

export function createDatasetStore(s3: S3): DatasetStore & DatasetWriter & DatasetHistory {
  return {
    head: async (name) => {
      const head = (await readHead(s3, name))?.value;
      return head && { version: head.version, seq: head.seq };
    },
    manifest: (name, version) => readManifest(s3, name, version),
    commitVersion: (name, files, options) => commitVersion(s3, name, files, options),
    extendVersion: (name, files, options) => extendVersion(s3, name, files, options),
    history: (name) => readHistory(s3, name),
    versions: (name, prefix = '') => listVersions(s3, name, prefix),
  };
}

async function listVersions(s3: S3, name: string, prefix: string): Promise<Sha256[]> {
  const folder = keys.datasetVersions(name);
  const found: Sha256[] = [];
  for await (const { key } of s3.list(folder + prefix)) {
    const version = /^([0-9a-f]{64})\.json$/.exec(key.slice(folder.length))?.[1];
    if (version) found.push(version);
  }
  return found;
}

async function readManifest(s3: S3, name: string, version: Sha256): Promise<Manifest> {
  const key = keys.datasetVersion(name, version);
  const found = await s3.read(key);
  if (!found) throw missing(s3, key);
  const digest = sha256Of(found.bytes);
  if (digest !== version) throw corrupt(s3.name(key), `SHA-256 ${version}`, digest);
  const manifest = parseDocument<Manifest>(s3.name(key), found.bytes);
  const problem = problemOfManifest(manifest);
  if (problem) throw corrupt(s3.name(key), 'a manifest', `one that ${problem}`);
  // The digest says that it is unchanged, not that whoever wrote it meant well.
  checkPaths(manifest.files.map(({ path }) => path));
  return manifest;
}

async function commitVersion(
  s3: S3,
  name: string,
  files: (DatasetFile | ManifestFile)[],
  options: CommitOptions,
): Promise<Committed> {
  checkName(name);
  const { files: stored, uploadedBytes } = await upload(s3, name, files, options);
  const { version } = await storeManifest(s3, name, stored, options.resend);
  for (let tries = 0; tries < HEAD_TRIES; tries++) {
    options.signal?.throwIfAborted();
    const head = await readHead(s3, name);
    if (head?.value.version !== version && options.expectedHead !== undefined) {
      const current = head?.value.version ?? null;
      if (current !== options.expectedHead) throw headMoved(name, options.expectedHead, head?.value);
    }
    const seq = await moveHead(s3, name, version, head, options);
    if (seq !== undefined) return { version, seq, uploadedBytes, files: files.length };
  }
  throw headBusy(s3, name, HEAD_TRIES);
}

async function extendVersion(
  s3: S3,
  name: string,
  addFiles: (DatasetFile | ManifestFile)[],
  options: WriteOptions & { replace?: boolean },
): Promise<Committed> {
  checkName(name);
  const uploaded = await upload(s3, name, addFiles, options);
  for (let tries = 0; tries < HEAD_TRIES; tries++) {
    options.signal?.throwIfAborted();
    // From the head of this moment: another extension may have come between, and its files belong to the next version too.
    const head = await readHead(s3, name);
    const before = head ? (await readManifest(s3, name, head.value.version)).files : [];
    const merged = mergeFiles(name, before, uploaded.files, options.replace ?? false);
    const { version, manifest } = await storeManifest(s3, name, merged);
    const seq = await moveHead(s3, name, version, head, options);
    const { uploadedBytes } = uploaded;
    if (seq !== undefined) return { version, seq, uploadedBytes, files: manifest.files.length };
  }
  throw headBusy(s3, name, HEAD_TRIES);
}

async function upload(s3: S3, name: string, files: (DatasetFile | ManifestFile)[], options: WriteOptions) {
  checkPaths(files.map(({ path }) => path));
  const stored = files.filter((file) => 'sha256' in file);
  const local = files.filter((file) => 'localFile' in file);
  const head = options.resend ? undefined : await readHead(s3, name);
  const before = head ? (await readManifest(s3, name, head.value.version)).files : [];
  const { signal, onProgress, digests, resend = false } = options;
  const known = new Set(before.map(({ sha256 }) => sha256));
  const sent = await uploadFiles(s3, local, { known, signal, onProgress, digests, resend });
  return { ...sent, files: [...stored, ...sent.files] };
}

function mergeFiles(name: string, before: ManifestFile[], added: ManifestFile[], replace: boolean): ManifestFile[] {
  const byPath = new Map(before.map((file) => [file.path, file]));
  for (const file of added) {
    const old = byPath.get(file.path);
    if (old && old.sha256 !== file.sha256 && !replace)
      throw new SeawallError(
        'BadInput',
        `dataset ${name} has ${JSON.stringify(file.path)} already, with other content`,
        'Give the new file another path, or say that it replaces the old one.',
      );
    byPath.set(file.path, file);
  }
  return [...byPath.values()];
}

async function storeManifest(
  s3: S3,
  name: string,
  files: ManifestFile[],
  resend = false,
): Promise<{ version: Sha256; manifest: Manifest }> {
  const manifest = manifestOf(files);
  // Of 100,000 files it has 15 MB: made once.
  const bytes = jsonBytes(manifest);
  const version = sha256Of(bytes);
  const key = keys.datasetVersion(name, version);
  // One that nothing names may be about to be collected, like content: then it is written anew. So is one that may be damaged.
  const ageMs = (await s3.look(key))?.ageMs ?? 0;
  if (resend || ageMs >= REUSE_WITHIN_MS) await s3.write(key, bytes);
  else if ((await createBytes(s3, key, bytes)) === 'exists')
    throw corrupt(s3.name(key), `SHA-256 ${version}`, 'a manifest with other content under this digest');
  return { version, manifest };
}

function checkName(name: string): void {
  const valid: boolean = isName(name);
  if (!valid) throw new SeawallError('BadInput', `"${name}" cannot name a dataset`, `Choose another: ${NAME_RULE}.`);
}
