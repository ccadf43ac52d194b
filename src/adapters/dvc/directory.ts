/** A `.dir` object: the files of a tracked folder. */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { SeawallError } from '../../contracts/index.js';
import { checkPaths } from '../store/manifest.js';

const entryShape = z.object({ relpath: z.string(), md5: z.string().regex(/^[0-9a-f]{32}$/, 'is no MD5') });
export type DirectoryEntry = z.infer<typeof entryShape>;

/** Reads a listing whose MD5 was verified. Throws `BadInput` on one that is malformed or has paths that leave the folder. */
export async function readDirectoryObject(file: string, what: string): Promise<DirectoryEntry[]> {
  const refuse = (problem: string): SeawallError =>
    new SeawallError(
      'BadInput',
      `the listing of ${what} cannot be used: ${problem}`,
      'It is as it was stored, so nothing was damaged on the way: run `dvc add` anew on the folder, from trusted data.',
    );
  let value: unknown;
  try {
    value = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw refuse((error as Error).message);
  }
  const checked = z.array(entryShape).safeParse(value);
  if (!checked.success) {
    const issue = checked.error.issues[0];
    throw refuse(`${issue?.path.join('.') || 'the file'}: ${issue?.message}`);
  }
  try {
    checkPaths(checked.data.map(({ relpath }) => relpath));
  } catch (error) {
    throw refuse((error as Error).message);
  }
  return checked.data;
}
