/** What a dataset version's manifest must be before it is stored, and after it is read. */
import { SeawallError, type Manifest, type ManifestFile } from '../../contracts/index.js';

export interface DatasetFile {
  /** Relative, `/`-separated. */
  path: string;
  localFile: string;
}

/** Refuses paths that could leave the folder a version is fetched into, and names that mean two files. */
export function checkPaths(paths: string[]): void {
  const seen = new Set<string>();
  for (const path of paths) {
    const problem = problemOfPath(path) ?? (seen.has(path) ? 'is there twice' : undefined);
    if (problem)
      throw new SeawallError(
        'BadInput',
        `the dataset path ${JSON.stringify(path)} ${problem}`,
        'Use relative paths with single slashes, without "..", backslashes or control characters, each once.',
      );
    seen.add(path);
  }
  for (const path of paths) {
    const parent = parentsOf(path).find((folder) => seen.has(folder));
    if (parent !== undefined)
      throw new SeawallError(
        'BadInput',
        `the dataset path ${JSON.stringify(parent)} is a file and the folder of ${JSON.stringify(path)}`,
        'Rename one of the two.',
      );
  }
}

function problemOfPath(path: unknown): string | undefined {
  if (typeof path !== 'string' || path === '') return 'is empty';
  if (path.length > 1024) return 'is longer than 1,024 characters';
  if (path.startsWith('/') || /^[A-Za-z]:/.test(path)) return 'is absolute';
  if (path.includes('\\')) return 'has a backslash';
  if (/\p{Cc}/u.test(path)) return 'has a control character';
  if (Buffer.from(path).toString() !== path) return 'is not well-formed Unicode';
  if (path.split('/').some((part) => part === '' || part === '.' || part === '..'))
    return 'has an empty, "." or ".." part';
  return undefined;
}

function parentsOf(path: string): string[] {
  const parts = path.split('/');
  return parts.slice(1).map((_, i) => parts.slice(0, i + 1).join('/'));
}

export function manifestOf(files: ManifestFile[]): Manifest {
  checkPaths(files.map(({ path }) => path));
  const sorted = [...files].sort((a, b) => (a.path < b.path ? -1 : 1));
  return {
    kind: 'dataset-version',
    schema: 1,
    files: sorted.map(({ path, size, sha256 }) => ({ path, size, sha256 })),
  };
}

/** Says what is wrong with a manifest of unknown origin whose digest is right. */
export function problemOfManifest(value: unknown): string | undefined {
  const manifest = value as Partial<Manifest> | null;
  if (typeof manifest !== 'object' || manifest?.kind !== 'dataset-version') return 'is no dataset version';
  if (manifest.schema !== 1 || !Array.isArray(manifest.files)) return 'has a schema that this version does not know';
  const isFile = (file: Partial<ManifestFile> | null): boolean =>
    typeof file?.path === 'string' &&
    Number.isSafeInteger(file.size) &&
    (file.size as number) >= 0 &&
    /^[0-9a-f]{64}$/.test(String(file.sha256));
  return manifest.files.every(isFile) ? undefined : 'has a file without path, size or SHA-256';
}
