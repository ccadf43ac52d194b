/** `seawall dataset diff NAME@V NAME@V` */
import type { ManifestFile } from '../../contracts/index.js';
import type { CommandHandler } from '../command.js';
import { withStore } from '../store-context.js';
import { resolveVersion, short, sizeText, versionArgument } from './arguments.js';

export interface ManifestDiff {
  added: ManifestFile[];
  removed: ManifestFile[];
  changed: { path: string; from: ManifestFile; to: ManifestFile }[];
  /** Same content under another path. */
  renamed: { from: string; to: string; size: number; sha256: string }[];
}

export function diffOf(from: readonly ManifestFile[], to: readonly ManifestFile[]): ManifestDiff {
  const before = new Map(from.map((file) => [file.path, file]));
  const after = new Map(to.map((file) => [file.path, file]));
  const gone = new Map<string, ManifestFile[]>();
  for (const file of from) {
    if (after.has(file.path)) continue;
    gone.set(file.sha256, [...(gone.get(file.sha256) ?? []), file]);
  }
  const diff: ManifestDiff = { added: [], removed: [], changed: [], renamed: [] };
  for (const file of to) {
    const old = before.get(file.path);
    const moved = old ? undefined : gone.get(file.sha256)?.shift();
    if (moved) diff.renamed.push({ from: moved.path, to: file.path, size: file.size, sha256: file.sha256 });
    else if (!old) diff.added.push(file);
    else if (old.sha256 !== file.sha256) diff.changed.push({ path: file.path, from: old, to: file });
  }
  diff.removed = [...gone.values()].flat().sort((a, b) => (a.path < b.path ? -1 : 1));
  return diff;
}

export const datasetDiff: CommandHandler = async (context) => {
  const from = versionArgument(context, context.args[0] ?? '');
  const to = versionArgument(context, context.args[1] ?? '', from.name);
  const found = await withStore(context, async (store) => {
    const versions = await Promise.all([resolveVersion(store, from), resolveVersion(store, to)]);
    const [a, b] = await Promise.all([
      store.datasets.manifest(from.name, versions[0]),
      store.datasets.manifest(to.name, versions[1]),
    ]);
    return { from: versions[0], to: versions[1], diff: diffOf(a.files, b.files) };
  });
  const { added, removed, changed, renamed } = found.diff;
  /** What somebody who has the first must fetch for the second. */
  const bytes = [...added, ...changed.map((each) => each.to)].reduce((sum, { size }) => sum + size, 0);
  const a = `${from.name}@${short(found.from)}`;
  const b = `${to.name}@${short(found.to)}`;
  context.output.print(
    { from: { name: from.name, version: found.from }, to: { name: to.name, version: found.to }, ...found.diff, bytes },
    () => [
      `${a} → ${b}: ${added.length} added, ${removed.length} removed, ${changed.length} changed, ${renamed.length} renamed; ${sizeText(bytes)} of new content`,
      ...added.map(({ path, size }) => `+ ${path}  ${sizeText(size)}`),
      ...removed.map(({ path, size }) => `- ${path}  ${sizeText(size)}`),
      ...changed.map((each) => `~ ${each.path}  ${sizeText(each.from.size)} → ${sizeText(each.to.size)}`),
      ...renamed.map((each) => `> ${each.from} → ${each.to}`),
    ],
  );
};
