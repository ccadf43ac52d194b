/** Which of the things that DVC tracks are meant. */
import { posix } from 'node:path';
import { SeawallError } from '../../contracts/index.js';
import type { DvcObject, DvcOut } from './metadata.js';
import { isRefusal } from './refusal.js';

/** An out that is imported. */
export interface Selected {
  path: string;
  trackedBy: string;
  remote: string | undefined;
  object: DvcObject;
  /** Of a folder: only what lies at or below these paths in it; empty: all. */
  within: string[];
}

/**
 * The outs that `targets` name; all without targets. A target is an out, a file or folder in one, a folder above some, the file
 * that tracks them, or `dvc.yaml:<stage>`. Throws `NotFound` for a target that names nothing, `BadInput` when something that is
 * asked for cannot be imported.
 */
export function selectOuts(outs: readonly DvcOut[], targets: readonly string[], root: string): Selected[] {
  if (outs.length === 0)
    throw new SeawallError(
      'NotFound',
      `DVC tracks nothing in ${root}: no .dvc file and no dvc.yaml with outs`,
      'Check that this is the right repository, at the right revision.',
    );
  const wanted = targets.map((target) => posix.normalize(target).replace(/\/+$/, ''));
  const selected = outs.flatMap((out) => {
    const matches = wanted.filter((target) => isMeant(out, target));
    if (targets.length > 0 && matches.length === 0) return [];
    const inside = matches.filter((target) => target.startsWith(`${out.path}/`));
    const within = inside.length === matches.length ? inside.map((target) => target.slice(out.path.length + 1)) : [];
    return [{ out, within }];
  });
  const unknown = targets.find((_, i) => !outs.some((out) => isMeant(out, wanted[i] ?? '')));
  if (unknown !== undefined)
    throw new SeawallError(
      'NotFound',
      `DVC tracks nothing at "${unknown}" in ${root}`,
      `Name paths relative to the repository. It tracks: ${listed(outs)}.`,
    );
  throwRefusals(
    selected.map(({ out }) => out),
    targets.length === 0,
  );
  return selected.map(({ out: { path, trackedBy, remote, content }, within }) => ({
    path,
    trackedBy,
    remote,
    object: content as DvcObject,
    within,
  }));
}

function isMeant(out: DvcOut, target: string): boolean {
  if (target === '.' || out.path === target || out.path.startsWith(`${target}/`)) return true;
  const isFolder = !isRefusal(out.content) && out.content.md5.endsWith('.dir');
  if (isFolder && target.startsWith(`${out.path}/`)) return true;
  // `dvc.yaml` is all its stages, `dvc.yaml:prepare` all that a `foreach` makes of it.
  return out.trackedBy === target || out.trackedBy.startsWith(`${target}:`) || out.trackedBy.startsWith(`${target}@`);
}

function throwRefusals(selected: DvcOut[], all: boolean): void {
  const refused = selected.filter(({ content }) => isRefusal(content));
  const [first] = refused;
  if (!first || !isRefusal(first.content)) return;
  const others = refused.length > 1 ? ` (and ${refused.length - 1} more cannot be imported)` : '';
  const rest = selected.filter(({ content }) => !isRefusal(content));
  const naming = all && rest.length > 0 ? ` To import only the rest, name it: ${listed(rest)}.` : '';
  throw new SeawallError(
    'BadInput',
    `${first.path}, tracked by ${first.trackedBy}, cannot be imported: ${first.content.because}${others}`,
    `${first.content.next}${naming}`,
  );
}

function listed(outs: readonly DvcOut[]): string {
  const names = outs.slice(0, 8).map(({ path }) => (path.includes(' ') ? JSON.stringify(path) : path));
  return `${names.join(' ')}${outs.length > names.length ? ` and ${outs.length - names.length} more` : ''}`;
}
