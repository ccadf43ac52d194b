/** One side of a comparison: files that are profiled now, or a profile that was stored. */
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type FilesProfile, type FilesRequest, profileFiles } from '../../adapters/duckdb/profile/index.js';
import { SeawallError, type TableProfile } from '../../contracts/index.js';
import type { AskedRoles } from '../../domain/profiles/index.js';
import type { CommandContext } from '../command.js';
import { textOption, usageError } from '../options.js';
import { filesOf } from './files.js';

export interface Side extends FilesProfile {
  /** As it was named. */
  from: string;
  /** A profile that was stored earlier. */
  stored: boolean;
  files: number;
}

type More = Omit<FilesRequest, 'files'>;

export async function loadSide(
  context: Pick<CommandContext, 'cwd' | 'output'>,
  named: readonly string[],
  more: More,
): Promise<Side> {
  const from = named.join(' ');
  if (named.length === 1 && /\.json$/i.test(named[0]!)) {
    const profile = await readProfile(resolve(context.cwd, named[0]!));
    return { from, stored: true, files: 0, profile, unreadable: [], skipped: [], extra: [], notes: [] };
  }
  const files = (await Promise.all(named.map((one) => filesOf(context.cwd, one)))).flat();
  const onProgress = progressOn(context);
  const profiled = await profileFiles({ tempDir: join(tmpdir(), 'seawall') }, { files, onProgress, ...more });
  return { from, stored: false, files: files.length, ...profiled };
}

/** @throws SeawallError NotFound or BadInput */
export async function readProfile(path: string): Promise<TableProfile> {
  const next = 'Make one with `seawall profile FILE --out profile.json`.';
  const content = await readFile(path, 'utf8').catch((cause) => {
    throw new SeawallError('NotFound', `there is no file ${path}`, next, { cause });
  });
  let document: unknown;
  try {
    document = JSON.parse(content);
  } catch (cause) {
    throw new SeawallError('BadInput', `${path} is not JSON`, next, { cause });
  }
  const { kind, schema, columns } = (document ?? {}) as Partial<TableProfile>;
  if (kind === 'profile' && schema === 1 && Array.isArray(columns)) return document as TableProfile;
  throw new SeawallError('BadInput', `${path} is no profile of this version (kind profile, schema 1)`, next);
}

const PROGRESS_EVERY_MS = 2000;

/** Says what takes long, once it does: lines on standard error, on a terminal only. */
function progressOn({ output }: Pick<CommandContext, 'output'>): (doing: () => string) => void {
  let last = performance.now();
  return (doing) => {
    if (!process.stderr.isTTY || performance.now() - last < PROGRESS_EVERY_MS) return;
    last = performance.now();
    output.progress(`… ${doing()}`);
  };
}

const tasks = ['binary', 'multiclass', 'regression'] as const;

/** `--label`, `--prediction`, `--score`, `--task`; undefined: quality was not asked for. */
export function rolesOption(context: CommandContext): AskedRoles | undefined {
  const [label, prediction, score, task] = ['label', 'prediction', 'score', 'task'].map((name) =>
    textOption(context, name),
  );
  if (task !== undefined && !tasks.includes(task as (typeof tasks)[number]))
    throw usageError(context, `--task is one of ${tasks.join(', ')}, not "${task}"`);
  if (label === undefined) {
    if (score !== undefined || task !== undefined) throw usageError(context, '--score and --task need --label');
    return undefined;
  }
  return { label, prediction, score, task: task as AskedRoles['task'] };
}

/** `--slice a,b` */
export const slicesOption = (context: CommandContext): string[] =>
  (textOption(context, 'slice') ?? '').split(',').filter((name) => name !== '');
