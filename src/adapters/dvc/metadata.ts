/** What `.dvc` files and `dvc.lock` have in common: outs, in YAML. */
import { posix } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { SeawallError } from '../../contracts/index.js';
import { refusal, type Refusal } from './refusal.js';

/** Names content in DVC's storage. */
export interface DvcObject {
  /** `md5-dos2unix`: DVC 2's, in which the two kinds of line ends of a text count as one. */
  hash: 'md5' | 'md5-dos2unix';
  /** 32 hexadecimal digits, and `.dir` for the listing of a folder. */
  md5: string;
}

/** A file or folder that DVC tracks. */
export interface DvcOut {
  /** Relative to the repository, `/`-separated. */
  path: string;
  /** The file that tracks it (`data.dvc`), with the stage in a pipeline (`dvc.yaml:prepare`). */
  trackedBy: string;
  /** The remote that keeps it, where that is not the default one. */
  remote: string | undefined;
  /** Its content, or why it cannot be imported. */
  content: DvcObject | Refusal;
}

/** Every scalar is text: a digest of digits only must not become a number. */
export function parseYaml<T extends z.ZodType>(text: string, path: string, shape: T): z.infer<T> {
  let value: unknown;
  try {
    value = parse(text, { schema: 'failsafe', merge: true });
  } catch (error) {
    throw badMetadata(path, (error as Error).message.split('\n')[0] ?? '');
  }
  const checked = shape.safeParse(value);
  if (checked.success) return checked.data;
  const issue = checked.error.issues[0];
  throw badMetadata(path, `${issue?.path.join('.') || 'the file'}: ${issue?.message}`);
}

const badMetadata = (path: string, problem: string): SeawallError =>
  new SeawallError(
    'BadInput',
    `${path} cannot be read as a file of DVC 3: ${problem}`,
    'Correct it, or get it back from git; `dvc status` shows whether DVC can read it.',
  );

export const isTrue = (value: unknown): boolean => typeof value === 'string' && value.toLowerCase() === 'true';

/** An out as `.dvc` files and `dvc.lock` write it. */
export const outShape = z.looseObject({ path: z.string().min(1), md5: z.string().optional() });
export type OutEntry = z.infer<typeof outShape>;

/** Where an out lies, relative to the repository; `outside` when it leaves it. */
export function placeOf(
  folder: string,
  wdir: string,
  path: string,
  trackedBy: string,
): { path: string; outside: Refusal | undefined } {
  const isPlace = (text: string): boolean => posix.isAbsolute(text) || /^\w+:\/\//.test(text);
  const joined = isPlace(path) ? path : posix.join(folder, wdir, path).replace(/\/+$/, '');
  const leaves = isPlace(path) || isPlace(wdir) || /^\.\.?(\/|$)/.test(joined);
  const next = `Move the data into the repository and change ${trackedBy} (\`dvc move\`, \`dvc add --out\`).`;
  return { path: joined, outside: leaves ? refusal('it lies outside of the repository', next) : undefined };
}

/** The content of an out, or why DVC has none that can be imported. */
export function contentOf(entry: OutEntry, cached: boolean): DvcObject | Refusal {
  if (!cached)
    return refusal(
      'with `cache: false` DVC keeps no content of it (git does)',
      'Remove `cache: false` and run `dvc commit`, or leave it out.',
    );
  if ('cloud' in entry || 'files' in entry)
    return refusal(
      'it belongs to a cloud-versioned remote (version_aware or worktree), whose content is not stored by MD5',
      'Push it to an ordinary remote, or `dvc pull` it and add it to a repository without cloud versioning.',
    );
  const hash = entry['hash'] ?? 'md5-dos2unix';
  const other = ['etag', 'checksum'].find((name) => name in entry);
  if (hash !== 'md5' && hash !== 'md5-dos2unix') return unsupportedHash(String(hash));
  if (entry.md5 === undefined && other !== undefined) return unsupportedHash(other);
  if (entry.md5 === undefined)
    return refusal('DVC has not recorded its MD5 yet', 'Run `dvc commit` (or `dvc repro`, for a pipeline) first.');
  if (!/^[0-9a-f]{32}(\.dir)?$/.test(entry.md5))
    return refusal(`"${entry.md5.slice(0, 60)}" is no MD5`, 'Get the file back from git, or run `dvc commit`.');
  return { hash, md5: entry.md5 };
}

const unsupportedHash = (name: string): Refusal =>
  refusal(
    `its hash is "${name}", and only DVC's md5 is supported`,
    'Add it anew with DVC 3 (`dvc remove`, then `dvc add`), or leave it out.',
  );
