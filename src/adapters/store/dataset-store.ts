/** Dataset versions: immutable manifests under their digest, and a head that says which is newest. */
import type { DatasetStore, Stored } from '../../activities/ports.js';
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
import { missing, putFile } from './blob-store.js';
import { corrupt } from './errors.js';
import { createJson, jsonBytes, parseDocument, readJson } from './json-store.js';
import { sha256Of } from './local-files.js';
import { checkPaths, manifestOf, problemOfManifest, type DatasetFile } from './manifest.js';
import type { S3 } from './s3.js';

const UPLOADS_AT_ONCE = 4;
const HEAD_TRIES = 50;

export interface CommitOptions {
  by: string;
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
   * Commits exactly these files as a version and makes it the head. The same files again are the same version. A file given by
   * its digest must be in the store already.
   */
  commitVersion(name: string, files: (DatasetFile | ManifestFile)[], options: CommitOptions): Promise<Committed>;
  /**
   * Commits the head's files and these. A path that the head has with other content is refused, unless `replace`.
   * Two at a time both end up in the head.
   */
  extendVersion(name: string, addFiles: DatasetFile[], options: { by: string; replace?: boolean }): Promise<Committed>;
}

export function createDatasetStore(s3: S3): DatasetStore & DatasetWriter {
  return {
    head: async (name) => {
      const head = (await readHead(s3, name))?.value;
      return head && { version: head.version, seq: head.seq };
    },
    manifest: (name, version) => readManifest(s3, name, version),
    commitVersion: (name, files, options) => commitVersion(s3, name, files, options),
    extendVersion: (name, files, options) => extendVersion(s3, name, files, options),
  };
}

const readHead = (s3: S3, name: string): Promise<Stored<DatasetHead> | undefined> =>
  readJson<DatasetHead>(s3, keys.datasetHead(name));

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
  const uploaded = await uploadAll(s3, files);
  const { version } = await storeManifest(s3, name, uploaded.files);
  for (let tries = 0; tries < HEAD_TRIES; tries++) {
    const head = await readHead(s3, name);
    if (head?.value.version !== version && options.expectedHead !== undefined) {
      const current = head?.value.version ?? null;
      if (current !== options.expectedHead) throw headMoved(name, options.expectedHead, current);
    }
    const seq = await moveHead(s3, name, version, head, options.by);
    if (seq !== undefined) return { version, seq, uploadedBytes: uploaded.bytes, files: files.length };
  }
  throw headBusy(s3, name);
}

async function extendVersion(
  s3: S3,
  name: string,
  addFiles: DatasetFile[],
  options: { by: string; replace?: boolean },
): Promise<Committed> {
  checkName(name);
  const uploaded = await uploadAll(s3, addFiles);
  for (let tries = 0; tries < HEAD_TRIES; tries++) {
    // From the head of this moment: another extension may have come between, and its files belong to the next version too.
    const head = await readHead(s3, name);
    const before = head ? (await readManifest(s3, name, head.value.version)).files : [];
    const merged = mergeFiles(name, before, uploaded.files, options.replace ?? false);
    const { version, manifest } = await storeManifest(s3, name, merged);
    const seq = await moveHead(s3, name, version, head, options.by);
    if (seq !== undefined) return { version, seq, uploadedBytes: uploaded.bytes, files: manifest.files.length };
  }
  throw headBusy(s3, name);
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

async function uploadAll(
  s3: S3,
  files: (DatasetFile | ManifestFile)[],
): Promise<{ files: ManifestFile[]; bytes: number }> {
  checkPaths(files.map(({ path }) => path));
  const done = files.filter((file) => 'sha256' in file);
  let bytes = 0;
  const waiting = files.filter((file) => 'localFile' in file);
  const work = async (): Promise<void> => {
    for (let file = waiting.shift(); file; file = waiting.shift()) {
      const { blob, uploaded } = await putFile(s3, file.localFile);
      if (uploaded) bytes += blob.size;
      done.push({ path: file.path, ...blob });
    }
  };
  await Promise.all(Array.from({ length: UPLOADS_AT_ONCE }, work));
  return { files: done, bytes };
}

async function storeManifest(
  s3: S3,
  name: string,
  files: ManifestFile[],
): Promise<{ version: Sha256; manifest: Manifest }> {
  const manifest = manifestOf(files);
  const version = sha256Of(jsonBytes(manifest));
  const key = keys.datasetVersion(name, version);
  if ((await createJson(s3, key, manifest)) === 'exists')
    throw corrupt(s3.name(key), `SHA-256 ${version}`, 'a manifest with other content under this digest');
  return { version, manifest };
}

/** The head's number after the move; undefined when somebody else moved it meanwhile. */
async function moveHead(
  s3: S3,
  name: string,
  version: Sha256,
  head: Stored<DatasetHead> | undefined,
  by: string,
): Promise<number | undefined> {
  const current = head?.value;
  if (current?.version === version) return current.seq;
  const next: DatasetHead = {
    kind: 'dataset-head',
    schema: 1,
    name,
    version,
    previous: current?.version ?? null,
    seq: (current?.seq ?? 0) + 1,
    by,
    at: new Date().toISOString(),
  };
  const condition = head ? { ifMatch: head.etag } : ({ ifAbsent: true } as const);
  if ((await s3.write(keys.datasetHead(name), jsonBytes(next), condition)) === 'written') return next.seq;
  // After a lost answer the head is ours (the next look finds it there), or the one that came directly after ours: then ours
  // was moved, and must not be moved again over its successor.
  const now = (await readHead(s3, name))?.value;
  return now?.previous === version && now.seq === next.seq + 1 ? next.seq : undefined;
}

function checkName(name: string): void {
  const valid: boolean = isName(name);
  if (!valid) throw new SeawallError('BadInput', `"${name}" cannot name a dataset`, `Choose another: ${NAME_RULE}.`);
}

const headMoved = (name: string, expected: Sha256 | null, found: Sha256 | null): SeawallError =>
  new SeawallError(
    'Conflict',
    `the head of dataset ${name} is ${found ?? 'not there'}, not ${expected ?? 'missing'} as expected`,
    'Look at the new head, then commit again on top of it.',
  );

const headBusy = (s3: S3, name: string): SeawallError =>
  new SeawallError(
    'Conflict',
    `${s3.name(keys.datasetHead(name))} was moved by others ${HEAD_TRIES} times in a row`,
    'Look who commits at this rate; then try again.',
  );
